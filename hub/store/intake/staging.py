"""Incoming cells as text in an unlogged table of one run, filled by COPY."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection

from hub.store.intake.contract import FieldContract

LINE = "_line"


@dataclass(frozen=True, slots=True)
class Staging:
    """The table of one attempt of one run: ``_line`` is the record's place in the source, then a cell per field.

    ``bad`` is the table of the places (``ctid``) of rows that stay out.
    """

    name: str
    fields: tuple[FieldContract, ...]

    @property
    def table(self) -> str:
        return f"staging.{self.name}"

    @property
    def bad(self) -> str:
        return f"staging.{self.name}_bad"

    @property
    def fresh(self) -> str:
        return f"staging.{self.name}_fresh"


def create(staging: Staging) -> None:
    """Make both tables anew, empty."""
    columns = "".join(f', {field.column} text COLLATE "C"' for field in staging.fields)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {staging.table}, {staging.bad}, {staging.fresh}")
        cursor.execute(f"CREATE UNLOGGED TABLE {staging.table} ({LINE} bigint{columns})")
        cursor.execute(f"CREATE UNLOGGED TABLE {staging.bad} (place tid)")


def copy_in(staging: Staging, chunks: Iterable[bytes], *, positioned: bool) -> None:
    """Add lines in COPY text format: the cells in the order of the fields, after the place where ``positioned``."""
    columns = [LINE] * positioned + [field.column for field in staging.fields]
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {staging.table} ({', '.join(columns)}) FROM STDIN", _Lines(chunks), size=1 << 20)


def greatest(staging: Staging, name: str) -> str | None:
    """The greatest value of the field ``name`` among the good rows, as text that a source can compare with."""
    field = next((field for field in staging.fields if field.name == name), None)
    if field is None:
        return None
    largest = f"max({field.typed()})"
    text = f"(to_json({largest}) #>> '{{}}') || 'Z'" if field.type == "datetime" else f"{largest}::text"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {text} FROM {staging.table} s"
            f" WHERE NOT EXISTS (SELECT FROM {staging.bad} b WHERE b.place = s.ctid)"
        )
        (value,) = cursor.fetchone()
        return value if value is None else str(value)


def drop(staging: Staging) -> None:
    """Take the run's tables away."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {staging.table}, {staging.bad}, {staging.fresh}")


def sweep(kept: Iterable[str]) -> int:
    """Drop the tables of runs that are over; ``kept`` are the names' beginnings of those that go on."""
    prefixes = tuple(kept)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
        left = [name for (name,) in cursor.fetchall() if not name.startswith(prefixes)]
        for name in left:
            cursor.execute(f"DROP TABLE IF EXISTS staging.{name}")
    return len(left)


class _Lines:
    """Chunks of bytes as the file that psycopg2 reads from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken.tobytes()
