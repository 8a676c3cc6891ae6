"""Whole views as of one moment: read by ``COPY`` as the serving role, on a connection of their own."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Final

from django.db import ProgrammingError, connections
from psycopg2 import Error, errors
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from hub.store.sql import Sql

_FIRST_BYTES: Final = 1 << 14
_CHUNK_BYTES: Final = 1 << 19
"""The first chunk is small, so that it comes at once; each is twice as large as the one before, up to this."""
_CHUNKS_AHEAD: Final = 2
_PATIENCE: Final = 60.0
"""Seconds for which a reader that takes nothing may hold the database up."""
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
        """The lines of a ``COPY … TO STDOUT``, some at a time; the database works ahead while they are used.

        Raises ``TimeoutError``, and closes the connection, where no more were taken for a minute.
        """
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
        self._size, self._enough = 0, _FIRST_BYTES
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
            self._forget()
        finally:
            with suppress(_Stopped):
                self._put(None)

    def write(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._enough:
            self._put(self._lines)
            self._lines, self._size, self._enough = [], 0, min(2 * self._enough, _CHUNK_BYTES)

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
        self._forget()
        self.join()

    def _put(self, lines: list[bytes] | None) -> None:
        until = time.monotonic() + _PATIENCE
        while not self._stopping.is_set():
            with suppress(Full):
                return self._ready.put(lines, timeout=0.2)
            if time.monotonic() > until:
                self._connection.close()
                raise TimeoutError(f"The reader took no rows for {_PATIENCE:.0f} s.")
        raise _Stopped

    def _forget(self) -> None:
        with suppress(Empty):
            while True:
                self._ready.get_nowait()


class _Stopped(Exception):
    """The reader wants no more."""
