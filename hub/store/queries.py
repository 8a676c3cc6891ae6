"""Where the rows of a dataset stand, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from hub.catalog.models import Dataset
from hub.predicates import FieldType
from hub.store.models import Relation
from hub.store.tables import columns_of, ensure_relation


@dataclass(frozen=True, slots=True)
class Column:
    """The physical column of a field; ``never_null`` for those of the primary key in which every row has a value."""

    column: str
    type: FieldType
    never_null: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The table that holds a dataset's rows now, and its columns by field name."""

    relation: int
    generation: int
    table: str
    columns: Mapping[str, Column]


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
    )
