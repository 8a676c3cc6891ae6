"""What somebody wants as a file that takes longer than a request: a row of its own, and its own message to a worker."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from hub.catalog.models import Dataset


class Export(models.Model):
    """One view of one dataset as a file, for its requester alone, whose rights count at every step.

    ``token`` is the one it was requested with, ``scopes`` and ``bound_to`` what that one allowed. ``fence`` grows with
    every worker that takes it over. ``decision`` is the digest of what the requester could see when the file was made,
    ``file`` the name of the kept file. ``version``, ``rows``, ``size`` and ``sha256`` say what it holds.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        EXPIRED = "expired"

    OPEN = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="exports")
    agency = models.CharField(max_length=31)
    actor = models.CharField(max_length=254)
    is_client = models.BooleanField()
    token = models.UUIDField(null=True, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    bound_to = models.CharField(max_length=200, blank=True)
    agreement = models.CharField(max_length=200, blank=True)
    purpose = models.CharField(max_length=500, blank=True)

    format = models.CharField(max_length=10)
    filter = models.TextField(blank=True)
    properties = models.JSONField(default=list, blank=True)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    rows_written = models.BigIntegerField(default=0)

    decision = models.CharField(max_length=64, blank=True)
    epoch = models.BigIntegerField(null=True, blank=True)
    file = models.CharField(max_length=80, blank=True)
    version = models.PositiveIntegerField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    size = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    receipt = models.UUIDField(null=True, blank=True)

    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "actor", "-created_at"], name="export_requester"),
            models.Index(fields=["created_at"], condition=Q(status__in=("queued", "running")), name="export_open"),
            models.Index(fields=["expires_at"], condition=Q(status="ready"), name="export_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.key}.{self.format}"
