"""Statements that the server plans once for each connection, for those whose plan no value would change."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db.backends.utils import CursorWrapper
from psycopg2.extensions import AsIs
from psycopg2.extensions import connection as Connection

from hub.store.connection import answer_of, serve, serving
from hub.store.sql import Slot, Sql, bound
from hub.store.wires import WireCursor

_KEPT = 64
"""How many statements one connection keeps; a plan takes the server some 200 KB."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement with slots. What is no slot stands in it as it is, so that it is planned with."""

    statement: Sql
    slots: tuple[str, ...] = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(repr((self.statement.text, self.statement.params)).encode())
        names = (param.name for param in self.statement.params if isinstance(param, Slot))
        object.__setattr__(self, "name", f"read_{digest.hexdigest()[:32]}")
        object.__setattr__(self, "slots", tuple(dict.fromkeys(names)))


_names: "WeakKeyDictionary[Connection, OrderedDict[str, str]]" = WeakKeyDictionary()
"""Of each connection the statements that it has, with the text that executes them, the last used at the end."""


def serve_prepared(prepared: Prepared, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The one row of ``prepared`` with ``values`` in its slots; otherwise like ``serve``."""
    if not settings.HUB_PREPARED_STATEMENTS:
        return serve(bound(prepared.statement, values))
    with serving() as cursor:
        names = _names.setdefault(cursor.connection, OrderedDict())
        return answer_of(cursor, lambda: _execute(cursor, names, prepared, values))


def _execute(
    cursor: CursorWrapper | WireCursor, names: OrderedDict[str, str], prepared: Prepared, values: Mapping[str, Any]
) -> None:
    if prepared.name in names:
        names.move_to_end(prepared.name)
    else:
        _prepare(cursor, names, prepared)
    cursor.execute(names[prepared.name], [values[name] for name in prepared.slots])


def _prepare(cursor: CursorWrapper | WireCursor, names: OrderedDict[str, str], prepared: Prepared) -> None:
    if len(names) >= _KEPT:
        cursor.execute(f"DEALLOCATE {names.popitem(last=False)[0]}")
    numbers = {name: AsIs(f"${number}") for number, name in enumerate(prepared.slots, start=1)}
    filled = bound(prepared.statement, numbers)
    cursor.execute(f"PREPARE {prepared.name} AS {filled.text}", filled.params)
    names[prepared.name] = f"EXECUTE {prepared.name} ({', '.join(['%s'] * len(prepared.slots))})"
