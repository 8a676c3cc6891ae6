"""Shapes of rules and agreements."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.accounts.caller import Caller
from hub.api.serializers.parts import KEY_LENGTH, AccessField, Body, LegalBasis
from hub.query.catalogue import is_filter_told
from policies.models import Agreement, Rule
from policies.queries import party_of, target_of

EFFECTS = ("permit", "prohibit")
MODES = ("rows", "aggregate", "export", "changes")


def _modes(required: bool = True) -> serializers.ListField:
    return serializers.ListField(child=serializers.ChoiceField(choices=MODES), required=required)


class RuleShown(serializers.ModelSerializer[Rule]):
    """A permit or prohibit, or an access on a field; it counts while it is approved and valid."""

    target = serializers.SerializerMethodField()
    party = serializers.SerializerMethodField()
    effect = serializers.SerializerMethodField()
    access = AccessField(allow_null=True)
    firm = serializers.BooleanField(source="is_firm")
    modes = _modes()
    legal_basis = LegalBasis(many=True)

    class Meta:
        model = Rule
        fields = (
            "key",
            "status",
            "target",
            "party",
            "effect",
            "access",
            "filter",
            "firm",
            "modes",
            "reason",
            "reason_zh",
            "legal_basis",
            "valid_from",
            "valid_to",
            "review_at",
            "author",
            "approver",
            "created_at",
        )

    def get_target(self, rule: Rule) -> str:
        return str(target_of(rule))

    @extend_schema_field(serializers.ChoiceField(choices=EFFECTS, allow_null=True))
    def get_effect(self, rule: Rule) -> str | None:
        return rule.effect or None

    def get_party(self, rule: Rule) -> str:
        return str(party_of(rule))


class RuleChange(Body):
    """What a rule says: on a field its `access`, otherwise its `effect`, on a dataset perhaps with a `filter`."""

    target = serializers.CharField(max_length=160)
    party = serializers.CharField(max_length=120)
    effect = serializers.ChoiceField(choices=EFFECTS, required=False)
    access = AccessField(required=False)
    filter = serializers.CharField(max_length=8192, required=False, allow_blank=True)
    firm = serializers.BooleanField(required=False)
    modes = _modes(required=False)
    reason = serializers.CharField()
    reason_zh = serializers.CharField(required=False, allow_blank=True)
    legal_basis = LegalBasis(many=True, required=False)
    valid_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_to = serializers.DateTimeField(required=False, allow_null=True)
    review_at = serializers.DateTimeField(required=False, allow_null=True)


class RuleBody(RuleChange):
    """A rule to draft; a second person approves it."""

    key = serializers.CharField(max_length=KEY_LENGTH)


class AgreementShown(serializers.ModelSerializer[Agreement]):
    """What one agency was granted on one dataset, for a purpose and a time.

    `filter` is null where it is kept from the caller, as it uses a field that the caller does not see in clear.
    """

    filter = serializers.SerializerMethodField()
    dataset = serializers.CharField(source="dataset.key")
    agency = serializers.CharField(source="agency.code")
    fields = serializers.DictField(child=AccessField())  # type: ignore[assignment]
    modes = _modes()
    legal_basis = LegalBasis(many=True)

    class Meta:
        model = Agreement
        fields = (
            "key",
            "dataset",
            "agency",
            "fields",
            "filter",
            "modes",
            "purpose",
            "legal_basis",
            "valid_from",
            "valid_to",
            "ended_at",
            "agreed_by",
            "created_at",
        )

    @extend_schema_field(serializers.CharField(allow_null=True, allow_blank=True))
    def get_filter(self, agreement: Agreement) -> str | None:
        """The owner and the platform's roles see it; the grantee as far as `/access` tells it."""
        caller: Caller = self.context["caller"]
        is_overseer = caller.has_role("system", "authority", "auditor")
        if not agreement.filter or is_overseer or caller.agency == agreement.dataset.agency.code:
            return agreement.filter
        return agreement.filter if is_filter_told(caller, agreement) else None


class AgreementBody(Body):
    """An agreement in force, with what it grants."""

    key = serializers.CharField(max_length=KEY_LENGTH)
    dataset = serializers.CharField(max_length=93)
    agency = serializers.CharField(max_length=31)
    fields = serializers.DictField(child=AccessField())  # type: ignore[assignment]
    filter = serializers.CharField(max_length=8192, required=False, allow_blank=True)
    modes = _modes(required=False)
    purpose = serializers.CharField()
    legal_basis = LegalBasis(many=True)
    valid_from = serializers.DateTimeField(required=False)
    valid_to = serializers.DateTimeField()
