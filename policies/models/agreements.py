"""What agencies ask for, and what they were granted: applications, and the agreements that come of them."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from hub.accounts.keys import full_key
from hub.accounts.models import Agency, Client, User
from hub.catalog.models import Dataset


class Terms(models.Model):
    """What an application asks and an agreement grants, in the same words.

    ``fields`` has an access for each name; no ``clients`` means all of the agency's, no ``modes`` all modes.
    ``keep_until`` and ``disposal`` say how long the consumer may keep the data, and what becomes of it then.
    ``assessment`` cites the assessment that personal or sensitive fields need.
    """

    fields = models.JSONField(default=dict)
    filter = models.TextField(blank=True)
    modes = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    clients = models.ManyToManyField(Client, blank=True, related_name="+")
    purpose = models.TextField()
    legal_basis = models.JSONField(default=list, blank=True)
    may_pass_on = models.BooleanField(default=False)
    keep_until = models.DateTimeField(null=True, blank=True)
    disposal = models.TextField(blank=True)
    assessment = models.TextField(blank=True)

    class Meta:
        abstract = True


class Agreement(Terms):
    """What one agency was granted on one dataset, for a purpose and a time; ``owner`` is the dataset's agency."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    key = models.CharField(max_length=100)
    owner = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="agreements")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="agreements")
    valid_from = models.DateTimeField(default=now)
    valid_to = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=254, blank=True)
    agreed_by = models.CharField(max_length=254)
    granted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "owner"], name="agreement_key_of_owner"),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="agreement_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def full_key(self) -> str:
        return full_key(self.dataset.agency, self.key)


class Application(Terms):
    """What one agency asks of a dataset's owner.

    The owner may ask once for what is missing, and then agrees, to all or a part, or refuses. The moments are kept,
    because the law counts working days from them.
    """

    class Status(models.TextChoices):
        SUBMITTED = "submitted"
        INCOMPLETE = "incomplete"
        AGREED = "agreed"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    OPEN = (Status.SUBMITTED, Status.INCOMPLETE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="applications")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="applications")
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.SUBMITTED)
    applicant = models.CharField(max_length=254)
    submitted_at = models.DateTimeField(default=now)
    question = models.TextField(blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    supplement = models.TextField(blank=True)
    supplemented_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(blank=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, null=True, blank=True, related_name="application"
    )

    class Meta:
        indexes = [
            models.Index(fields=["dataset", "-submitted_at"], name="application_dataset"),
            models.Index(fields=["agency", "-submitted_at"], name="application_agency"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(status="refused") | ~Q(answer=""), name="refusal_has_reasons"),
            models.CheckConstraint(
                condition=Q(status="agreed", agreement__isnull=False) | ~Q(status="agreed") & Q(agreement=None),
                name="agreeing_makes_an_agreement",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
