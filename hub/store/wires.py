"""Connections of an event loop: statements whose answers it reads as they come."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg2
from django.db import connections
from psycopg2.extensions import POLL_OK, POLL_WRITE
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hub.waiting import aside, awaited

_MOST: Final = 8
"""Connections of one loop, each for one statement at a time; who comes beyond them waits for his turn."""


class Wire:
    """One connection of the serving role in a loop. What the driver raises comes through as it is."""

    def __init__(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self.connection = connection
        self._number = connection.fileno()
        self._settled: asyncio.Future[None] = loop.create_future()
        self._is_writing = False
        loop.add_reader(self._number, self._go_on)

    async def opened(self) -> None:
        """Return once the server has let it in."""
        self._go_on()
        await self._settled

    async def run(self, text: str, params: Any) -> Cursor:
        """The cursor with the statement's answer."""
        cursor: Cursor = self.connection.cursor()
        self._settled = asyncio.get_running_loop().create_future()
        cursor.execute(text, params)
        self._go_on()
        await self._settled
        return cursor

    @property
    def is_usable(self) -> bool:
        """Whether it stands, and nothing is under way on it."""
        return not self.connection.closed and self._settled.done() and not self._settled.cancelled()

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._number)
        loop.remove_writer(self._number)
        self.connection.close()

    def _go_on(self) -> None:
        """Let the driver read and write what it can; an idle connection that has an end to tell is closed."""
        try:
            state = self.connection.poll()
        except psycopg2.Error as error:
            if self._settled.done() or self.connection.closed:
                self.close()
            if not self._settled.done():
                self._settled.set_exception(error)
            return
        if self._is_writing != (state == POLL_WRITE):
            self._turn_writing()
        if state == POLL_OK and not self._settled.done():
            self._settled.set_result(None)

    def _turn_writing(self) -> None:
        """Begin or end to be told when the server takes more."""
        loop = asyncio.get_running_loop()
        self._is_writing = not self._is_writing
        if self._is_writing:
            loop.add_writer(self._number, self._go_on)
        else:
            loop.remove_writer(self._number)


class WireCursor:
    """What of a cursor a read needs, on a wire, for code that is called within a loop."""

    def __init__(self, wire: Wire) -> None:
        self.connection = wire.connection
        self._wire = wire
        self._answer: Cursor

    def execute(self, text: str, params: Any = None) -> None:
        self._answer = awaited(self._wire.run(text, params))

    def fetchone(self) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._answer.fetchone()
        return row


@contextmanager
def wire_cursor() -> Iterator[WireCursor]:
    """A cursor on one of the loop's wires, once one is free."""
    wires = _wires.setdefault(asyncio.get_running_loop(), _Wires())
    awaited(wires.turn.acquire())
    try:
        wire = wires.kept() or _opened()
        try:
            yield WireCursor(wire)
        finally:
            wires.keep(wire)
    finally:
        wires.turn.release()


def close_wires() -> None:
    """Close those that are idle, where the loop ends before its process."""
    wires = _wires.pop(asyncio.get_running_loop(), None)
    while wires is not None and (wire := wires.kept()):
        wire.close()


class _Wires:
    """Those of one loop that are idle, and whose turn it is."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(_MOST)
        self.free: list[Wire] = []

    def kept(self) -> Wire | None:
        """One that still stands, the last used first."""
        while self.free:
            wire = self.free.pop()
            if wire.is_usable:
                return wire
        return None

    def keep(self, wire: Wire) -> None:
        """Keep it for the next one, if it is good for that."""
        if wire.is_usable:
            self.free.append(wire)
        else:
            wire.close()


_wires: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Wires]" = WeakKeyDictionary()


def _opened() -> Wire:
    params = connections["serving"].get_connection_params()
    connection = aside(lambda: psycopg2.connect(**params, async_=True))  # which may look up a name
    wire = Wire(connection)
    try:
        awaited(wire.opened())
    except BaseException:
        wire.close()
        raise
    return wire
