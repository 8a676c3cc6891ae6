"""Shapes of rules."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.api.serializers.parts import KEY_LENGTH, AccessField, Body, LegalBasis, ObjectField
from hub.query.trial import warnings_on
from policies.ledger import is_overdue, problem_of
from policies.models import Rule, RuleVersion
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
    is_overdue = serializers.SerializerMethodField(help_text="Whether its review is overdue.")
    problem = serializers.SerializerMethodField(help_text="What of it cannot be read any more; empty where all can.")

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
            "is_overdue",
            "problem",
        )

    def get_target(self, rule: Rule) -> str:
        return str(target_of(rule))

    @extend_schema_field(serializers.ChoiceField(choices=EFFECTS, allow_null=True))
    def get_effect(self, rule: Rule) -> str | None:
        return rule.effect or None

    def get_party(self, rule: Rule) -> str:
        return str(party_of(rule))

    def get_is_overdue(self, rule: Rule) -> bool:
        return rule.status == Rule.Status.APPROVED and is_overdue(rule)

    def get_problem(self, rule: Rule) -> str:
        return problem_of(rule)


class RuleSaved(RuleShown):
    """A rule as it was saved; `warnings` tell what the rows say to it."""

    warnings = serializers.SerializerMethodField()

    class Meta(RuleShown.Meta):
        fields = (*RuleShown.Meta.fields, "warnings")  # type: ignore[assignment]

    def get_warnings(self, rule: Rule) -> list[str]:
        return warnings_on(rule)


class RuleVersionShown(serializers.ModelSerializer[RuleVersion]):
    """A rule as it stood after one act; `said` has its words as a manifest does."""

    said = ObjectField()

    class Meta:
        model = RuleVersion
        fields = ("number", "at", "by", "status", "said")


class RuleChange(Body):
    """What a rule says: on a field its `access`, otherwise its `effect`, on a dataset perhaps with a `filter`."""

    target = serializers.CharField(max_length=160)
    party = serializers.CharField(max_length=120)
    effect = serializers.ChoiceField(choices=EFFECTS, required=False)
    access = AccessField(required=False)
    filter = serializers.CharField(max_length=8192, required=False, allow_null=True)
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
