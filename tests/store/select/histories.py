"""Rows that come and go on temporary tables, and as Python has it: what a reader saw of them at each version."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.predicates import FieldType
from hub.store.select.changes import Seeing
from hub.store.select.relation import Shown
from hub.store.sql import Sql, join
from hub.store.tables import PHYSICAL_TYPES, VERSION
from tests.proofs.cells import text

Row = Mapping[str, Any]
Key = tuple[Any, ...]
Cell = Callable[[Row], Any]
CELLS: Mapping[str, FieldType] = {"flag": "boolean", "n": "integer", "word": "string"}
"""What every row has beside its key ``k0``, ``k1`` …"""


@dataclass(frozen=True)
class Sight:
    """One way to show rows, in SQL and as Python does it: fields with their cells, and what must be true of a row."""

    fields: tuple[tuple[Shown, Cell], ...]
    where: tuple[tuple[Sql, Cell], ...] = ()

    def seeing(self, types: Sequence[FieldType]) -> Seeing:
        fields, where = tuple(shown for shown, _ in self.fields), tuple(sql for sql, _ in self.where)
        return Seeing(fields, where, {**named(types), **CELLS})

    def copy(self, rows: Iterable[Row], exact: bool) -> dict[Key, str]:
        """The JSON texts of the rows that are seen, by their keys."""
        seen = [row for row in rows if all(is_true(row) for _, is_true in self.where)]
        return {
            key_of(row): json_object([(s.name, s.type, cell(row)) for s, cell in self.fields], exact) for row in seen
        }


def json_object(cells: Iterable[tuple[str, FieldType, Any]], exact: bool) -> str:
    """As the hub writes it; ``exact`` numbers are in quotes."""
    return "{" + ",".join(f"{json.dumps(name)}:{_json(value, type_, exact)}" for name, type_, value in cells) + "}"


def _json(value: Any, type_: FieldType, exact: bool) -> str:
    if value is None:
        return "null"
    is_bare = type_ in ("number", "boolean") or (type_ in ("integer", "decimal") and not exact)
    return text(value, type_) if is_bare else json.dumps(text(value, type_), ensure_ascii=False)


def named(types: Sequence[FieldType]) -> dict[str, FieldType]:
    """The parts of a key by their names."""
    return {f"k{i}": type_ for i, type_ in enumerate(types)}


def key_of(row: Row) -> Key:
    return tuple(value for name, value in row.items() if name not in CELLS)


def place(key: Key) -> tuple[Any, ...]:
    """What keys are ordered by: those without a value come last."""
    return tuple((value is None, value) for value in key)


@dataclass
class History:
    """A table, its change log, and the rows of each version, the first of which has none."""

    ask: Callable[[Sql | str], list[tuple[Any, ...]]]
    types: Sequence[FieldType]
    versions: list[dict[Key, Row]] = field(default_factory=lambda: [{}])

    def __post_init__(self) -> None:
        types = {**named(self.types), **CELLS}
        columns = ", ".join(f"{name} {PHYSICAL_TYPES[type_]}" for name, type_ in types.items())
        self.ask(f"CREATE TEMP TABLE people ({columns}, {VERSION} integer NOT NULL)")
        self.ask(f"CREATE TEMP TABLE people_log ({VERSION} integer NOT NULL, op text, before jsonb)")
        self.ask("CREATE TEMP TABLE gate AS SELECT 1 AS version")

    @property
    def rows(self) -> dict[Key, Row]:
        return self.versions[-1]

    def load(self, rows: Iterable[Row], gone: Iterable[Key] = ()) -> None:
        """The next version: these come, or are changed but for their key, and those go."""
        version, now = len(self.versions), dict(self.rows)
        for key in gone:
            self._leaves(now.pop(key), version)
        for row in rows:
            before = now.pop(key_of(row), None)
            if before is not None:
                self._leaves(before, version)
            values = [Sql("%s", (_stored(value),)) for value in (*row.values(), version)]
            self.ask("INSERT INTO people VALUES (" + join(", ", values) + ")")
            now[key_of(row)] = row
        self.versions.append(now)

    def _leaves(self, row: Row, version: int) -> None:
        same = [
            Sql(f"{name} IS NOT DISTINCT FROM (%s)::{PHYSICAL_TYPES[type_]}", (_stored(row[name]),))
            for name, type_ in named(self.types).items()
        ]
        gone = "DELETE FROM people WHERE " + join(" AND ", same) + " RETURNING to_jsonb(people) AS before"
        into = Sql("INSERT INTO people_log SELECT %s, 'any', before FROM gone", (version,))
        self.ask("WITH gone AS (" + gone + ") " + into)


def _stored(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)  # -0.0 as a number in SQL has no sign
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value
