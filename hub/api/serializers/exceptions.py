"""The shape of an entry in the ledger of exceptions."""

from typing import Any

from rest_framework import serializers

from hub.api.serializers.parts import LegalBasis

KINDS = ("class", "secret", "rule", "sensitivity")


class ExceptionShown(serializers.Serializer[Any]):
    """What is withheld (`target`, `what`), from whom, on what ground, since and until when, and how often asked for.

    `what` is a sharing class, `secret`, `prohibit`, or the access in which a field is shown; `key` names the rule.
    """

    kind = serializers.ChoiceField(choices=KINDS)
    target = serializers.CharField()
    what = serializers.CharField()
    party = serializers.CharField()
    key = serializers.CharField(allow_blank=True)
    filter = serializers.CharField(allow_blank=True)
    firm = serializers.BooleanField(source="is_firm")
    reason = serializers.CharField(allow_blank=True)
    legal_basis = LegalBasis(many=True)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    review_at = serializers.DateTimeField(allow_null=True)
    is_overdue = serializers.BooleanField()
    asked = serializers.IntegerField(help_text="Applications and refused reads.")
    problem = serializers.CharField(allow_blank=True)
