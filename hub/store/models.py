"""Where the rows of a dataset stand, the rows that could not come in, and the keys of pseudonyms."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.timezone import now

from hub.catalog.models import Dataset


class Relation(models.Model):
    """The physical table of a dataset, ``data.d<id>_g<generation>``; a refresh without a key flips the generation.

    ``version`` moves with every completed run, changed or not. ``null_columns`` are those of the primary key that may
    be without a value in some row.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="relation")
    generation = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    synced_at = models.DateTimeField(null=True, blank=True)
    null_columns = ArrayField(models.CharField(max_length=10), default=list, db_default=[], blank=True)

    class Meta:
        indexes = [models.Index(fields=["synced_at"], name="relation_synced")]

    @property
    def table(self) -> str:
        return f"data.d{self.pk}_g{self.generation}"

    @property
    def change_log(self) -> str:
        return change_log_of(self.pk)


def change_log_of(relation: int) -> str:
    """The table with the row before each update and deletion, and the version that it ended with."""
    return f"data.d{relation}_log"


class Quarantined(models.Model):
    """One record that stayed out, whole: ``cells`` are its texts by the field's name, null where none came.

    ``cells`` is null where the record is too large to keep. All of it is raw: for the dataset's owner alone.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="quarantined")
    run = models.UUIDField()
    number = models.PositiveIntegerField()
    position = models.BigIntegerField(null=True)
    cells = models.JSONField(null=True)
    kept_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="quarantined_number")]


class Rejected(models.Model):
    """One value that kept its row in quarantine. ``value`` is a raw cell: it goes out through the door only.

    ``number`` is that of the run's ``Quarantined`` record; null where the record was no row, or is not kept.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="rejected")
    run = models.UUIDField()
    number = models.PositiveIntegerField(null=True)
    position = models.BigIntegerField(null=True)
    field = models.CharField(max_length=60, blank=True)
    rule = models.CharField(max_length=40)
    message = models.CharField(max_length=300)
    value = models.TextField(null=True)

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="rejected_run")]


class Sight(models.Model):
    """How a decision showed a dataset, so that its feed can tell later what a reader was given; holds no row.

    Positions of feeds name it by its random id: whoever empties the table makes every reader start again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    relation = models.ForeignKey(Relation, on_delete=models.CASCADE, related_name="sights")
    digest = models.CharField(max_length=64)
    content = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["relation", "digest"], name="sight_once")]


class Index(models.Model):
    """An index on a dataset's rows beside the key's: asked for by who administers it, or by what readers ask of it.

    ``fields`` are names of fields in order, with ``-`` where they descend; the key follows by itself. ``generation``
    is that of the table it stands on. ``uses`` and ``used_at`` are what PostgreSQL counted there. ``fence`` grows with
    every builder; one that is idle was dropped, and is remembered so that it is not built again at once.
    """

    class Origin(models.TextChoices):
        ASKED = "asked"
        MEASURED = "measured"

    class Status(models.TextChoices):
        WANTED = "wanted"
        BUILDING = "building"
        READY = "ready"
        FAILED = "failed"
        IDLE = "idle"

    STANDING = (Status.WANTED, Status.BUILDING, Status.READY)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="indexes")
    fields = ArrayField(models.CharField(max_length=61))
    origin = models.CharField(max_length=10, choices=Origin.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WANTED)
    created_at = models.DateTimeField(default=now)
    generation = models.PositiveIntegerField(null=True, blank=True)
    built_at = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(null=True, blank=True)
    uses = models.BigIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=now)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "fields"], name="index_once"),
            models.UniqueConstraint(fields=["status"], condition=models.Q(status="building"), name="index_one_builder"),
        ]

    def __str__(self) -> str:
        return ",".join(self.fields)


class Demand(models.Model):
    """How many reads of one day an index on ``fields`` would have served, and how long they took without it."""

    relation = models.ForeignKey(Relation, on_delete=models.CASCADE, related_name="demands")
    fields = ArrayField(models.CharField(max_length=61))
    day = models.DateField()
    reads = models.PositiveIntegerField(default=0)
    milliseconds = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["relation", "fields", "day"], name="demand_once")]


class HashKey(models.Model):
    """The two padded blocks of an HMAC key, so that pseudonyms are made in SQL without a key in any statement."""

    name = models.CharField(max_length=300, unique=True)
    inner = models.BinaryField(max_length=64)
    outer = models.BinaryField(max_length=64)
