"""Where the rows of a dataset stand, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings

from hub.catalog.models import Dataset
from hub.predicates import FieldType
from hub.store.models import Index, Relation
from hub.store.tables import columns_of, ensure_relation


@dataclass(frozen=True, slots=True)
class Column:
    """The physical column of a field; ``never_null`` for those of the primary key in which every row has a value."""

    column: str
    type: FieldType
    never_null: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The table that holds a dataset's rows now, and its columns by field name.

    ``indexes`` are those of a large table that are ready beside the key's, each as its terms (``-`` descends);
    ``rows`` is how many rows there were when this was read.
    """

    relation: int
    generation: int
    table: str
    columns: Mapping[str, Column]
    rows: int = 0
    indexes: tuple[tuple[str, ...], ...] = ()


def is_large(rows: int) -> bool:
    """Whether a table of so many rows is one on which reads are measured, and may cost too much."""
    return rows > min(settings.HUB_INDEX_ROWS, settings.HUB_SCAN_ROWS)


def is_of_other_size(before: int, after: int) -> bool:
    """Whether something else may be asked of a table, or is measured on it, now that it has ``after`` rows."""
    return any((before > limit) != (after > limit) for limit in (settings.HUB_INDEX_ROWS, settings.HUB_SCAN_ROWS))


def place_of(dataset: Dataset) -> Place:
    """The place of ``dataset``; a table is made where there is none, and a column for a field that came since."""
    fields = list(dataset.fields.all())
    relation = Relation.objects.filter(dataset=dataset).first()
    if relation is None or not {field.column for field in fields} <= columns_of(relation.table):
        relation = ensure_relation(dataset)
    full = {field.column for field in fields if field.name in dataset.primary_key}.difference(relation.null_columns)
    return Place(
        relation=relation.pk,
        generation=relation.generation,
        table=relation.table,
        columns={
            field.name: Column(field.column, cast(FieldType, field.type), field.column in full) for field in fields
        },
        rows=relation.rows,
        indexes=_ready(relation) if is_large(relation.rows) else (),
    )


def _ready(relation: Relation) -> tuple[tuple[str, ...], ...]:
    ready = Index.objects.filter(
        dataset=relation.dataset_id, status=Index.Status.READY, generation=relation.generation
    ).order_by("created_at", "id")
    return tuple(tuple(fields) for fields in ready.values_list("fields", flat=True))
