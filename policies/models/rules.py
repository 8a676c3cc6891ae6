"""Who may see what: rules, and every form that each has had."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from guardian.models import GroupObjectPermissionBase

from hub.accounts.keys import full_key
from hub.accounts.models import Agency, AgencyGroup, Client
from hub.catalog.models import Dataset


class Rule(models.Model):
    """A permit or prohibit on a catalogue, an agency's datasets or a dataset, or an access on a field.

    The target is as specific as its last filled part (``target_agency``, ``target_dataset``, ``target_field``;
    none is the catalogue); the party likewise (none is everyone). ``owner`` is the target's, kept for the key.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    key = models.CharField(max_length=100)
    owner = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)

    target_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    target_dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, null=True, blank=True, related_name="rules")
    target_field = models.CharField(max_length=60, blank=True)
    party_group = models.ForeignKey(AgencyGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    party_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    party_client = models.ForeignKey(Client, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    effect = models.CharField(max_length=8, choices=[("permit", "permit"), ("prohibit", "prohibit")], blank=True)
    access = models.JSONField(null=True, blank=True)
    filter = models.TextField(blank=True)
    is_firm = models.BooleanField(default=False)
    modes = ArrayField(models.CharField(max_length=10), default=list, blank=True)

    reason = models.TextField()
    reason_zh = models.TextField(blank=True)
    legal_basis = models.JSONField(default=list, blank=True)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)
    review_at = models.DateTimeField(null=True, blank=True)
    author = models.CharField(max_length=254)
    approver = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        permissions = [
            ("edit_rule", "Changes the draft, and becomes its author"),
            ("review_rule", "Gives the second person's word, and retires the rule"),
        ]
        indexes = [
            models.Index(
                fields=["status"],
                condition=Q(target_agency__isnull=True, target_dataset__isnull=True),
                name="rule_on_the_catalogue",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key", "owner"], name="rule_key_of_owner", nulls_distinct=False),
            models.CheckConstraint(
                condition=Q(target_field="", access__isnull=True) & ~Q(effect="")
                | ~Q(target_field="") & Q(access__isnull=False, effect="", target_dataset__isnull=False, filter=""),
                name="rule_says_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(filter="") | Q(target_dataset__isnull=False), name="filter_needs_a_dataset"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="rule_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | (~Q(approver="") & ~Q(approver=F("author"))),
                name="rule_takes_two_persons",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def agency(self) -> Agency | None:
        """The owner of the target; the catalogue has none."""
        return self.target_dataset.agency if self.target_dataset is not None else self.target_agency

    @property
    def full_key(self) -> str:
        return full_key(self.agency, self.key)


class RuleGroupObjectPermission(GroupObjectPermissionBase):
    """What a team may do with one rule, with a key of its own."""

    content_object = models.ForeignKey(Rule, on_delete=models.CASCADE)


class RuleVersion(models.Model):
    """A rule as it stood after one act; ``said`` has its words as a manifest does."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(default=now)
    by = models.CharField(max_length=254)
    status = models.CharField(max_length=10, choices=Rule.Status.choices)
    said = models.JSONField(encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="rule_version")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.number}"
