"""Aggregates over the rows of one group, of the cells as the reader sees them."""

from collections.abc import Mapping
from typing import Final, Literal

from hub.predicates import FieldType
from hub.store.select.relation import SORTABLE, Shown
from hub.store.sql import Sql

Function = Literal["count", "sum", "avg", "min", "max", "distinct"]

_NUMBERS: Final[frozenset[FieldType]] = frozenset({"integer", "number", "decimal"})
TAKES: Final[Mapping[Function, frozenset[FieldType]]] = {
    "sum": _NUMBERS,
    "avg": _NUMBERS,
    "min": SORTABLE,
    "max": SORTABLE,
    "distinct": SORTABLE,
}
"""The types of fields that a function is of; ``count`` is of whole rows."""
_OF_BOOLEANS: Final[Mapping[Function, str]] = {"min": "bool_and", "max": "bool_or"}


def count_of_rows(name: str) -> Shown:
    """How many rows the group has."""
    return Shown(name, "integer", Sql("count(*)"), never_null=True)


def aggregate(function: Function, field: Shown, name: str) -> Shown:
    """The cell of ``function`` over the values of ``field`` that are not null; null where there is none.

    Sums and means are decimals: of integers and decimals exact, of doubles as near as their own sum is.
    """
    cell = field.expression
    match function:
        case "distinct":
            return Shown(name, "integer", "count(DISTINCT " + cell + ")", never_null=True)
        case "sum":
            return Shown(name, "integer" if field.type == "integer" else "decimal", _sum(field))
        case "avg":
            return Shown(name, "decimal", "trim_scale(" + _sum(field) + " / nullif(count(" + cell + "), 0))")
    called = _OF_BOOLEANS[function] if field.type == "boolean" else function
    return Shown(name, field.type, Sql(called) + "(" + cell + ")")


def _sum(field: Shown) -> Sql:
    """As ``numeric``. Where doubles add up to more than a double PostgreSQL raises: large ones go in as decimals."""
    cell = field.expression
    if field.type != "number":
        return "sum(" + cell + ")::numeric"
    few = "(sum(" + cell + ") FILTER (WHERE abs(" + cell + f") < {_LARGE}))::text::numeric"
    large = "sum((" + cell + ")::text::numeric) FILTER (WHERE abs(" + cell + f") >= {_LARGE})"
    return "coalesce(" + few + " + " + large + ", " + few + ", " + large + ")"


_LARGE: Final = "1e280::double precision"
"""So many rows as there can be, each of less than this, add up to less than the largest double."""
