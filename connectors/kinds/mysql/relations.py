"""What a relation of somebody else's MySQL or MariaDB holds, and its rows as ``COPY`` text that the server writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final

from pymysql.connections import Connection
from pymysql.constants import CR, FIELD_TYPE, FLAG
from pymysql.cursors import SSCursor
from pymysql.err import OperationalError, raise_mysql_exception

from connectors import infer
from connectors.base import Column, Found, Reject
from connectors.batches import Lines, Mark
from connectors.columns import field_names
from connectors.copying import Chunk
from connectors.order import by_value

_SAMPLED: Final = 200
_AT_ONCE: Final = 1000
_CONTINUED: Final = 0xFFFFFF
"""The length of a packet that goes on in the next."""
_END: Final = 0xFE
_ERROR: Final = 0xFF
_PREFIXES: Final[Mapping[int, int]] = {0xFC: 3, 0xFD: 4, 0xFE: 9}
"""By its first byte, how many bytes tell the length of a text."""
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
_EXACT: Final = frozenset({
    FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.DATE,
    FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP,
})  # fmt: skip
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
    is_exact: bool = False

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
    return Offered(field.name, type_, bool(field.flags & FLAG.NOT_NULL), expression, field.type_code in _EXACT)


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


def can_go_on(cursor: Offered) -> bool:
    """Whether two values of the cursor are equal just where their texts are, so that none is left out behind one."""
    return cursor.is_exact


def statement(columns: Sequence[Offered], select: Mapping[str, Any]) -> str:
    """Each row as one line."""
    line = "CONCAT_WS(_utf8mb4 x'09', " + ", ".join(column.line for column in columns) + ")"
    return f"SELECT {line} FROM {relation(select)}"


def from_on(words: str, cursor: Offered, since: str | None, after: str | None) -> tuple[str, list[str]]:
    """The statement ``words`` from ``since`` on, ties included, or behind ``after``; in order, without a value last.

    With its parameters. What it leaves out from the beginning, rows without a value, it leaves out behind a value too.
    """
    name = _doubled(quoted(cursor.title))
    where, values = "", []
    if after is not None:
        where = f" WHERE {name} > %s" if since is not None else f" WHERE ({name} > %s OR {name} IS NULL)"
        values = [_comparable(cursor, after)]
    elif since is not None:
        where, values = f" WHERE {name} >= %s", [_comparable(cursor, since)]
    # Beside parameters the driver takes a single % for the place of one.
    words = _doubled(words) if values else words
    name = name if values else quoted(cursor.title)
    return f"{words}{where} ORDER BY {name} IS NULL, {name}", values


def _comparable(cursor: Offered, text: str) -> str:
    """MySQL refuses a time that says that it is in UTC, as the session is."""
    return text.replace("T", " ").removesuffix("Z") if cursor.type == "datetime" else text


def _doubled(text: str) -> str:
    return text.replace("%", "%%")


def lines(
    connection: Connection, words: str, values: Sequence[str], place: int | None, resume: Mapping[str, Any]
) -> Iterator[Lines | Reject | Mark]:
    """What the statement gives, unbuffered; a row with the character NUL is none.

    With marks where the cursor, at ``place`` of each row, has another value; ``resume`` is the one before.
    """
    done = resume.get("done", 0)
    for text, count, value in by_value(_chunks(connection, words, values), place):
        if b"\0" not in text:
            yield Lines(text, count)
        else:
            yield from _without_nul(text, done)
        done += count
        if value is not None:
            yield Mark({"after": value, "done": done})


def _chunks(connection: Connection, words: str, values: Sequence[str]) -> Iterator[Chunk]:
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(words, values or None)
        result, rows = cursor._result, _rows(connection._rfile)
        try:
            while some := list(islice(rows, _AT_ONCE)):
                yield b"\n".join(some) + b"\n", len(some)
        finally:
            # Else the driver, when its cursor is closed, reads all that is left of the table.
            result.unbuffered_active, result.connection = False, None


def _rows(packets: BinaryIO) -> Iterator[bytes]:
    """The text of each row of one text that is no NULL, of the packets that follow.

    The driver looks at every packet, cell and character set, which takes five times as long.
    """
    read = packets.read
    while True:
        head = read(4)
        size = int.from_bytes(head[:3], "little")
        body = read(size)
        while size == _CONTINUED:
            head = read(4)
            size = int.from_bytes(head[:3], "little")
            body += read(size)
        if len(head) < 4 or not body:
            raise OperationalError(CR.CR_SERVER_LOST, "")
        first = body[0]
        if first < 0xFB:
            yield body[1:]
        elif first == _ERROR:
            raise_mysql_exception(body)
        elif first == _END and len(body) < 9:
            return
        else:
            yield body[_PREFIXES[first] :]


def _without_nul(text: bytes, done: int) -> Iterator[Lines | Reject]:
    for number, row in enumerate(text.split(b"\n")[:-1], start=done + 1):
        if b"\0" in row:
            message = "A value holds the character NUL, which cannot be stored."
            yield Reject(number, "nul", message, (row.decode(),))
        else:
            yield Lines(row + b"\n", 1)
