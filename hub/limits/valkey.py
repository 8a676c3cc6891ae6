"""Scripts in Valkey, each in one round trip and with little patience."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha1
from socket import socket
from typing import Any, Final

from django.conf import settings
from redis import ConnectionPool, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from hub.waiting import aside, awaited, is_within

_PATIENCE: Final = 0.5
"""Seconds for one answer: a busy machine is late, and to count alone for that would let more in than there may be."""


class Script:
    """Lua, and the name under which a server keeps it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.name = sha1(text.encode()).hexdigest()


class Link:
    """One connection, for one at a time; answers that nobody waits for are read before the next question.

    All of it raises ``RedisError`` or ``OSError``.
    """

    def __init__(self) -> None:
        pool = _pool()
        self._wire: Any = pool.connection_class(**pool.connection_kwargs)
        self._unread = 0

    def run(self, script: Script, keys: Sequence[str], *values: Any) -> Any:
        """The script's answer."""
        try:
            return self.call("EVALSHA", script.name, len(keys), *keys, *values)
        except exceptions.NoScriptError:
            return self.call("EVAL", script.text, len(keys), *keys, *values)

    def call(self, *command: Any) -> Any:
        """The command's answer; a connection that broke since it was last used is made anew, once."""
        was_open = self._wire.is_connected
        try:
            return self._called(command)
        except (exceptions.ConnectionError, OSError):
            if not was_open:
                raise
        return self._called(command)

    def send(self, *commands: Sequence[Any]) -> None:
        """Commands whose answers nobody waits for."""
        with self._whole():
            self._wire.send_packed_command([b"".join(map(_packed, commands))], check_health=False)
            self._unread += len(commands)

    def _called(self, command: Sequence[Any]) -> Any:
        with self._whole():
            if not self._wire.is_connected:
                aside(self._wire.connect)
            while self._unread:
                with suppress(exceptions.ResponseError):
                    self._answer()
                self._unread -= 1
            self._wire.send_packed_command([_packed(command)], check_health=False)
            return self._answer()

    def _answer(self) -> Any:
        """The next answer, once it is there."""
        if is_within() and not self._wire.can_read(0):
            awaited(_readable(self._wire._sock))
        return self._wire.read_response()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A connection that was left in the middle of something is not used again."""
        try:
            yield
        except exceptions.ResponseError:  # an answer like others
            raise
        except BaseException:
            self._unread = 0
            self._wire.disconnect()
            raise


async def _readable(end: socket) -> None:
    """Return once there is something to read; raises ``TimeoutError``."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(end, ready.set)
    try:
        async with asyncio.timeout(_PATIENCE):
            await ready.wait()
    finally:
        loop.remove_reader(end)


def _packed(command: Sequence[Any]) -> bytes:
    """The command as the protocol has it: at a lower price than the library's way, which looks at each part's type."""
    parts = [f"{part}".encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


@cache
def _pool() -> ConnectionPool:
    """How to connect; the connections are the threads' own, which no pool has to hand out and take back."""
    return ConnectionPool.from_url(
        settings.HUB_VALKEY_URL,
        protocol=2,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )
