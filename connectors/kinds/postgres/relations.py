"""What a relation of somebody else's PostgreSQL holds, and its rows as ``COPY`` text; what its refusals mean."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from connectors import infer
from connectors.base import Column, Found
from connectors.columns import field_names
from connectors.copying import Sink, pulled
from hub.errors import SourceMalformed, SourceMissing, SourceRefused

_CANCEL_SECONDS: Final = 5.0
_SAMPLED: Final = 200

_HUB_TYPES: Final[Mapping[str, str]] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "oid": "integer",
    "float4": "number",
    "float8": "number",
    "numeric": "decimal",
    "bool": "boolean",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "time": "time",
    "json": "json",
    "jsonb": "json",
    "geometry": "geometry",
    "geography": "geometry",
}

_EXACT: Final = frozenset({"int2", "int4", "int8", "oid", "date", "timestamp", "timestamptz"})

_REQUIRED: Final = """
SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnotnull AND a.attnum > 0
"""
_TYPES: Final = """
SELECT t.oid, t.typname, n.nspname, t.typcategory = 'A' FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid = ANY(%s)
"""


class Offered:
    """A column the relation has: its name and type there, its hub type, and the expression for the hub's text of it."""

    def __init__(self, title: str, typname: str, namespace: str, is_array: bool) -> None:
        self.title = title
        self.stored = typname if namespace == "pg_catalog" else ""
        self.type = "json" if is_array else _HUB_TYPES.get(typname, "string")
        self.name = sql.Identifier(title)
        self.expression: sql.Composable = self.name
        if typname == "bool":
            self.expression = sql.SQL("{}::text").format(self.name)
        elif is_array:
            self.expression = sql.SQL("to_json({})").format(self.name)
        elif self.type == "geometry":
            self.expression = sql.SQL("{}.ST_AsGeoJSON({})").format(sql.Identifier(namespace), self.name)


