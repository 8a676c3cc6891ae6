"""What a relation of a database holds, by SQLAlchemy, and its rows as the hub writes them."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import NULLTYPE

from connectors import infer
from connectors.base import Found
from connectors.batches import MISSING, Mark, Record
from connectors.columns import check_header, field_names

AT_ONCE: Final = 1000
_SAMPLED: Final = 200
FILES: Final = "sqlite"
"""The dialect whose database is a file below one of HUB_FILE_ROOTS."""
_TO_THE_DIGIT: Final = frozenset({FILES, "mysql", "mariadb", "postgresql"})
"""Whose times have no more digits than a driver gives."""

_HUB_TYPES: Final[tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...]] = (
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Float, "number"),
    (sa.Numeric, "decimal"),
    (sa.DateTime, "datetime"),
    (sa.Date, "date"),
    (sa.Time, "time"),
    (sa.JSON, "json"),
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A column as the dialect knows it; of a query it knows the name alone."""

    title: str
    type: sa.types.TypeEngine[Any] = NULLTYPE
    is_required: bool = False


def columns_of(connection: sa.Connection, select: Mapping[str, Any]) -> list[Offered]:
    if "query" in select:
        titles = tuple(connection.execute(sa.select(sa.text("*")).select_from(relation(select)).limit(0)).keys())
        check_header(titles, "The query")
        return [Offered(title) for title in titles]
    columns = sa.inspect(connection).get_columns(select["table"], select.get("schema"))
    return [Offered(column["name"], column["type"], not column.get("nullable", True)) for column in columns]


def relation(select: Mapping[str, Any]) -> sa.FromClause:
    """What stands behind ``FROM``."""
    if "query" in select:
        text = select["query"].rstrip().rstrip(";").replace(":", "\\:")
        # On lines of its own: a comment at the query's end must not swallow the bracket.
        return sa.text(f"(\n{text}\n) source")  # type: ignore[return-value]
    return sa.table(select["table"], schema=select.get("schema"))


def statement(offered: Sequence[Offered], select: Mapping[str, Any]) -> sa.Select[*tuple[Any, ...]]:
    """All columns, as the driver gives them: what SQLAlchemy makes of a type may have fewer digits."""
    columns: list[sa.ColumnElement[Any]] = [sa.column(column.title) for column in offered]
    return sa.select(*columns).select_from(relation(select))


def from_on(
    statement: sa.Select[*tuple[Any, ...]], cursor: Offered, since: str | None, resume: Mapping[str, Any], dialect: str
) -> sa.Select[*tuple[Any, ...]]:
    """From ``since`` on, its ties included: what came after the last read may carry the same value.

    Or behind the value of ``resume``; rows without one come first in some databases, and last in others.
    """
    column: sa.ColumnElement[Any] = sa.column(cursor.title)
    if resume:
        beyond = column > sa.literal(_same(cursor.type, resume["after"], dialect))
        is_left = since is None and not resume["are_empty_first"]
        statement = statement.where(sa.or_(beyond, column.is_(None)) if is_left else beyond)
    elif since is not None:
        statement = statement.where(column >= sa.literal(_earliest(cursor.type, since, dialect)))
    return statement.order_by(column)


def can_go_on(cursor: Offered, dialect: str) -> bool:
    """Whether two values of the cursor are equal just where their texts are: drivers cut digits off."""
    exact = (sa.Integer, sa.Date, sa.DateTime) if dialect in _TO_THE_DIGIT else (sa.Integer, sa.Date)
    return isinstance(cursor.type, exact)


def _earliest(type_: sa.types.TypeEngine[Any], text: str, dialect: str) -> Any:
    """The least value that is ``text``, which the hub has written."""
    if dialect != FILES or not isinstance(type_, sa.DateTime):
        return _read(type_, text)
    # SQLite compares texts, and a time has several: the shortest is before all others.
    text = text.removesuffix("Z").replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _same(type_: sa.types.TypeEngine[Any], text: str, dialect: str) -> Any:
    """The value of which ``text`` came: in SQLite that is the text."""
    return text if dialect == FILES and not isinstance(type_, sa.Integer) else _read(type_, text)


def _read(type_: sa.types.TypeEngine[Any], text: str) -> Any:
    """The text as a driver wants a value of the type."""
    readers: Mapping[type, Any] = {
        int: int,
        float: float,
        Decimal: Decimal,
        dt.date: dt.date.fromisoformat,
        dt.datetime: dt.datetime.fromisoformat,
    }
    try:
        return readers[type_.python_type](text)
    except (KeyError, NotImplementedError, ValueError):
        return text


def records(
    rows: "sa.CursorResult[Any]", place: int | None = None, resume: Mapping[str, Any] | None = None
) -> Iterator[Record | Mark]:
    """The rows as cells, numbered behind those before ``resume``.

    With a mark in each so many where the cursor, at ``place``, changes its value: all rows of the one before are in.
    """
    state = {"done": 0, "are_empty_first": False, **(resume or {})}
    number, before = state["done"], MISSING
    for some in rows.partitions(AT_ONCE):
        texts = [[_text(value) for value in row] for row in some]
        cut = -1 if place is None else _last_change(texts, place, before)
        for at, cells in enumerate(texts):
            if at == cut:
                yield Mark({**state, "after": before if at == 0 else texts[at - 1][place or 0], "done": number})
            number += 1
            yield number, cells
        if place is not None:
            state["are_empty_first"] = state["are_empty_first"] or texts[0][place] == MISSING
            before = texts[-1][place]


def _last_change(texts: Sequence[Sequence[str]], place: int, before: str) -> int:
    """The place of the last row with another value than the one before it, which has one; -1 where there is none."""
    for at in range(len(texts) - 1, -1, -1):
        value = before if at == 0 else texts[at - 1][place]
        if value not in (texts[at][place], MISSING):
            return at
    return -1


def _text(value: Any) -> str:
    """A driver's value as the hub writes it."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_text)
    return repr(value) if isinstance(value, float) else str(value)


def name_of(select: Mapping[str, Any]) -> str:
    return str(select["table"]) if "table" in select else "The query"


def found(connection: sa.Connection, select: Mapping[str, Any]) -> Found:
    offered = columns_of(connection, select)
    sample = connection.execute(statement(offered, select).limit(_SAMPLED))
    rows = [[_text(value) for value in row] for row in sample]
    titles = [column.title for column in offered]
    columns = tuple(
        replace(guess, type=_hub_type(column.type) or guess.type, required=column.is_required)
        for column, guess in zip(offered, infer.columns(titles, rows), strict=True)
    )
    named = dict(zip(titles, field_names(titles), strict=True))
    key: list[str] = []
    if "table" in select:
        key = sa.inspect(connection).get_pk_constraint(select["table"], select.get("schema"))["constrained_columns"]
    return Found(name_of(select), select, columns, tuple(named[title] for title in key), infer.samples(rows))


def _hub_type(type_: sa.types.TypeEngine[Any]) -> str:
    """Empty where the dialect does not know: then the values tell."""
    if isinstance(type_, sa.types.NullType):
        return ""
    return next((name for known, name in _HUB_TYPES if isinstance(type_, known)), "string")
