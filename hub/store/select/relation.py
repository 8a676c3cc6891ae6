"""One reader's view of one dataset as one flat query level: row filter, masks and the reader's own wishes together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from hub.predicates import FieldType
from hub.store.select.values import json_key, json_text
from hub.store.sql import Slot, Sql, join

SORTABLE: frozenset[FieldType] = frozenset(
    {"string", "integer", "number", "decimal", "boolean", "date", "datetime", "time"}
)
_CASTS: Mapping[FieldType, str] = {
    "string": "text",
    "integer": "numeric",
    "number": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "time": "time",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A field as the reader sees it: the type after masking, and the expression that makes the cell.

    ``is_plain`` says that the expression is the column itself, so that an index on it serves.
    """

    name: str
    type: FieldType
    expression: Sql
    is_plain: bool = False
    never_null: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One sort term; nulls last in either direction."""

    field: Shown
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What to read: ``where`` holds the policy's and the reader's conditions, ``after`` the texts of a page's end.

    Where ``groups`` is given, a row stands for the rows that have those cells in common (all of them, where it names
    none), and ``fields`` and ``order`` are of such cells and of aggregates.
    """

    table: str
    fields: tuple[Shown, ...]
    where: tuple[Sql, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    after: tuple[str | Slot | None, ...] = ()
    groups: tuple[Sql, ...] | None = None


def json_row(fields: Sequence[Shown], *, numbers_as_strings: bool = False) -> str:
    """A row as the text of a JSON object. Names go in as constants: an alias would be cut at 63 bytes."""
    pairs = [
        f"{json_key(field.name)} || {json_text(f'f{i}', field.type, numbers_as_strings=numbers_as_strings)}"
        for i, field in enumerate(fields)
    ]
    return "'{' || " + " || ',' || ".join(pairs) + " || '}'" if pairs else "'{}'"


def rows_sql(selection: Selection, row: str, *gate: Sql) -> Sql:
    """``SELECT`` of the row's text as ``row``, and of its sort terms ``o0``, ``o1`` …; in order, up to the limit.

    ``gate`` holds conditions that do not depend on the row. The inner level is the whole view; the outer one only
    writes its cells down, so that a mask is computed once.
    """
    terms = "".join(f", o{i}" for i in range(len(selection.order)))
    return f"SELECT {row} AS row{terms} FROM (" + view_sql(selection, gate) + ") v"


def position(terms: int) -> str:
    """The texts of so many sort terms of a row of ``rows_sql``: where the next page goes on."""
    return "ARRAY[" + ", ".join(f"o{i}::text" for i in range(terms)) + "]::text[]"


def count_sql(selection: Selection, at_most: int | None) -> Sql:
    """How many rows the view has; counted no further than ``at_most``."""
    inner = Sql(f"SELECT FROM {selection.table}") + conjunction(selection.where) + _grouped(selection)
    if at_most is not None:
        inner += Sql(" LIMIT %s", (at_most,))
    return "SELECT count(*) FROM (" + inner + ") v"


def view_sql(selection: Selection, gate: Sequence[Sql] = ()) -> Sql:
    """The view itself: its cells as ``f0``, ``f1`` …, the terms of its order as ``o0``, ``o1`` …"""
    cells = [field.expression + f" AS f{i}" for i, field in enumerate(selection.fields)]
    cells += [term.field.expression + f" AS o{i}" for i, term in enumerate(selection.order)]
    conditions = [*gate, *selection.where]
    behind = [beyond(selection.order, selection.after)] if selection.after else []
    if selection.groups is None:
        conditions += behind
    view = "SELECT " + join(", ", cells) + f" FROM {selection.table}" + conjunction(conditions) + _grouped(selection)
    if selection.groups is not None and behind:
        view += " HAVING " + behind[0]
    if selection.order:
        view += " ORDER BY " + join(", ", [_sorted(term) for term in selection.order])
    if selection.limit is not None:
        view += Sql(" LIMIT %s", (selection.limit,))
    return view + " OFFSET 0"


def conjunction(conditions: Sequence[Sql]) -> Sql:
    """``WHERE`` all of them."""
    if not conditions:
        return Sql("")
    return " WHERE " + join(" AND ", ["(" + condition + ")" for condition in conditions])


def _grouped(selection: Selection) -> Sql:
    if selection.groups is None:
        return Sql("")
    return " GROUP BY " + (join(", ", selection.groups) if selection.groups else Sql("()"))


def _sorted(term: Order) -> Sql:
    return term.field.expression + (" DESC NULLS LAST" if term.descending else "")


def beyond(order: Sequence[Order], after: Sequence[str | Slot | None]) -> Sql:
    """Rows behind the position ``after``; a row comparison of the first terms, as far as an index can follow it."""
    terms = list(zip(order, after, strict=True))
    followed = list(takewhile(lambda term: term[0].field.never_null and not term[0].descending, terms))
    if len(followed) == len(terms):
        return _compared(followed, ">")
    behind = _alternatives(terms)
    return _compared(followed, ">=") + " AND (" + behind + ")" if followed else behind


def _compared(terms: Sequence[tuple[Order, str | Slot | None]], operator: str) -> Sql:
    left = join(", ", [term.field.expression for term, _ in terms])
    right = join(", ", [_bound(term, value) for term, value in terms])
    return "(" + left + f") {operator} (" + right + ")"


def _alternatives(terms: Sequence[tuple[Order, str | Slot | None]]) -> Sql:
    """The first term is behind, or it ties and the next one is, and so on."""
    alternatives = []
    for index, (term, value) in enumerate(terms):
        if value is not None:
            ties = [_tie(*before) for before in terms[:index]]
            alternatives.append("(" + join(" AND ", [*ties, _behind(term, value)]) + ")")
    return join(" OR ", alternatives) if alternatives else Sql("FALSE")


def _behind(term: Order, value: str | Slot) -> Sql:
    cell = term.field.expression
    return "(" + cell + (" < " if term.descending else " > ") + _bound(term, value) + " OR " + cell + " IS NULL)"


def _tie(term: Order, value: str | Slot | None) -> Sql:
    cell = term.field.expression
    return cell + " IS NULL" if value is None else cell + " = " + _bound(term, value)


def _bound(term: Order, value: str | Slot | None) -> Sql:
    field = term.field
    cast = "bigint" if field.type == "integer" and field.is_plain else _CASTS[field.type]
    return Sql(f"%s::{cast}", (value,))
