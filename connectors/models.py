"""How data arrives: sources, the streams read from them, and every run with its outbox message."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from guardian.models import GroupObjectPermissionBase

from connectors.secrets import SealedField
from hub.accounts.models import Agency
from hub.catalog.models import Dataset


class Source(models.Model):
    """A department's system that streams read from. ``secrets`` are sealed, see ``connectors.secrets``.

    ``failures`` counts the runs in a row that found it down; it is left alone until ``paused_until``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="sources")
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    config = models.JSONField(default=dict)
    secrets = SealedField(default=b"")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)
    failures = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "agency"], name="source_key_of_agency")]
        permissions = [
            ("edit_source", "Changes the source, and what is read from it"),
            ("load_source", "Reaches for the source, and starts runs from it"),
        ]

    def __str__(self) -> str:
        return self.key


class SourceGroupObjectPermission(GroupObjectPermissionBase):
    """What a team may do with one source, with a key of its own."""

    content_object = models.ForeignKey(Source, on_delete=models.CASCADE)


class Stream(models.Model):
    """One table or file of a source that feeds one dataset, with its mode, schedule and contract.

    ``state`` is the source's own word on how far a run has come, see ``connectors.base.Extract``.
    ``columns`` are the source's when the stream last came through, see ``connectors.runs.drift.Columns``.
    ``deleted`` tells rows that are gone, see ``connectors.runs.deletions``, ``overlap`` how far before ``cursor_value``
    a run asks again, see ``connectors.runs.overlap``. ``owner`` is the dataset's agency. ``ends_lines`` says whether
    each text file that came through had an end to its last line; None before the first.
    """

    class Mode(models.TextChoices):
        REPLACE = "replace"
        APPEND = "append"
        MERGE = "merge"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    key = models.CharField(max_length=100)
    owner = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="streams")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="streams")
    select = models.JSONField(default=dict)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.REPLACE)
    cursor = models.CharField(max_length=60, blank=True)
    cursor_value = models.TextField(blank=True)
    overlap = models.CharField(max_length=40, db_default="", blank=True)
    deleted = models.JSONField(default=dict, db_default={}, blank=True)
    state = models.JSONField(default=dict, db_default={}, blank=True)
    columns = models.JSONField(default=dict, blank=True)
    ends_lines = models.BooleanField(null=True, blank=True)
    schedule = models.CharField(max_length=100, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    contract = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "owner"], name="stream_key_of_owner")]

    def __str__(self) -> str:
        return self.key


class Run(models.Model):
    """One attempt to bring a stream up to date. ``fence`` grows with every worker that takes it over.

    ``difference`` is what a held run would change beyond the contract, ``accepted`` what a person let pass, by code.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        PARTIAL = "partial"
        HELD = "held"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (Status.QUEUED, Status.RUNNING)
    GOOD = (Status.SUCCEEDED, Status.PARTIAL)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="runs")
    slot = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=20, blank=True)
    requested_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    is_cancel_requested = models.BooleanField(default=False)

    rows_read = models.BigIntegerField(default=0)
    inserted = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    deleted = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    version = models.PositiveIntegerField(null=True, blank=True)
    timings = models.JSONField(default=dict)

    difference = models.JSONField(default=dict, blank=True)
    accepted = models.JSONField(default=dict, blank=True)

    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "slot"], name="one_run_per_slot"),
            models.UniqueConstraint(
                fields=["stream"], condition=Q(status__in=("queued", "running")), name="one_open_run_per_stream"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="run_created"),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="run_lease"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Checkpoint(models.Model):
    """How far the attempts of a run have come: what the next one adopts when its worker is lost.

    ``staging`` names the tables that hold what was read, empty where there are none; ``terms`` stands for all that must
    still be the same, ``state`` is what ``connectors.runs.checkpoints`` writes. ``furthest`` is the most rows that any
    attempt has read.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="checkpoint")
    staging = models.CharField(max_length=63, blank=True)
    terms = models.CharField(max_length=64, blank=True)
    state = models.JSONField(default=dict)
    furthest = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.staging


class Upload(models.Model):
    """A file brought by hand for one run; ``select`` says how it is to be read. Its parts go when the run is over.

    ``retries`` is the run whose quarantined records it holds, where it was made of them.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="upload")
    name = models.CharField(max_length=200)
    mode = models.CharField(max_length=10, choices=Stream.Mode.choices)
    select = models.JSONField(default=dict)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    retries = models.UUIDField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class UploadPart(models.Model):
    """Some of an upload's bytes, kept where every worker finds them and a backup has them."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="upload_part")]


class Outbox(models.Model):
    """A message written with the run it announces; gone once the broker has it."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="message")
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)


class Tick(models.Model):
    """One row: when the scheduler's last tick was carried out, and how many there were."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField(default=now)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_tick")]
