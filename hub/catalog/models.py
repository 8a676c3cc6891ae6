"""What exists: datasets and their fields, in DCAT's terms."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from guardian.models import GroupObjectPermissionBase

from hub.accounts.models import Agency
from hub.predicates import FIELD_TYPES

DATASET_NAME = r"^[a-z][a-z0-9_-]{1,60}\Z"
FREQUENCIES = ("continuous", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "irregular")
SENSITIVITIES = ("unclassified", "public", "internal", "personal", "sensitive")
SHARING_CLASSES = ("unconditional", "conditional", "closed")


PUBLIC_STATUSES = ("published", "retired")
PLAIN = Q(is_secret=False, status__in=PUBLIC_STATUSES)
"""Datasets that exist for everyone; of all others it depends on who asks."""


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class Dataset(models.Model):
    """A table that a department publishes: its description, its sharing class and the state of its registration."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SUBMITTED = "submitted"
        PUBLISHED = "published"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="datasets")
    key = models.CharField(max_length=93, unique=True)
    title = models.CharField(max_length=200)
    title_zh = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    description_zh = models.TextField(blank=True)
    keywords = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    theme = models.CharField(max_length=60, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    contact = models.CharField(max_length=200, blank=True)
    update_frequency = models.CharField(max_length=20, choices=_choices(FREQUENCIES), default="irregular")

    sharing_class = models.CharField(max_length=20, choices=_choices(SHARING_CLASSES), default="unconditional")
    conditions = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    legal_basis = models.JSONField(default=list, blank=True)
    classified_at = models.DateTimeField(null=True, blank=True)
    review_at = models.DateTimeField(null=True, blank=True)
    is_secret = models.BooleanField(default=False)

    primary_key = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    sensitivity = models.CharField(max_length=20, choices=_choices(SENSITIVITIES), default="unclassified")
    is_discovered = models.BooleanField(default=False)

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    submitter = models.CharField(max_length=254, blank=True)
    review_note = models.TextField(blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        permissions = [
            ("edit_dataset", "Describes the dataset, and drafts rules on it"),
            ("publish_dataset", "Submits the dataset for review"),
            ("load_dataset", "Brings rows in"),
            ("review_dataset", "Gives the second person's word, and answers applications"),
        ]
        indexes = [
            models.Index(fields=["agency", "key"], name="dataset_agency"),
            models.Index(fields=["theme", "key"], name="dataset_theme"),
            models.Index(fields=["sharing_class", "key"], name="dataset_class"),
            models.Index(fields=["title", "key"], name="dataset_title"),
            models.Index(fields=["published_at", "key"], name="dataset_published"),
            models.Index(fields=["agency", "theme", "sharing_class"], condition=PLAIN, name="dataset_plain"),
            models.Index(fields=["key"], condition=~PLAIN, name="dataset_guarded"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(sharing_class="unconditional") | ~Q(reason=""), name="restriction_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Wording(models.Model):
    """What a search looks through: a dataset's description and its owner's names, in capitals, one to a line.

    Beside them is what its findings are narrowed, put in order and counted by; ``is_plain`` as ``PLAIN`` says.
    The database keeps it (see the migration), so that it follows every change, whoever makes it.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, primary_key=True)
    text = models.TextField()
    key = models.CharField(max_length=93, db_default="")
    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, null=True, db_index=False)
    theme = models.CharField(max_length=60, blank=True, db_default="")
    sharing_class = models.CharField(max_length=20, db_default="")
    status = models.CharField(max_length=20, db_default="")
    is_secret = models.BooleanField(db_default=False)
    is_plain = models.BooleanField(db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["key"], name="wording_key"),
            models.Index(fields=["agency", "key"], name="wording_agency"),
            models.Index(fields=["theme", "key"], name="wording_theme"),
            models.Index(fields=["status"], condition=Q(is_plain=False), name="wording_guarded"),
        ]

    def __str__(self) -> str:
        return self.text.partition("\n")[0]


class WordingChange(models.Model):
    """A mark of one statement that changed wordings, made by the database with it, see ``hub.catalog.queries``."""

    id = models.BigAutoField(primary_key=True)


class Field(models.Model):
    """A column of a dataset. ``number`` names its physical column (``c<number>``) and is never used again."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="fields")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=60)
    type = models.CharField(max_length=10, choices=_choices(FIELD_TYPES))
    title = models.CharField(max_length=200, blank=True)
    title_zh = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    description_zh = models.TextField(blank=True)
    unit = models.CharField(max_length=60, blank=True)
    sensitivity = models.CharField(max_length=20, choices=_choices(SENSITIVITIES), default="unclassified")
    is_secret = models.BooleanField(default=False)
    legal_basis = models.JSONField(default=list, blank=True)
    link = models.CharField(max_length=60, blank=True)
    is_required = models.BooleanField(default=False)
    minimum = models.CharField(max_length=60, blank=True)
    maximum = models.CharField(max_length=60, blank=True)
    pattern = models.CharField(max_length=500, blank=True)
    codes = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="field_name"),
            models.UniqueConstraint(fields=["dataset", "number"], name="field_number"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id}#{self.name}"

    @property
    def column(self) -> str:
        return f"c{self.number}"


class DatasetGroupObjectPermission(GroupObjectPermissionBase):
    """What a team may do with one dataset; it goes with the dataset, and no later id inherits it."""

    content_object = models.ForeignKey(Dataset, on_delete=models.CASCADE)
