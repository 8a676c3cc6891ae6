"""Who asks: agencies, their members and clients, and the tokens that clients carry."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

AGENCY_CODE = r"^[a-z][a-z0-9-]{1,30}\Z"
TEAM_NAME = r"^[a-z][a-z0-9-]{0,59}\Z"
MEMBER_ROLES = ("publisher", "reviewer", "requester")
PLATFORM_ROLES = ("system", "authority", "auditor")
ROLES = MEMBER_ROLES + PLATFORM_ROLES


class Users(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None) -> "User":
        user = self.model(email=email.strip().lower())
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in; what they may do comes from their memberships."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)
    objects = Users()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"


class Agency(models.Model):
    """A department. A parent is only its place in the directory: no right passes along it."""

    code = models.CharField(max_length=31, unique=True, validators=[RegexValidator(AGENCY_CODE)])
    name = models.CharField(max_length=200)
    name_zh = models.CharField(max_length=200, blank=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    is_active = models.BooleanField(default=True)
    limits = models.JSONField(default=dict, db_default={})

    class Meta:
        verbose_name_plural = "agencies"
        constraints = [models.CheckConstraint(condition=Q(code__regex=AGENCY_CODE[:-2] + "$"), name="agency_code")]

    def __str__(self) -> str:
        return self.code


class AgencyGroup(models.Model):
    """Agencies that rules may name together."""

    key = models.CharField(max_length=60, unique=True)
    agencies = models.ManyToManyField(Agency, related_name="agency_groups", blank=True)

    def __str__(self) -> str:
        return self.key


class GroupChange(models.Model):
    """The agencies that a group is to have, proposed by one person and waiting for another's word."""

    group = models.OneToOneField(AgencyGroup, on_delete=models.CASCADE, related_name="change")
    agencies = ArrayField(models.CharField(max_length=31))
    proposed_by = models.CharField(max_length=254)
    proposed_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return str(self.group)


class Membership(models.Model):
    """A person's place in one agency, with the roles held there."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, related_name="memberships")
    roles = ArrayField(models.CharField(max_length=20), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "agency"], name="one_membership_per_agency")]


class Team(models.Model):
    """Members of one agency who hold stewardships together; ``group`` is what guardian knows of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=60, validators=[RegexValidator(TEAM_NAME)])
    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="team")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency", "name"], name="team_name")]

    def __str__(self) -> str:
        return f"{self.agency.code}/{self.name}"


class Client(models.Model):
    """A program of an agency that calls the API. ``is_external`` marks one that speaks for the public."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.CASCADE, related_name="clients")
    name = models.CharField(max_length=60, validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")])
    roles = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    is_external = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    limits = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency", "name"], name="client_name")]

    def __str__(self) -> str:
        return f"{self.agency.code}/{self.name}"


class Token(models.Model):
    """A client's secret, kept as SHA-256 of 32 random bytes. Scopes only narrow what the client may do."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="tokens")
    digest = models.BinaryField(max_length=32, unique=True)
    prefix = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    agreement = models.CharField(max_length=133, blank=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)


class Invitation(models.Model):
    """A link that works once: to set a password, or to become the first administrator (no ``user`` yet)."""

    digest = models.BinaryField(max_length=32, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)


class Epoch(models.Model):
    """One row, counted up by every change that can alter a decision."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    value = models.BigIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_epoch")]


class Usage(models.Model):
    """What one client or member, or with no ``actor`` an agency with all of them, took on one day in UTC.

    ``requests`` runs a little ahead of what was asked where there is a quota: web processes take from it in portions.
    """

    day = models.DateField()
    agency = models.CharField(max_length=31)
    actor = models.CharField(max_length=254)
    requests = models.BigIntegerField()
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "agency", "actor"], name="usage_of_a_day")]

    def __str__(self) -> str:
        return f"{self.actor or self.agency} on {self.day}"


class Mail(models.Model):
    """A letter on its way: written with the act that it tells of, sent by the hub's clock."""

    to = ArrayField(models.EmailField())
    subject = models.CharField(max_length=300)
    text = models.TextField()
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="mail_waiting", condition=Q(sent_at=None))]

    def __str__(self) -> str:
        return self.subject
