"""Whole views as of one moment: read by ``COPY`` as the serving role, on a connection of their own."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Final

from django.db import ProgrammingError, connections
from psycopg2 import Error, errors
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from hub.store.sql import Sql

_CHUNK_BYTES: Final = 1 << 19
_CHUNKS_AHEAD: Final = 2
_LONGEST: Final = "1h"
"""How long a view may take to be written down; meanwhile the reader asks whether it may go on."""


class Snapshot:
    """What every statement on it sees: the database as it was when the first one was asked."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def row(self, statement: Sql) -> tuple[Any, ...] | None:
        """The one row that ``statement`` answers with, or None."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement.text, statement.params)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def copied(self, statement: Sql) -> Generator[list[bytes], None, None]:
        """The lines of a ``COPY … TO STDOUT``, some at a time; the database works ahead while they are used."""
        copy = _Copy(self._connection, statement)
        copy.start()
        try:
            yield from copy.chunks()
        finally:
            copy.stop()


@contextmanager
def serve_snapshot() -> Iterator[Snapshot]:
    """A snapshot for the serving role; raises ``TableGone`` where rows have moved on meanwhile."""
    wrapper: Any = connections["serving"].copy()
    wrapper.connect()
    try:
        raw = wrapper.connection
        raw.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False)
        with raw.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{_LONGEST}'")
        yield Snapshot(raw)
    except errors.UndefinedTable as error:
        raise TableGone from error
    except ProgrammingError as error:
        if isinstance(error.__cause__, errors.UndefinedTable):
            raise TableGone from error
        raise
    finally:
        wrapper.close()


class TableGone(Exception):
    """The rows have moved to another table since the statement was written."""


class _Copy(Thread):
    """Runs the statement; psycopg2 hands it the lines through ``write``, one at a time."""

    def __init__(self, connection: Any, statement: Sql) -> None:
        super().__init__(name="copy", daemon=True)
        self._connection = connection
        self._statement = statement
        self._ready: Queue[list[bytes] | None] = Queue(_CHUNKS_AHEAD)
        self._stopping = Event()
        self._lines: list[bytes] = []
        self._size = 0
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            with self._connection.cursor() as cursor:
                text = cursor.mogrify(self._statement.text, self._statement.params)
                cursor.copy_expert(text, self)
            if self._lines:
                self._put(self._lines)
        except Exception as error:  # told to the reader, in the reader's thread
            self._error = error
        finally:
            with suppress(_Stopped):
                self._put(None)

    def write(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _CHUNK_BYTES:
            self._put(self._lines)
            self._lines, self._size = [], 0

    def chunks(self) -> Iterator[list[bytes]]:
        while (lines := self._ready.get()) is not None:
            yield lines
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the statement where it still runs, and wait until it has ended."""
        self._stopping.set()
        if self.is_alive():
            with suppress(Error):
                self._connection.cancel()
        with suppress(Empty):
            while True:
                self._ready.get_nowait()
        self.join()

    def _put(self, lines: list[bytes] | None) -> None:
        while not self._stopping.is_set():
            with suppress(Full):
                return self._ready.put(lines, timeout=0.2)
        raise _Stopped


class _Stopped(Exception):
    """The reader wants no more."""
