"""Who wants to be told of which changes, what it was last shown of each dataset, and what is on its way to it."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from connectors.secrets import SealedField
from hub.catalog.models import Dataset

EVENTS = ("dataset.version", "dataset.schema", "dataset.freshness", "dataset.class")
TEST = "subscription.test"
PERIODS = ("at-once", "hourly", "daily")


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class Subscription(models.Model):
    """One party's wish to be told of changes to ``target``: a dataset's key, ``agency.*``, or ``*`` for all it sees.

    ``scopes`` and ``agreement`` are what the token allowed with which it was made. ``sealed`` holds the secrets of a
    webhook: the present one, and until ``rotated_until`` the one before. ``epoch`` is the count of changes of rules
    at which the party's view was last looked at; ``failing_since`` the first of the tries that have failed in a row.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        BROKEN = "broken"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.CharField(max_length=31)
    actor = models.CharField(max_length=254)
    is_client = models.BooleanField()
    scopes = models.JSONField(default=list, blank=True)
    agreement = models.CharField(max_length=200, blank=True)

    target = models.CharField(max_length=93)
    events = ArrayField(models.CharField(max_length=30))
    url = models.CharField(max_length=2000, blank=True)
    sealed = SealedField(default=b"", blank=True)
    rotated_until = models.DateTimeField(null=True, blank=True)
    mail = ArrayField(models.EmailField(), default=list, blank=True)
    period = models.CharField(max_length=10, choices=_choices(PERIODS), default="daily")

    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    reason = models.TextField(blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    epoch = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "actor", "created_at"], name="subscription_party"),
            models.Index(fields=["epoch"], condition=Q(state="active"), name="subscription_active"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(url="") ^ Q(mail=[]), name="subscription_by_webhook_or_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.target} for {self.actor}"


class Noted(models.Model):
    """What a subscriber was last told of a dataset, or knew when it subscribed.

    ``schema`` is the digest of the JSON Schema of its own view, empty while it had none; ``until`` the moment from
    which the decision may be another without any change of a rule.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="noted")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="noted")
    version = models.PositiveIntegerField()
    freshness = models.CharField(max_length=10)
    sharing_class = models.CharField(max_length=20)
    schema = models.CharField(max_length=64, blank=True)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "dataset"], name="noted_once")]


class Delivery(models.Model):
    """One notice to one subscriber: its own outbox message, the record of its tries, and what a replay sends again.

    ``attempts`` counts the tries since it was made or replayed: the newest alone writes how it ended.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"
        WITHHELD = "withheld"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="deliveries")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, null=True, related_name="deliveries")
    type = models.CharField(max_length=30)
    version = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(default=now)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try = models.DateTimeField(null=True, default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["subscription", "-at"], name="delivery_subscription"),
            models.Index(fields=["next_try"], condition=Q(status="pending"), name="delivery_pending"),
            models.Index(fields=["at"], condition=~Q(status="pending"), name="delivery_over"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
