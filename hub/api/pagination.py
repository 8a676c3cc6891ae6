"""Pages of a list by keyset: a cursor says after which entry to go on, however the list has changed since."""

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Some entries of a list; ``next`` is the cursor of those that follow, None after the last."""

    items: list[_T]
    limit: int
    next: str | None

    def told(self) -> dict[str, Any]:
        return {"limit": self.limit, "next": self.next}


def page_of(
    things: QuerySet[_M], order: tuple[str, ...], *, limit: int = DEFAULT_LIMIT, after: str = "", binding: str
) -> Page[_M]:
    """The page of ``things`` in ``order`` (``-`` descends; together the names are unique and never null).

    ``binding`` names the caller and the query: a cursor made for another one is refused with ``cursor-invalid``.
    """
    bound = f"{binding} {order}"
    things = things.order_by(*order)
    if after:
        try:
            things = things.filter(_beyond(order, cursor.unseal(after, bound)))
        except ValidationError:
            raise Invalid("This cursor does not go on from here.", code="cursor-invalid") from None
    items = list(things[: limit + 1])
    if len(items) <= limit:
        return Page(items, limit, None)
    return Page(items[:limit], limit, cursor.seal(_position(items[limit - 1], order), bound))


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


def _beyond(order: tuple[str, ...], position: tuple[str | None, ...]) -> Q:
    """Entries after ``position``: equal in the first names and beyond it in the next one."""
    names = [name.removeprefix("-") for name in order]
    terms = []
    for index, name in enumerate(names):
        side = "lt" if order[index].startswith("-") else "gt"
        equal = dict(zip(names[:index], position, strict=False))
        terms.append(Q(**equal, **{f"{name}__{side}": position[index]}))
    return reduce(or_, terms)


def _position(item: Model, order: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(_value(item, name.removeprefix("-"))) for name in order)


def _value(item: Any, path: str) -> Any:
    for name in path.split("__"):
        item = getattr(item, name)
    return item
