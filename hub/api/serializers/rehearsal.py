"""Shapes of rehearsals."""

from typing import Any

from rest_framework import serializers

from hub.api.serializers.parts import KEY_LENGTH, AccessField, words
from hub.api.serializers.rules import RuleChange
from hub.query.rehearsal import MAX_DAYS


class RehearsalBody(RuleChange):
    """A rule by its words, or by the `key` of one that is there; with `retire` the end of that rule."""

    key = serializers.CharField(max_length=KEY_LENGTH, required=False)
    retire = serializers.BooleanField(default=False)
    days = serializers.IntegerField(default=30, min_value=1, max_value=MAX_DAYS)
    target = serializers.CharField(max_length=160, required=False)
    party = serializers.CharField(max_length=120, required=False)
    reason = serializers.CharField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "key" not in attrs and "target" not in attrs:
            raise serializers.ValidationError({"key": "Name a rule, or say what it would be."})
        return attrs


class Calls(serializers.Serializer[Any]):
    """How many calls would gain, lose, change otherwise, or stay the same."""

    gains = serializers.IntegerField()
    loses = serializers.IntegerField()
    changes = serializers.IntegerField()
    same = serializers.IntegerField()


class AgencyCalls(Calls):
    """The calls of one agency."""

    agency = serializers.CharField()


class FieldDifference(serializers.Serializer[Any]):
    """A field in its two forms."""

    name = serializers.CharField()
    before = AccessField()
    after = AccessField()
    effect = serializers.CharField()


class RowsDifference(serializers.Serializer[Any]):
    """How many rows are seen, counted up to a million."""

    before = serializers.IntegerField()
    after = serializers.IntegerField()


class ViewDifference(serializers.Serializer[Any]):
    """What becomes of one caller's view of one dataset; `before` and `after` are `permit` or the refusal's code."""

    dataset = serializers.CharField()
    agency = serializers.CharField()
    actor = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    rows = RowsDifference(allow_null=True)
    fields = FieldDifference(many=True)  # type: ignore[assignment]
    calls = Calls()


class ExampleRead(serializers.Serializer[Any]):
    """Like reads of one caller, and what becomes of them; `fields` are those that they named."""

    agency = serializers.CharField()
    actor = serializers.CharField()
    dataset = serializers.CharField()
    agreement = serializers.CharField(allow_null=True)
    fields = words()  # type: ignore[assignment]
    calls = serializers.IntegerField()
    last = serializers.DateTimeField()
    effect = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class RehearsalShown(serializers.Serializer[Any]):
    """What would become of the reads that there were; `gone` are those of callers who are not there any more."""

    days = serializers.IntegerField()
    at = serializers.DateTimeField()
    reads = serializers.IntegerField()
    looked_at = serializers.IntegerField()
    gone = serializers.IntegerField()
    calls = Calls()
    agencies = AgencyCalls(many=True)
    datasets = ViewDifference(many=True)
    examples = ExampleRead(many=True)
