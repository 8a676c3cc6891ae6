"""The statement of a read: made once for all reads of one shape, where no value of theirs would change its plan."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final, NamedTuple, cast

from hub.predicates import Comparison, FieldType, IsNull, Literal, Name, Predicate
from hub.query import wishes
from hub.query.kept import Kept
from hub.query.params import AggregateQuery, Count, RowsQuery
from hub.query.views import View, pass_of
from hub.store.connection import serve
from hub.store.prepared import Prepared, serve_prepared
from hub.store.select.conditions import parameter
from hub.store.select.gate import Reading, audited, given, opening, page_read, unrecorded
from hub.store.select.relation import json_row
from hub.store.sql import Slot, Sql

ESTIMATED: Final = 10_000
"""How far an estimate counts."""
_KEPT = 5_000


class Shape(NamedTuple):
    """All of a read but its values: two reads of one shape and one view have one statement.

    ``equal`` are the fields that it asks to have a value, each with the value's type; none where it asks for no value.
    """

    properties: tuple[str, ...]
    limit: int | None
    counted: Count
    numbers_as_strings: bool
    equal: tuple[tuple[str, FieldType | None], ...]
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
    if isinstance(query, AggregateQuery):
        return _read_before(view, reading, unrecorded(pass_of(view), selection, row, _count_to(query)), query.limit)
    return serve(audited(pass_of(view), reading, selection, row, _count_to(query)))


def _read_before(view: View, reading: Reading, page: Sql, limit: int) -> tuple[Any, ...] | None:
    """The page, once its event is written under a pass that still holds."""
    answer = serve(page)
    if answer is None:
        return None
    _, fits, _, found, *_ = answer
    details = {**reading.details, "rows": min(found, limit) if fits else 0}
    return None if serve(opening(pass_of(view), replace(reading, details=details))) is None else answer


def _shaped(view: View, query: RowsQuery) -> tuple[Shape, dict[str, Any]] | None:
    """The shape and its values; None for a read whose plan should look at the values: any but by and along the key."""
    if query.filter or query.sortby or (query.equals and not _is_lookup(view, query)):
        return None
    behind = wishes.after(view, query)
    if None in behind:  # the statement has other terms then
        return None
    asked = [_asked(tree) for tree in wishes.asked_of(view, query)]
    equal = tuple((name, None if value is None else value.type) for name, value in asked)
    values = [parameter(value.value) for _, value in asked if value is not None]
    shape = Shape(query.properties, query.limit, query.count, query.numbers_as_strings, equal, bool(behind))
    return shape, {slot.name: value for slot, value in zip(_slots(), (*values, *behind))}


def _asked(tree: Predicate) -> tuple[str, Literal | None]:
    """The field and the value of an equality; None for no value."""
    match tree:
        case Comparison("=", Name(name), Literal() as value):
            return name, value
        case IsNull(Name(name)):
            return name, None
    raise TypeError(f"a read by the key asks for no {type(tree).__name__}")


def _is_lookup(view: View, query: RowsQuery) -> bool:
    return view.key_is_clear and sorted(name for name, _ in query.equals) == sorted(view.primary_key)


def _compiled(view: View, query: RowsQuery, shape: Shape) -> Sql:
    slots = _slots()
    trees = [_with_slot(tree, slots) for tree in wishes.asked_of(view, query)]
    selection = wishes.rows(view, query, wishes.conditions(view, trees))
    if shape.is_behind:
        selection = replace(selection, after=tuple(slot for _, slot in zip(selection.order, slots)))
    row = json_row(selection.fields, numbers_as_strings=query.numbers_as_strings)
    return page_read(selection, row, _count_to(query), has_token=view.caller.token is not None)


def _with_slot(tree: Predicate, slots: Iterator[Slot]) -> Predicate:
    """The same equality with a slot where its value stands."""
    match tree:
        case Comparison("=", name, Literal(_, type_)):
            return Comparison("=", name, Literal(cast(Any, next(slots)), type_))
    return tree


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
