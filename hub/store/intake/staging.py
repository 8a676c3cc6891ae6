"""Incoming rows in tables of one run: typed ones in the table they may become, those yet to be looked at as text."""

import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import psycopg2
from django.db import DataError, connection, transaction

from hub.store.intake import direct
from hub.store.intake.ahead import ahead
from hub.store.intake.contract import FieldContract
from hub.store.intake.gone import Mark
from hub.store.intake.lines import Lines, sorted_out, whole
from hub.store.sql import Sql, join
from hub.store.tables import FLAG, GONE, LINE, PHYSICAL_TYPES, TIE_BREAKER

_IN_MEMORY: Final = 4 << 20
_MARK: Final = "'(0,0)'::tid"
"""No row's place: among the bad ones from the beginning, it tells a table that is as it was from one emptied."""


class NotDirect(Exception):
    """Rows that went straight into typed columns cannot be told from others there: bring all in as text instead."""


@dataclass
class Staging:
    """The tables of one attempt of one run.

    ``table`` holds cells as text: ``_line`` is the record's place in the source, then a cell per field; ``bad`` the
    numbered places (``ctid``) of its rows that are taken out. ``rows`` holds typed rows; where ``is_first``, it is made
    so that it can become the dataset's own table. ``types`` are those of the source's columns, see ``is_vouched``.
    ``lacks`` are names of fields that the source has no more: they come without values. With a ``mark``, rows tell
    whether they are gone, and those that are come to stand in ``gone``. ``is_begun`` once some rows are in, to which
    others are added.
    """

    name: str
    fields: tuple[FieldContract, ...]
    is_first: bool = False
    is_direct: bool = True
    types: tuple[str, ...] = ()
    is_positioned: bool = True
    lacks: frozenset[str] = frozenset()
    mark: Mark | None = None
    published: str = field(default="", init=False)
    is_begun: bool = False

    @property
    def table(self) -> str:
        return f"staging.{self.name}"

    @property
    def bad(self) -> str:
        return f"staging.{self.name}_bad"

    @property
    def gone(self) -> str:
        return f"staging.{self.name}_gone"

    @property
    def made(self) -> str:
        """The typed rows' table as it is made: what is to become the dataset's own in its schema, with its grants."""
        return f"{'data' if self.is_first else 'staging'}.{self.name}_rows"

    @property
    def rows(self) -> str:
        """Where the typed rows stand, in a table of the run's or, once it is that, the dataset's."""
        return self.published or self.made

    @property
    def given(self) -> tuple[FieldContract, ...]:
        """The fields of which cells come in, and last what tells whether the row is gone."""
        fields = tuple(field for field in self.fields if field.name not in self.lacks)
        return fields if self.mark is None else (*fields, self.mark.field)

    @property
    def columns(self) -> list[str]:
        """The columns that text and typed rows have in common, in the order of incoming cells."""
        flag = [] if self.mark is None else [FLAG]
        return [LINE] * self.is_positioned + [field.column for field in self.fields] + flag

    @property
    def is_vouched(self) -> bool:
        """Whether typed rows are so by the word of their source, and not by the form of their texts."""
        return direct.is_vouched(self.given, self.types)

    def fault(self, field: FieldContract) -> Sql:
        """The rule that the cell as text breaks first; null for a good one."""
        return field.fault() if self._counts(field) else f"CASE WHEN NOT {GONE} THEN " + field.fault() + " END"

    def suspicion(self, field: FieldContract) -> Iterator[Sql]:
        """The conditions under which a typed cell is one that the contract does not allow."""
        for suspicion in direct.suspicion(field, has_form=not self.is_vouched):
            yield suspicion if self._counts(field) else f"NOT {GONE} AND (" + suspicion + ")"

    def typed(self, field: FieldContract) -> str:
        """A cell as text that has no fault as a value of its type."""
        return field.typed() if self._counts(field) else f"CASE WHEN NOT {GONE} THEN {field.typed()} END"

    def _counts(self, field: FieldContract) -> bool:
        return self.mark is None or field.name in self.mark.needed


def create(staging: Staging) -> None:
    """Make the tables anew, empty."""
    columns = [Sql(f"{LINE} bigint"), *(Sql(f'{field.column} text COLLATE "C"') for field in staging.fields)]
    table = f"CREATE UNLOGGED TABLE {staging.table} (" + join(", ", columns + _marked(staging)) + ")"
    drop(staging)
    staging.is_begun = False
    with connection.cursor() as cursor:
        cursor.execute(table.text, table.params)
        cursor.execute(f"CREATE UNLOGGED TABLE {staging.bad} (place tid, number bigint)")
        cursor.execute(f"INSERT INTO {staging.bad} (place) VALUES ({_MARK})")


def copy_in(staging: Staging, chunks: Iterable[bytes], *, positioned: bool, types: tuple[str, ...] = ()) -> None:
    """Bring in lines in COPY text format: the cells in the order of the fields, after the place where ``positioned``.

    What the source's ``types`` vouch for, or a look at each line, goes straight into typed columns; the rest is kept
    as text. Raises ``NotDirect`` where PostgreSQL refuses a value all the same. May be called again with what follows.
    """
    staging.is_positioned, staging.types = positioned, types
    _copy_in(staging, chunks)
    staging.is_begun = True


