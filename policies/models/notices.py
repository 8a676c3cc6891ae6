"""What was announced, so that nothing is announced twice."""

from django.db import models
from django.utils.timezone import now


class Notice(models.Model):
    """One announcement: this ``moment`` of that thing comes in ``days`` days; 0 says that it is there."""

    kind = models.CharField(max_length=30)
    subject = models.CharField(max_length=200)
    moment = models.DateTimeField()
    days = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "moment", "days"], name="announced_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.days}"
