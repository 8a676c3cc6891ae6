"""Shapes of the catalogue: entries, fields, decisions, and what registers a dataset."""

from operator import attrgetter
from typing import Any

from rest_framework import serializers

from hub.api.schema import PageInfo
from hub.api.serializers.parts import AccessField, Body, LegalBasis, words
from hub.catalog.models import FREQUENCIES, SENSITIVITIES, SHARING_CLASSES, Dataset
from hub.predicates import FIELD_TYPES

ACCESS_WORDS = ("open", "on-request", "closed")
FRESHNESS_WORDS = ("fresh", "due", "overdue", "never")
_MANAGED = "Told to those who administer the dataset."
_WHERE_GIVEN = "The reason in Chinese, where it was given so."


class CatalogEntry(serializers.ModelSerializer[Dataset]):
    """A dataset as the catalogue lists it."""

    agency = serializers.CharField(source="owner")
    legal_basis = LegalBasis(many=True)
    access = serializers.ChoiceField(choices=ACCESS_WORDS)
    version = serializers.IntegerField()
    synced_at = serializers.DateTimeField(allow_null=True)
    freshness = serializers.ChoiceField(choices=FRESHNESS_WORDS)
    vars()["class"] = serializers.ChoiceField(choices=SHARING_CLASSES, source="sharing_class")

    class Meta:
        model = Dataset
        fields: tuple[str, ...] = (
            "key",
            "agency",
            "title",
            "title_zh",
            "description",
            "description_zh",
            "keywords",
            "theme",
            "licence",
            "contact",
            "class",
            "conditions",
            "reason",
            "legal_basis",
            "access",
            "status",
            "update_frequency",
            "version",
            "synced_at",
            "freshness",
            "published_at",
        )
        read_only_fields = fields

    @staticmethod
    def columns() -> tuple[str, ...]:
        """The names under which an instance holds the values, in the order of the fields."""
        renamed = {"class": "sharing_class", "agency": "owner"}
        return tuple(renamed.get(name, name) for name in CatalogEntry.Meta.fields)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The values as they are: a page has two thousand, and field by field they take as long as all the rest."""
        return dict(zip(CatalogEntry.Meta.fields, _values_of(instance), strict=True))


_values_of = attrgetter(*CatalogEntry.columns())


class FacetValue(serializers.Serializer[Any]):
    """One word and how many of the datasets found have it."""

    value = serializers.CharField()
    count = serializers.IntegerField()


class CatalogPage(serializers.Serializer[Any]):
    """A page of the catalogue; `facets` by name, where they were asked for."""

    data = CatalogEntry(many=True)  # type: ignore[assignment]
    page = PageInfo()
    facets = serializers.DictField(child=FacetValue(many=True), required=False)


class SeenField(serializers.Serializer[Any]):
    """A field and the form in which the caller sees it; `type` is null for one that is withheld."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=FIELD_TYPES, allow_null=True)
    title = serializers.CharField()
    title_zh = serializers.CharField()
    description = serializers.CharField()
    description_zh = serializers.CharField()
    unit = serializers.CharField()
    sensitivity = serializers.ChoiceField(choices=SENSITIVITIES)
    access = AccessField()
    reason = serializers.CharField(allow_null=True)
    legal_basis = LegalBasis(many=True)
    required = serializers.BooleanField(required=False, help_text=_MANAGED)  # type: ignore[assignment]
    min = serializers.CharField(required=False, help_text=_MANAGED)
    max = serializers.CharField(required=False, help_text=_MANAGED)
    pattern = serializers.CharField(required=False, help_text=_MANAGED)
    codes = serializers.ListField(child=serializers.JSONField(), required=False, help_text=_MANAGED)
    link = serializers.CharField(required=False, help_text=_MANAGED)
    secret = serializers.BooleanField(required=False, help_text=_MANAGED)


class Quality(serializers.Serializer[Any]):
    """The rows of the last completed run: those read, those kept out, the share of good ones; and by rule what is kept
    in quarantine."""

    run = serializers.UUIDField()
    rows_read = serializers.IntegerField()
    rejected = serializers.IntegerField()
    good = serializers.FloatField(allow_null=True)
    quarantine = serializers.DictField(child=serializers.IntegerField())


class DatasetDetail(CatalogEntry):
    """A dataset with its fields; `rows` counts the caller's view, null where that would cost or tell too much."""

    primary_key = words()
    rows = serializers.IntegerField(allow_null=True)
    secret = serializers.BooleanField(required=False, help_text=_MANAGED)
    discover = serializers.BooleanField(required=False, help_text=_MANAGED)
    classified_at = serializers.DateTimeField(required=False, allow_null=True, help_text=_MANAGED)
    review_at = serializers.DateTimeField(required=False, allow_null=True, help_text=_MANAGED)
    review_note = serializers.CharField(required=False, help_text=_MANAGED)
    quality = Quality(required=False, allow_null=True, help_text=_MANAGED)
    fields = SeenField(many=True)  # type: ignore[assignment]

    class Meta(CatalogEntry.Meta):
        fields = (
            *CatalogEntry.Meta.fields,
            *("primary_key", "rows", "fields", "secret", "discover"),
            *("classified_at", "review_at", "review_note", "quality"),
        )
        read_only_fields = fields


