"""Cursors on dataset rows: the owner's, which loads, and the serving role's, which may only read."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from django.db import ProgrammingError, connections
from django.db.backends.utils import CursorWrapper
from psycopg2 import Error, errors

from hub.store.sql import Sql
from hub.store.wires import WireCursor, wire_cursor
from hub.waiting import is_within


def canceller() -> Callable[[], None]:
    """What cancels the statement that this thread's connection is at, called from another thread.

    Where the connection is gone there is nothing to cancel.
    """
    mine = connections["default"].connection

    def cancel() -> None:
        if mine is not None:
            with suppress(Error):
                mine.cancel()

    return cancel


def serve(statement: Sql) -> tuple[Any, ...] | None:
    """The one row that ``statement`` answers with, run by the serving role in a transaction of its own.

    None where it answers with none, and where its table is gone since it was written: the rows have moved.
    """
    with serving() as cursor:
        return answer_of(cursor, lambda: cursor.execute(statement.text, statement.params))


def serving() -> AbstractContextManager[CursorWrapper | WireCursor]:
    """A cursor of the serving role: this thread's, or one that a loop waits for."""
    return wire_cursor() if is_within() else connections["serving"].cursor()


def answer_of(cursor: CursorWrapper | WireCursor, execute: Callable[[], object]) -> tuple[Any, ...] | None:
    """What ``execute`` on ``cursor`` answers: one row, or None as above."""
    try:
        execute()
    except (ProgrammingError, errors.UndefinedTable) as error:
        if isinstance(error.__cause__ or error, errors.UndefinedTable):
            return None
        raise
    row: tuple[Any, ...] | None = cursor.fetchone()
    return row
