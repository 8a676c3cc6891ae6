"""What a relation of somebody else's MySQL or MariaDB holds, and its rows as ``COPY`` text that the server writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymysql.connections import Connection
from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.cursors import SSCursor

from connectors import infer
from connectors.base import Column, Found, Reject
from connectors.batches import Lines
from connectors.columns import field_names

_SAMPLED: Final = 200
_AT_ONCE: Final = 1000
_BINARY: Final = 63
"""The character set by which the server says that a text is bytes."""
_CELL: Final = "CONVERT({} USING utf8mb4)"
_ESCAPES: Final = (("5C", "5C5C"), ("09", "5C74"), ("0A", "5C6E"), ("0D", "5C72"))

_HUB_TYPES: Final[Mapping[int, str]] = {
    FIELD_TYPE.TINY: "integer",
    FIELD_TYPE.SHORT: "integer",
    FIELD_TYPE.INT24: "integer",
    FIELD_TYPE.LONG: "integer",
    FIELD_TYPE.LONGLONG: "integer",
    FIELD_TYPE.YEAR: "integer",
    FIELD_TYPE.BIT: "integer",
    FIELD_TYPE.FLOAT: "number",
    FIELD_TYPE.DOUBLE: "number",
    FIELD_TYPE.DECIMAL: "decimal",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.TIMESTAMP: "datetime",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.GEOMETRY: "geometry",
}
# As bits that CONVERT would take for characters, or with fewer digits than they have.
_WRITTEN: Final[Mapping[int, str]] = {
    FIELD_TYPE.BIT: "CAST({} AS UNSIGNED)",
    FIELD_TYPE.FLOAT: "({} + 0e0)",
    FIELD_TYPE.TIMESTAMP: "CONCAT({}, 'Z')",
    FIELD_TYPE.GEOMETRY: "ST_AsGeoJSON({})",
}

TABLES: Final = """
SELECT t.table_name, (SELECT group_concat(k.column_name ORDER BY k.ordinal_position SEPARATOR '\\n')
                      FROM information_schema.key_column_usage k WHERE k.constraint_name = 'PRIMARY'
                        AND k.table_schema = t.table_schema AND k.table_name = t.table_name)
FROM information_schema.tables t
WHERE t.table_schema = database() AND t.table_type IN ('BASE TABLE', 'VIEW')
"""


@dataclass(frozen=True, slots=True)
class Offered:
    """A column the relation has, its hub type, and the expression for the hub's text of it."""

    title: str
    type: str
    is_required: bool
    expression: str

    @property
    def line(self) -> str:
        """The expression for its cell in a line of ``COPY``."""
        cell = _CELL.format(self.expression)
        if self.type in ("string", "json", "geometry"):
            for character, written in _ESCAPES:
                cell = f"REPLACE({cell}, _utf8mb4 x'{character}', _utf8mb4 x'{written}')"
        return f"IFNULL({cell}, _utf8mb4 x'5C4E')"


def columns_of(connection: Connection, select: Mapping[str, Any]) -> list[Offered]:
    """The columns that a table or query has, in its order."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {relation(select)} LIMIT 0")
        fields = cursor._result.fields
    return [_offered(field) for field in fields]


def _offered(field: Any) -> Offered:
    name = quoted(field.name)
    type_ = _HUB_TYPES.get(field.type_code, "string")
    expression = _WRITTEN.get(field.type_code, "{}").format(name)
    if type_ == "string" and field.charsetnr == _BINARY and field.flags & FLAG.BINARY:
        expression = f"CONCAT(_utf8mb4 x'5C78', LOWER(HEX({name})))"
    return Offered(field.name, type_, bool(field.flags & FLAG.NOT_NULL), expression)


def relation(select: Mapping[str, Any]) -> str:
    """What stands behind ``FROM``."""
    if "query" in select:
        # On lines of its own: a comment at the query's end must not swallow the bracket.
        return "(\n" + str(select["query"]).rstrip().rstrip(";") + "\n) AS source"
    return quoted(str(select["table"]))


def quoted(name: str) -> str:
    """A name between backticks."""
    return "`" + name.replace("`", "``") + "`"


def name_of(select: Mapping[str, Any]) -> str:
    """The relation as errors name it."""
    return str(select["table"]) if "table" in select else "The query"


def found(connection: Connection, select: Mapping[str, Any], key: Sequence[str]) -> Found:
    """The relation as the fields it would become, with a sample of rows; ``key`` are those of its primary key."""
    offered = columns_of(connection, select)
    texts = ", ".join(_CELL.format(column.expression) for column in offered)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {texts} FROM {relation(select)} LIMIT {_SAMPLED}")
        rows = cursor.fetchall()
    names = field_names([column.title for column in offered])
    columns = tuple(
        infer.found(
            Column(name, column.type, required=column.is_required, title="" if name == column.title else column.title),
            [row[place] for row in rows if row[place] is not None],
        )
        for place, (name, column) in enumerate(zip(names, offered, strict=True))
    )
    by_title = {column.title: name for column, name in zip(offered, names, strict=True)}
    return Found(name_of(select), select, columns, tuple(by_title[name] for name in key), infer.samples(rows))


def statement(columns: Sequence[Offered], select: Mapping[str, Any], cursor: Offered | None) -> str:
    """Each row as one line; from a value of the cursor on (a parameter, ties included), in its order."""
    line = "CONCAT_WS(_utf8mb4 x'09', " + ", ".join(column.line for column in columns) + ")"
    text = f"SELECT {line} FROM {relation(select)}"
    if cursor is None:
        return text
    text, name = _doubled(text), _doubled(quoted(cursor.title))
    return f"{text} WHERE %s IS NULL OR {name} >= %s ORDER BY {name} IS NULL, {name}"


def _doubled(text: str) -> str:
    """Beside parameters the driver takes a single % for the place of one."""
    return text.replace("%", "%%")


def lines(connection: Connection, words: str, values: Sequence[str | None]) -> Iterator[Lines | Reject]:
    """What the statement gives, unbuffered; a row with the character NUL is none."""
    done = 0
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(words, values or None)
        while rows := cursor.fetchmany(_AT_ONCE):
            text = "".join([f"{row[0]}\n" for row in rows])
            if "\0" not in text:
                yield Lines(text.encode(), len(rows))
            else:
                yield from _without_nul([row[0] for row in rows], done)
            done += len(rows)


def _without_nul(rows: Sequence[str], done: int) -> Iterator[Lines | Reject]:
    for number, row in enumerate(rows, start=done + 1):
        if "\0" in row:
            yield Reject(number, "nul", "A value holds the character NUL, which cannot be stored.", (row,))
        else:
            yield Lines(f"{row}\n".encode(), 1)
