"""Shapes of agencies, groups, clients and tokens."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.accounts.caller import Caller
from hub.accounts.keys import parted
from hub.accounts.limits import LIMITS, MAX_LIMIT
from hub.accounts.models import ROLES, Agency, AgencyGroup, Client, GroupChange, Token
from hub.api.serializers.parts import KEY_LENGTH, Body, words


@extend_schema_field(
    {
        "type": "object",
        "properties": {name: {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT} for name in LIMITS},
        "additionalProperties": False,
        "description": "What differs from the hub's limits; all of it at once.",
    }
)
class LimitsField(serializers.JSONField):
    """Limits of one's own."""


class AgencyShown(serializers.ModelSerializer[Agency]):
    """A department in the directory."""

    parent = serializers.CharField(source="parent.code", default=None, allow_null=True)  # type: ignore[assignment]
    limits = serializers.SerializerMethodField()

    class Meta:
        model = Agency
        fields = ("code", "name", "name_zh", "parent", "is_active", "limits")

    @extend_schema_field(LimitsField(allow_null=True))
    def get_limits(self, agency: Agency) -> dict[str, int] | None:
        """Told to the agency itself and to platform roles."""
        caller: Caller = self.context["caller"]
        is_own = caller.agency == agency.code and not caller.is_external
        return agency.limits if is_own or caller.has_role("system", "authority", "auditor") else None


class AgencyChange(Body):
    """What can be changed of an agency."""

    name = serializers.CharField(max_length=200)
    name_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    parent = serializers.CharField(max_length=31, required=False, allow_blank=True)  # type: ignore[assignment]
    is_active = serializers.BooleanField(required=False)
    limits = LimitsField(required=False)


class AgencyBody(Body):
    """A department to be entered."""

    code = serializers.CharField(max_length=31)
    name = serializers.CharField(max_length=200)
    name_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    parent = serializers.CharField(max_length=31, required=False, allow_blank=True)  # type: ignore[assignment]
    limits = LimitsField(required=False)


class GroupChangeShown(serializers.ModelSerializer[GroupChange]):
    """The agencies proposed for a group, which wait for another person's approval."""

    class Meta:
        model = GroupChange
        fields = ("agencies", "proposed_by", "proposed_at")


class GroupShown(serializers.ModelSerializer[AgencyGroup]):
    """Agencies that rules may name together."""

    agencies = serializers.SerializerMethodField()
    change = serializers.SerializerMethodField()

    class Meta:
        model = AgencyGroup
        fields = ("key", "agencies", "change")

    @extend_schema_field(GroupChangeShown(allow_null=True))
    def get_change(self, group: AgencyGroup) -> dict[str, Any] | None:
        """Told to those who may approve it."""
        caller: Caller = self.context["caller"]
        change = getattr(group, "change", None)
        return dict(GroupChangeShown(change).data) if change and caller.has_role("authority", "system") else None

    def get_agencies(self, group: AgencyGroup) -> list[str]:
        return sorted(agency.code for agency in group.agencies.all())


class GroupBody(Body):
    """The agencies of a group, all of them."""

    agencies = words()


class ClientShown(serializers.ModelSerializer[Client]):
    """A program that calls the API; rules name it `client:<agency>/<name>`."""

    agency = serializers.CharField(source="agency.code")
    external = serializers.BooleanField(source="is_external")
    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES))
    limits = LimitsField()

    class Meta:
        model = Client
        fields = ("id", "agency", "name", "roles", "external", "is_active", "limits")


class ClientChange(Body):
    """What can be changed of a client."""

    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES), required=False)
    external = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    limits = LimitsField(required=False)


class ClientBody(Body):
    """A client to register."""

    agency = serializers.CharField(max_length=31)
    name = serializers.CharField(max_length=60)
    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES), required=False)
    external = serializers.BooleanField(required=False)
    limits = LimitsField(required=False)


class TokenShown(serializers.ModelSerializer[Token]):
    """A token without its secret; `prefix` is how it begins."""

    client = serializers.CharField()
    agreement = serializers.SerializerMethodField(help_text="Key of the agreement that it is bound to; else empty.")

    class Meta:
        model = Token
        fields = ("id", "client", "prefix", "scopes", "agreement", "created_at", "expires_at", "revoked_at")

    def get_agreement(self, token: Token) -> str:
        return parted(token.agreement)[1]


class TokenIssued(TokenShown):
    """A new token; `token` is the secret, told this once."""

    token = serializers.CharField()

    class Meta(TokenShown.Meta):
        fields = (*TokenShown.Meta.fields, "token")  # type: ignore[assignment]


class TokenBody(Body):
    """A token to issue to the client `<agency>/<name>`."""

    client = serializers.CharField(max_length=92)
    scopes = words(required=False)
    agreement = serializers.CharField(max_length=KEY_LENGTH, required=False, allow_blank=True)
    expires = serializers.CharField(default="90d", help_text="A lifetime such as `90d` or `12h`.")


class TokenRotation(Body):
    """How long the new token lives; without `expires` as long as the old one did."""

    expires = serializers.CharField(required=False, help_text="A lifetime such as `90d` or `12h`.")
