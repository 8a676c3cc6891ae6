"""Pages of a list by keyset: a cursor says after which entry to go on, however the list has changed since."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from hub.errors import Invalid
from hub.query import cursor

DEFAULT_LIMIT = 100
_M = TypeVar("_M", bound=Model)
_T = TypeVar("_T")


Shown = Callable[[QuerySet[Any]], QuerySet[Any]]
"""From the entries of a page, what is shown for them in the same order, with the same names to order by."""


def as_they_are(things: QuerySet[Any]) -> QuerySet[Any]:
    return things


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Some entries of a list; ``next`` is the cursor of those that follow, None after the last."""

    items: list[_T]
    limit: int
    next: str | None

    def told(self) -> dict[str, Any]:
        return {"limit": self.limit, "next": self.next}


def page_of(
    things: QuerySet[_M],
    order: tuple[str, ...],
    *,
    limit: int = DEFAULT_LIMIT,
    after: str = "",
    binding: str,
    empty: Q | None = None,
    shown: Shown = as_they_are,
) -> Page[Any]:
    """The page of ``things`` in ``order`` (``-`` descends; together the names are unique and never null), as ``shown``.

    ``empty`` says where the first name is null after all, if it can be: below all others. ``binding`` names the
    caller and the query: a cursor made for another one is refused with ``cursor-invalid``.
    """
    bound = f"{binding} {order}"
    position = cursor.unseal(after, bound) if after else ()
    items: list[Any] = []
    for part in [_after(things, order, position)] if empty is None else _parts(things, empty, order, position):
        items += shown(part[: limit + 1 - len(items)])
    if len(items) <= limit:
        return Page(items, limit, None)
    return Page(items[:limit], limit, cursor.seal(_position(items[limit - 1], order), bound))


def _parts(
    things: QuerySet[_M], empty: Q, order: tuple[str, ...], position: tuple[str | None, ...]
) -> Iterator[QuerySet[_M]]:
    """What comes after ``position``, those where the first name is null apart: each part walks an index."""
    name = order[0].removeprefix("-")
    without, filled = things.filter(empty), things.filter(**{f"{name}__isnull": False})
    is_among_empty = bool(position) and position[0] is None
    if order[0].startswith("-"):
        if not is_among_empty:
            yield _after(filled, order, position)
        yield _after(without, order[1:], position[1:] if is_among_empty else ())
    else:
        if is_among_empty or not position:
            yield _after(without, order[1:], position[1:])
        yield _after(filled, order, () if is_among_empty else position)


def slice_of(
    things: Sequence[_T], position: Callable[[_T], tuple[str, ...]], *, limit: int, after: str, binding: str
) -> Page[_T]:
    """The page of ``things``, which stand in the order of their ``position``, a tuple that is each one's own."""
    rest = things
    if after:
        last = cursor.unseal(after, binding)
        rest = [thing for thing in things if position(thing) > last]
    items = list(rest[:limit])
    is_last = len(rest) <= limit
    return Page(items, limit, None if is_last else cursor.seal(position(items[-1]), binding))


def _after(things: QuerySet[_M], order: tuple[str, ...], position: tuple[str | None, ...]) -> QuerySet[_M]:
    """Entries after ``position``: equal in the first names and beyond it in the next one."""
    names = [name.removeprefix("-") for name in order]
    terms = []
    for index, name in enumerate(names[: len(position)]):
        side = "lt" if order[index].startswith("-") else "gt"
        equal = dict(zip(names[:index], position, strict=False))
        terms.append(Q(**equal, **{f"{name}__{side}": position[index]}))
    try:
        return things.filter(reduce(or_, terms, Q())).order_by(*order)
    except ValidationError:
        raise Invalid("This cursor does not go on from here.", code="cursor-invalid") from None


def _position(item: Model, order: tuple[str, ...]) -> tuple[str | None, ...]:
    values = [_value(item, name.removeprefix("-")) for name in order]
    return tuple(None if value is None else str(value) for value in values)


def _value(item: Any, path: str) -> Any:
    for name in path.split("__"):
        item = getattr(item, name)
    return item
