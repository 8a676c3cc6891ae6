"""A piece of SQL with its parameters, and how pieces are put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with its parameters in order; ``%`` in the text is doubled where it stands for itself."""

    text: str
    params: tuple[Any, ...] = ()

    def __add__(self, other: "Sql | str") -> "Sql":
        other = other if isinstance(other, Sql) else Sql(other)
        return Sql(self.text + other.text, self.params + other.params)

    def __radd__(self, other: str) -> "Sql":
        return Sql(other) + self


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands among the parameters for a value that each execution gives anew, under this name."""

    name: str


def bound(statement: Sql, values: Mapping[str, Any]) -> Sql:
    """``statement`` with its slots filled."""
    return Sql(statement.text, tuple(values[p.name] if isinstance(p, Slot) else p for p in statement.params))


def join(separator: str, parts: Sequence[Sql]) -> Sql:
    """``parts`` with ``separator`` between them."""
    return Sql(separator.join(part.text for part in parts), tuple(p for part in parts for p in part.params))


def literal(text: str) -> str:
    """``text`` as a SQL string constant inside a statement that psycopg2 formats."""
    quoted = text.replace("'", "''").replace("%", "%%")
    return f" E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in quoted else f"'{quoted}'"
