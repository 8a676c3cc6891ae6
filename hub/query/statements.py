"""The statement of a read: made once for all reads of one shape, where no value of theirs would change its plan."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Final, NamedTuple

from hub.query import wishes
from hub.query.kept import Kept
from hub.query.params import AggregateQuery, Count, RowsQuery
from hub.query.views import View, pass_of
from hub.store.connection import serve
from hub.store.prepared import Prepared, serve_prepared
from hub.store.select.gate import Reading, audited, given, page_read
from hub.store.select.relation import json_row
from hub.store.sql import Slot, Sql

ESTIMATED: Final = 10_000
"""How far an estimate counts."""
_KEPT = 5_000


class Shape(NamedTuple):
    """All of a read but its values: two reads of one shape and one view have one statement.

    ``conditions`` are what it asks of each row, as SQL with so many values left out.
    """

    properties: tuple[str, ...]
    limit: int | None
    counted: Count
    numbers_as_strings: bool
    conditions: tuple[tuple[str, int], ...]
    is_behind: bool


@dataclass(frozen=True, slots=True)
class _Made:
    view: View
    statement: Prepared


_made: Kept[_Made] = Kept(_KEPT)


def read_page(view: View, query: RowsQuery | AggregateQuery, reading: Reading) -> tuple[Any, ...] | None:
    """What ``audited`` answers to ``query``; None where the pass of the view is void.

    Raises ``Invalid`` for what the view does not have.
    """
    if isinstance(query, RowsQuery):
        shaped = _shaped(view, query)
        if shaped is not None:
            shape, values = shaped
            return serve_prepared(_statement(view, query, shape), {**values, **given(pass_of(view), reading)})
    selection = wishes.select(view, query)
    row = json_row(selection.fields, numbers_as_strings=query.numbers_as_strings)
    return serve(audited(pass_of(view), reading, selection, row, _count_to(query)))


def _shaped(view: View, query: RowsQuery) -> tuple[Shape, dict[str, Any]] | None:
    """The shape and its values; None for a read whose plan should look at the values: any but by and along the key."""
    if query.filter or query.sortby or (query.equals and not _is_lookup(view, query)):
        return None
    behind = wishes.after(view, query)
    if None in behind:  # the statement has other terms then
        return None
    conditions = wishes.conditions(view, query)
    texts = tuple((one.text, len(one.params)) for one in conditions)
    shape = Shape(query.properties, query.limit, query.count, query.numbers_as_strings, texts, bool(behind))
    values = [value for one in conditions for value in one.params]
    return shape, {slot.name: value for slot, value in zip(_slots(), (*values, *behind))}


def _is_lookup(view: View, query: RowsQuery) -> bool:
    return view.key_is_clear and sorted(name for name, _ in query.equals) == sorted(view.primary_key)


def _compiled(view: View, query: RowsQuery, shape: Shape) -> Sql:
    slots = _slots()
    conditions = [Sql(text, tuple(islice(slots, values))) for text, values in shape.conditions]
    selection = wishes.rows(view, query, conditions, ())
    if shape.is_behind:
        selection = replace(selection, after=tuple(islice(slots, len(selection.order))))
    row = json_row(selection.fields, numbers_as_strings=query.numbers_as_strings)
    return page_read(selection, row, _count_to(query), has_token=view.caller.token is not None)


def _slots() -> Iterator[Slot]:
    """For the values of conditions and position, in this order."""
    return (Slot(f"value{number}") for number in count())


def _count_to(query: RowsQuery | AggregateQuery) -> int | None:
    return {"none": None, "exact": 0, "estimate": ESTIMATED + 1}[query.count]


def _statement(view: View, query: RowsQuery, shape: Shape) -> Prepared:
    name = (view.caller, view.key, view.agreement, shape)
    made = _made.get(name)
    if made is None or made.view is not view:
        made = _Made(view, Prepared(_compiled(view, query, shape)))
        _made.put(name, made)
    return made.statement
