"""Cursors on dataset rows: the owner's, which loads, and the serving role's, which may only read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import ProgrammingError, connections, transaction
from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor

from hub.store.sql import Sql


def serve(statement: Sql) -> tuple[Any, ...] | None:
    """The one row that ``statement`` answers with, run by the serving role in a transaction of its own.

    None where it answers with none, and where its table is gone since it was written: the rows have moved.
    """
    with connections["serving"].cursor() as cursor:
        try:
            cursor.execute(statement.text, statement.params)
        except ProgrammingError as error:
            if isinstance(error.__cause__, errors.UndefinedTable):
                return None
            raise
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


@contextmanager
def serve_stream(statement: Sql, chunk: int = 2000) -> Iterator["Stream"]:
    """``statement`` read through a server-side cursor; further statements may run beside it on the same connection."""
    connection = connections["serving"]
    with transaction.atomic(using="serving"):
        connection.ensure_connection()
        with connection.connection.cursor(name="rows") as cursor:
            cursor.itersize = chunk
            cursor.execute(statement.text, statement.params)
            yield Stream(cursor, chunk)


class Stream:
    """Chunks of rows from a cursor that is open on the server."""

    def __init__(self, cursor: Cursor, chunk: int) -> None:
        self._cursor = cursor
        self._chunk = chunk

    def __iter__(self) -> Iterator[list[tuple[Any, ...]]]:
        while rows := self._cursor.fetchmany(self._chunk):
            yield rows
