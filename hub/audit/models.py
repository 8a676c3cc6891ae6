"""What happened: events that are only ever added."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.timezone import now


class Event(models.Model):
    """One act of one actor on one thing. Plain keys instead of relations: an event outlives what it speaks of.

    ``about`` is the code of the agency that it concerns beside the actor's and the dataset's, and that sees it too.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=models.Func(function="gen_random_uuid"))
    at = models.DateTimeField(default=now, db_default=Now())
    kind = models.CharField(max_length=60)
    agency = models.CharField(max_length=31, blank=True, db_default="")
    actor = models.CharField(max_length=254, blank=True, db_default="")
    dataset = models.CharField(max_length=100, blank=True, db_default="")
    subject = models.CharField(max_length=200, blank=True, db_default="")
    about = models.CharField(max_length=31, blank=True, db_default="")
    details = models.JSONField(default=dict, db_default={})

    class Meta:
        indexes = [
            models.Index(fields=["at"], name="event_at"),
            models.Index(fields=["agency", "at"], name="event_agency_at"),
            models.Index(fields=["dataset", "at"], name="event_dataset_at"),
            models.Index(fields=["about", "at"], name="event_about_at", condition=~models.Q(about="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject or self.dataset}"