class RowsAccess(serializers.Serializer[Any]):
    """Which rows are visible, and by which filter, where the caller may know it."""

    visible = serializers.ChoiceField(choices=("all", "some", "none"))
    filter = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    reason_zh = serializers.CharField(required=False, help_text=_WHERE_GIVEN)


class FieldAccess(serializers.Serializer[Any]):
    """One field of a decision."""

    name = serializers.CharField()
    access = AccessField()
    type = serializers.ChoiceField(choices=FIELD_TYPES, allow_null=True)
    reason = serializers.CharField(allow_null=True)
    reason_zh = serializers.CharField(required=False, help_text=_WHERE_GIVEN)
    legal_basis = LegalBasis(many=True)
    because = serializers.ListField(child=serializers.DictField())
    stored_type = serializers.ChoiceField(choices=FIELD_TYPES, required=False, help_text=_MANAGED)


class HowToApply(serializers.Serializer[Any]):
    """Which form to send for more, who answers, and within how many working days."""

    form = serializers.CharField()
    dataset = serializers.CharField()
    to = serializers.CharField(help_text="Code of the owner.")
    working_days = serializers.IntegerField(allow_null=True)


class Explanation(serializers.Serializer[Any]):
    """A decision, and all that took part in it."""

    decision = serializers.ChoiceField(choices=("permit", "deny"))
    code = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    reason_zh = serializers.CharField(required=False, help_text=_WHERE_GIVEN)
    rows = RowsAccess()
    fields = FieldAccess(many=True)  # type: ignore[assignment]
    because = serializers.ListField(child=serializers.DictField())
    agreement = serializers.CharField(allow_null=True)
    agreements = words()
    until = serializers.DateTimeField(allow_null=True)
    next_step = serializers.CharField(allow_null=True)
    application = HowToApply(allow_null=True)


class FieldBody(Body):
    """A field as it is declared."""

    name = serializers.CharField(max_length=60)
    type = serializers.ChoiceField(choices=FIELD_TYPES)
    sensitivity = serializers.ChoiceField(choices=SENSITIVITIES, required=False)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    title_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(required=False, allow_blank=True)
    description_zh = serializers.CharField(required=False, allow_blank=True)
    unit = serializers.CharField(max_length=60, required=False, allow_blank=True)
    link = serializers.CharField(max_length=60, required=False, allow_blank=True)
    secret = serializers.BooleanField(required=False)
    legal_basis = LegalBasis(many=True, required=False, help_text="The law on which the field's secrecy rests.")
    required = serializers.BooleanField(required=False)  # type: ignore[assignment]
    min = serializers.JSONField(required=False)
    max = serializers.JSONField(required=False)
    pattern = serializers.CharField(max_length=500, required=False, allow_blank=True)
    codes = serializers.ListField(child=serializers.JSONField(), required=False)


class DatasetChange(Body):
    """What can be changed of a dataset; a change of `class` carries `reason` and `legal_basis`."""

    title = serializers.CharField(max_length=200)
    title_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(required=False, allow_blank=True)
    description_zh = serializers.CharField(required=False, allow_blank=True)
    keywords = words(required=False)
    theme = serializers.CharField(max_length=60, required=False, allow_blank=True)
    licence = serializers.CharField(max_length=200, required=False, allow_blank=True)
    contact = serializers.CharField(max_length=200, required=False, allow_blank=True)
    update_frequency = serializers.ChoiceField(choices=FREQUENCIES, required=False)
    primary_key = words(required=False)
    sensitivity = serializers.ChoiceField(choices=SENSITIVITIES, required=False)
    discover = serializers.BooleanField(required=False)
    secret = serializers.BooleanField(required=False)
    conditions = serializers.CharField(required=False, allow_blank=True)
    reason = serializers.CharField(required=False, allow_blank=True)
    legal_basis = LegalBasis(many=True, required=False)
    fields = FieldBody(many=True, required=False)  # type: ignore[assignment]
    vars()["class"] = serializers.ChoiceField(choices=SHARING_CLASSES, required=False)


class DatasetBody(DatasetChange):
    """A dataset to register; its owner is the agency that the key begins with."""

    key = serializers.CharField(max_length=93)


class Note(Body):
    """What a reviewer wants to be changed."""

    note = serializers.CharField(max_length=2000)