def columns_of(connection: Connection, select: Mapping[str, Any]) -> list[Offered]:
    """The columns that a table or query has, in its order; raises ``SourceMalformed`` where two have one name."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(relation(select)))
        described = [(column.name, column.type_code) for column in cursor.description or ()]
        cursor.execute(_TYPES, ([oid for _, oid in described],))
        types = {oid: rest for oid, *rest in cursor.fetchall()}
    titles = [title for title, _ in described]
    repeated = [title for title in titles if titles.count(title) > 1]
    if repeated:
        raise SourceMalformed(
            f"{name_of(select)} gives two columns the name {repeated[0]!r}.",
            code="source-duplicate-column",
            hint="Give each column of the query a name of its own (AS).",
        )
    return [Offered(title, *types[oid]) for title, oid in described]


def relation(select: Mapping[str, Any]) -> sql.Composable:
    """What stands behind ``FROM``."""
    if "query" in select:
        # On lines of its own: a comment at the query's end must not swallow the bracket.
        return sql.SQL("(\n{}\n) AS source").format(sql.SQL(select["query"].rstrip().rstrip(";")))
    return sql.Identifier(select.get("schema", "public"), select["table"])


def from_on(cursor: Offered, since: str | None, after: str | None = None) -> sql.Composable:
    """From ``since`` on, its ties included: what came after the last read may carry the same value.

    Or behind ``after``, a value up to which this read has given every row; what has no value comes last.
    """
    where: sql.Composable = sql.SQL("")
    if after is not None:
        # What a condition leaves out when it began, rows without a value, it leaves out when it goes on.
        words = " WHERE {} > {}" if since is not None else " WHERE ({0} > {1} OR {0} IS NULL)"
        where = sql.SQL(words).format(cursor.name, sql.Literal(after))
    elif since is not None:
        where = sql.SQL(" WHERE {} >= {}").format(cursor.name, sql.Literal(since))
    return where + sql.SQL(" ORDER BY {}").format(cursor.name)


def found(connection: Connection, select: Mapping[str, Any], key: tuple[str, ...]) -> Found:
    """The relation as the fields it would become, with a sample of rows; ``key`` are those of its primary key."""
    offered = columns_of(connection, select)
    texts = sql.SQL(", ").join(sql.SQL("({})::text").format(column.expression) for column in offered)
    with connection.cursor() as cursor:
        cursor.execute(_REQUIRED, (select.get("schema", "public"), select.get("table")))
        required = {name for (name,) in cursor.fetchall()}
        cursor.execute(sql.SQL("SELECT {} FROM {} LIMIT {}").format(texts, relation(select), sql.Literal(_SAMPLED)))
        rows = cursor.fetchall()
    titles = [column.title for column in offered]
    names = field_names(titles)
    columns = tuple(
        infer.found(
            Column(
                name=name,
                type=column.type,
                required=column.title in required,
                title="" if name == column.title else column.title,
            ),
            [row[place] for row in rows if row[place] is not None],
        )
        for place, (name, column) in enumerate(zip(names, offered, strict=True))
    )
    by_title = dict(zip(titles, names, strict=True))
    return Found(name_of(select), select, columns, tuple(by_title[name] for name in key), infer.samples(rows))


def can_go_on(cursor: Offered) -> bool:
    """Whether two values of the cursor are equal just where their texts are, so that none is left out behind one."""
    return cursor.stored in _EXACT


def copied(connection: Connection, statement: sql.Composable, most: int = 0) -> Iterator[tuple[bytes, int]]:
    """The rows of a ``SELECT`` in COPY text format, as chunks of whole lines, ``most`` if given, with their number."""
    command = f"COPY ({statement.as_string(connection)}) TO STDOUT"

    def push(sink: Sink) -> None:
        with connection.cursor() as cursor:
            cursor.copy_expert(command, sink)

    def cancel(is_done: Callable[[], bool]) -> None:
        """End the statement where it still runs; if the server does not heed that, cut the line to it."""
        with suppress(psycopg2.Error):
            connection.cancel()
        deadline = time.monotonic() + _CANCEL_SECONDS
        while not is_done() and time.monotonic() < deadline:
            time.sleep(0.02)
        if not is_done():
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    return pulled(push, cancel, most)


def checked(lines: bytes, where: str) -> bytes:
    """A database of encoding SQL_ASCII hands out whatever bytes it was given."""
    try:
        lines.decode()
    except UnicodeDecodeError as error:
        raise SourceMalformed(
            f"{where} holds text that is not UTF-8.",
            code="source-encoding",
            hint="The database's encoding is SQL_ASCII: convert the text in a query, with convert_from(…).",
        ) from error
    return lines


def name_of(select: Mapping[str, Any]) -> str:
    """How errors name what is read."""
    return "The query" if "query" in select else f"{select.get('schema', 'public')}.{select['table']}"


@contextmanager
def explained(select: Mapping[str, Any]) -> Iterator[None]:
    """Say what the server's refusal of a statement means for the stream."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise SourceRefused(
            f"The login may not read {name_of(select)}.", hint="Have SELECT granted to the source's user."
        ) from error
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise SourceMissing(
            f"{name_of(select)} does not exist."
            if "table" in select
            else "The query names a table that does not exist.",
            code="source-no-table",
            hint="Check schema, table or query in the stream's select; discover lists what there is.",
        ) from error
    except errors.UndefinedColumn as error:
        raise SourceMissing(
            f"{name_of(select)} has no such column.", code="source-no-column", hint="Check the stream's select.query."
        ) from error
    except (psycopg2.ProgrammingError, psycopg2.NotSupportedError, errors.ReadOnlySqlTransaction) as error:
        raise SourceMissing(
            "The query is no SELECT that PostgreSQL accepts.",
            code="source-bad-query",
            hint="Check select.query: one SELECT that changes nothing, tried with the same user.",
        ) from error
    except psycopg2.DataError as error:
        raise SourceMalformed(
            f"PostgreSQL could not compute {name_of(select)}: {type(error).__name__}.",
            code="source-bad-query",
            hint="Check select.query, and that the cursor's last value fits the type of its column.",
        ) from error
