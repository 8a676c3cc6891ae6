"""Shapes of sources, streams and what a source offers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors.models import Source, Stream
from connectors.runs.deletions import DELETED_SCHEMA
from connectors.runs.overlap import OVERLAP_FORM, OVERLAP_PATTERN
from hub.api.serializers.parts import KEY_LENGTH, Body, ObjectField, words


@extend_schema_field({name: told for name, told in DELETED_SCHEMA.items() if name != "required"})
class DeletedField(ObjectField):
    """Which rows are gone; an empty object takes it back."""


@extend_schema_field({"type": "string", "pattern": OVERLAP_PATTERN.replace("^(", "^(|", 1)})
class OverlapField(serializers.CharField):
    """A length of time, or a number; an empty text is none."""


class Kind(serializers.Serializer[Any]):
    """A kind of source, with JSON Schemas of what it is told."""

    kind = serializers.CharField()
    title = serializers.CharField()
    config_schema = ObjectField()
    secrets_schema = ObjectField()
    select_schema = ObjectField()


class SourceShown(serializers.ModelSerializer[Source]):
    """A department's system; its secrets are never told.

    `failures` counts the runs in a row that found it down; the schedule leaves it alone until `paused_until`.
    """

    agency = serializers.CharField(source="agency.code")
    config = ObjectField()

    class Meta:
        model = Source
        fields = ("key", "agency", "kind", "config", "is_active", "created_at", "failures", "paused_until")


class SourceChange(Body):
    """What can be changed of a source; `secrets` replaces all of them."""

    config = ObjectField(required=False)
    secrets = serializers.DictField(child=serializers.CharField(), required=False)
    is_active = serializers.BooleanField(required=False)


class SourceBody(Body):
    """A source to register."""

    key = serializers.CharField(max_length=KEY_LENGTH)
    agency = serializers.CharField(max_length=31)
    kind = serializers.CharField(max_length=20)
    config = ObjectField()
    secrets = serializers.DictField(child=serializers.CharField(), required=False)


class Reached(serializers.Serializer[Any]):
    """The source answered and let the hub in."""

    ok = serializers.BooleanField()


class OfferedColumn(serializers.Serializer[Any]):
    """A column as the field it would become.

    `hint` is a word on personal data, where some was recognised, and `ground` what it was recognised by.
    """

    name = serializers.CharField()
    type = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    hint = serializers.CharField(allow_blank=True)
    ground = serializers.CharField(allow_blank=True)
    title = serializers.CharField(allow_blank=True)


class Offer(serializers.Serializer[Any]):
    """A table or file that the source has; `select` is what a stream says to read it."""

    name = serializers.CharField()
    select = ObjectField()
    columns = OfferedColumn(many=True)
    primary_key = words()
    samples = serializers.ListField(child=serializers.ListField(child=serializers.CharField(allow_null=True)))


class StreamShown(serializers.ModelSerializer[Stream]):
    """What is read from a source into a dataset, and when."""

    source = serializers.CharField(source="source.key")  # type: ignore[assignment]
    dataset = serializers.CharField(source="dataset.key")
    select = ObjectField()
    contract = ObjectField()
    overlap = OverlapField(read_only=True, help_text=OVERLAP_FORM)
    deleted = DeletedField(read_only=True)

    class Meta:
        model = Stream
        fields = (
            "key",
            "source",
            "dataset",
            "select",
            "mode",
            "cursor",
            "cursor_value",
            "overlap",
            "deleted",
            "schedule",
            "next_due_at",
            "contract",
            "is_active",
            "created_at",
        )


class StreamChange(Body):
    """What can be changed of a stream."""

    select = ObjectField(required=False)
    mode = serializers.ChoiceField(choices=Stream.Mode.values, required=False)
    cursor = serializers.CharField(max_length=60, required=False, allow_blank=True)
    overlap = OverlapField(required=False, allow_blank=True, help_text=OVERLAP_FORM)
    deleted = DeletedField(required=False)
    schedule = serializers.CharField(max_length=100, required=False, allow_blank=True)
    contract = ObjectField(required=False)
    is_active = serializers.BooleanField(required=False)


class SyncBody(Body):
    """How to run; with `full` everything is read again, not only what is new."""

    full = serializers.BooleanField(required=False)


class StreamBody(Body):
    """A stream to register."""

    key = serializers.CharField(max_length=KEY_LENGTH)
    source = serializers.CharField(max_length=KEY_LENGTH)  # type: ignore[assignment]
    dataset = serializers.CharField(max_length=93)
    select = ObjectField()
    mode = serializers.ChoiceField(choices=Stream.Mode.values, required=False)
    cursor = serializers.CharField(max_length=60, required=False, allow_blank=True)
    overlap = OverlapField(required=False, allow_blank=True, help_text=OVERLAP_FORM)
    deleted = DeletedField(required=False)
    schedule = serializers.CharField(max_length=100, required=False, allow_blank=True)
    contract = ObjectField(required=False)
