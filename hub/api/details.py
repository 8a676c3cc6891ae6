"""A dataset with its fields as one caller sees it: the catalogue's description beside the decision."""

from collections.abc import Iterator
from typing import Any

from connectors.queries import quality_of
from hub.accounts.caller import Caller
from hub.api.serializers.datasets import CatalogEntry
from hub.catalog.models import Dataset, Field
from hub.store.models import Relation
from policies.decision import ALL_ROWS, Decision
from policies.explain import explanation
from policies.queries import manages


def detail(dataset: Dataset, decision: Decision, caller: Caller) -> dict[str, Any]:
    """``dataset`` comes with ``access``, ``version``, ``synced_at`` and ``freshness``.

    Withheld fields are listed with their reason; of those that are secret to the caller nothing is said.
    """
    is_managed = manages(caller, dataset)
    secret = {field.name for field in decision.fields if field.is_secret and not is_managed}
    return {
        **CatalogEntry(dataset).data,
        "primary_key": [] if secret.intersection(dataset.primary_key) else dataset.primary_key,
        "rows": _rows(dataset, decision),
        "fields": list(_fields(dataset, decision, is_managed)),
        **(_administration(dataset) if is_managed else {}),
    }


def _rows(dataset: Dataset, decision: Decision) -> int | None:
    """What is counted already: all rows, where the caller sees all of them."""
    if not decision.permit or decision.rows != ALL_ROWS:
        return None
    return Relation.objects.filter(dataset=dataset).values_list("rows", flat=True).first() or 0


def _fields(dataset: Dataset, decision: Decision, is_managed: bool) -> Iterator[dict[str, Any]]:
    described = {field.name: field for field in dataset.fields.all()}
    for told in explanation(decision, full=is_managed)["fields"]:
        field = described[told["name"]]
        yield {
            "name": field.name,
            "type": told["type"],
            "title": field.title,
            "title_zh": field.title_zh,
            "description": field.description,
            "description_zh": field.description_zh,
            "unit": field.unit,
            "sensitivity": field.sensitivity,
            "access": told["access"],
            "reason": told["reason"],
            "legal_basis": told["legal_basis"],
            **(_contract(field) if is_managed else {}),
        }


def _contract(field: Field) -> dict[str, Any]:
    """What the owner demands of the field's values, and what it withholds."""
    return {
        "required": field.is_required,
        "min": field.minimum,
        "max": field.maximum,
        "pattern": field.pattern,
        "codes": field.codes,
        "link": field.link,
        "secret": field.is_secret,
    }


def _administration(dataset: Dataset) -> dict[str, Any]:
    return {
        "secret": dataset.is_secret,
        "discover": dataset.is_discovered,
        "classified_at": dataset.classified_at,
        "review_at": dataset.review_at,
        "review_note": dataset.review_note,
        "quality": quality_of(dataset),
    }