def _copy_in(staging: Staging, chunks: Iterable[bytes]) -> None:
    if not staging.is_direct:
        return _copy_all_as_text(staging, chunks)
    try:
        if staging.is_vouched:
            with closing(ahead(chunks)) as lines:
                return _copy_rows(staging, lines)
        form = direct.line_form(staging.given, positioned=staging.is_positioned)
        if form is None:
            staging.is_direct = False
            return _copy_all_as_text(staging, chunks)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as others:
            with closing(ahead(sorted_out(form.match, whole(chunks), others.write))) as lines:
                _copy_rows(staging, lines)
            others.seek(0)
            _copy(staging, staging.table, iter(lambda: others.read(1 << 20), b""))
    except (DataError, psycopg2.DataError) as error:  # COPY's own errors come as the driver's
        raise NotDirect from error


def _create_rows(staging: Staging) -> None:
    """A table whose rows are numbered at random is filled slowly, row by row; one that hashes a sequence is not."""
    columns = [f"{LINE} bigint"] * staging.is_positioned
    columns += [f"{field.column} {PHYSICAL_TYPES[field.type]}" for field in staging.fields]
    with connection.cursor() as cursor:
        if staging.is_first:
            sequence = f"{staging.made}_seq"
            cursor.execute(f"CREATE UNLOGGED SEQUENCE {sequence} CACHE 1000")
            drawn = f"hashint8extended(nextval('{sequence}'), {secrets.randbits(63)})"
            columns.append(f"{TIE_BREAKER} bigint NOT NULL DEFAULT {drawn}")
        kind = "TABLE" if staging.is_first else "UNLOGGED TABLE"
        defined = join(", ", [*map(Sql, columns), *_marked(staging)])
        table = f"CREATE {kind} {staging.rows} (" + defined + ") WITH (autovacuum_enabled = off)"
        cursor.execute(table.text, table.params)
        if staging.is_first:
            cursor.execute(f"ALTER SEQUENCE {sequence} OWNED BY {staging.rows}.{TIE_BREAKER}")


def _marked(staging: Staging) -> list[Sql]:
    return [] if staging.mark is None else [staging.mark.definition()]


@transaction.atomic
def _copy_rows(staging: Staging, chunks: Iterable[bytes]) -> None:
    """Frozen as they come, rows need no second writing by whoever looks at them first; only a new table takes such."""
    if staging.is_begun:
        return _copy(staging, staging.rows, chunks)
    _create_rows(staging)
    _copy(staging, staging.rows, chunks, "(FREEZE)")


def _copy_all_as_text(staging: Staging, chunks: Iterable[bytes]) -> None:
    if not staging.is_begun:
        _create_rows(staging)
    with closing(ahead(chunks)) as lines:
        _copy(staging, staging.table, lines)


def _copy(staging: Staging, table: str, chunks: Iterable[bytes], options: str = "") -> None:
    with connection.cursor() as cursor:
        columns = [LINE] * staging.is_positioned + [field.column for field in staging.given]
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN {options}"
        lines = Lines(chunks)
        try:
            cursor.copy_expert(statement, lines, size=1 << 20)
        except Exception:
            if lines.error is not None:  # the driver tells of it as a failure of the hub's own database
                raise lines.error from None
            raise


def set_gone_apart(staging: Staging) -> None:
    """Take the typed rows that are gone out of the others, into a table of their own."""
    cells = ", ".join(field.column for field in staging.fields)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE {staging.gone} AS SELECT {cells} FROM {staging.rows} WHERE {GONE}")
        cursor.execute(f"DELETE FROM {staging.rows} WHERE {GONE}")
        cursor.execute(f"ANALYZE {staging.gone}")


def greatest(staging: Staging, name: str, reached: str | None = None) -> str | None:
    """The greatest value of the field ``name`` among the rows published and those gone, and ``reached`` before.

    As text that the source can compare with.
    """
    found = next((field for field in staging.fields if field.name == name), None)
    if found is None:
        return None
    places = [staging.rows] if staging.mark is None else [staging.rows, staging.gone]
    tables = " UNION ALL ".join(f"SELECT {found.column} FROM {place}" for place in places)
    text = "(to_json(r.largest) #>> '{}') || 'Z'" if found.type == "datetime" else "r.largest::text"
    largest = f"SELECT greatest(max({found.column}), " + found.limit(reached) + f") AS largest FROM ({tables}) r"
    query = f"SELECT {text} FROM (" + largest + ") r"
    with connection.cursor() as cursor:
        cursor.execute(query.text, query.params)
        (value,) = cursor.fetchone()
        return value if value is None else str(value)


def take_over(staging: Staging) -> bool:
    """Put out whoever still writes into tables of an earlier attempt, not who reads; whether they hold what they did.

    They do not after a crash of PostgreSQL, which empties what is unlogged: then the mark is gone with the rest.
    """
    tables = [staging.table, staging.bad, staging.made]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_user"
            " AND pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_locks WHERE mode <> 'AccessShareLock'"
            " AND relation = ANY (SELECT to_regclass(name) FROM unnest(%s) AS names(name)))",
            [tables],
        )
        cursor.execute("SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s) AS names(name)", [tables])
        if cursor.fetchone() != (True,):
            return False
        cursor.execute(f"SELECT EXISTS (SELECT FROM {staging.bad} WHERE place = {_MARK})")
        return bool(cursor.fetchone()[0])


def drop(staging: Staging) -> None:
    """Take the run's tables away, but for one that was published."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {staging.table}, {staging.bad}, {staging.gone}, {staging.made}")


def sweep(kept: Iterable[str]) -> int:
    """Drop the tables of runs that are over; ``kept`` are the names' beginnings of those that go on."""
    prefixes = tuple(kept)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'staging'"
            " OR schemaname = 'data' AND tablename LIKE %s",
            ["r%\\_rows"],
        )
        left = [f"{schema}.{name}" for schema, name in cursor.fetchall() if not name.startswith(prefixes)]
        for table in left:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
    return len(left)
