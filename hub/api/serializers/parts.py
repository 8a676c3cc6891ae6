"""Shapes that several kinds of things have in common."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

KEY_LENGTH = 100


class Body(serializers.Serializer[Any]):
    """A request's body; a key that it does not know is a fault, never ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                faults = {
                    name: [ErrorDetail(f"There is no key {name}. Known: {known}.", "unknown")] for name in unknown
                }
                raise serializers.ValidationError(faults)
        return super().to_internal_value(data)


class LegalBasis(Body):
    """A citation: the law, and where in it."""

    title = serializers.CharField(max_length=500)
    article = serializers.CharField(max_length=200, required=False, allow_blank=True)
    url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    kind = serializers.CharField(
        max_length=60, required=False, allow_blank=True, help_text="The kind of law, in the regime's words."
    )


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": ["clear", "redact", "null", "hidden", "hash"]},
            {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}},
        ]
    }
)
class AccessField(serializers.JSONField):
    """A word, or a table such as ``{"kind": "partial", "head": 3, "tail": 4}``."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.DictField):
    """An object whose keys are its kind's own."""


def words(**kwargs: Any) -> serializers.ListField:
    """A list of short texts."""
    return serializers.ListField(child=serializers.CharField(max_length=200), **kwargs)
