"""The web server's entrance: Django's threads below ASGI, where a body that breaks off breaks the connection off.

Under WSGI the server would end such a body like a whole one, and a client could not tell.
"""

import asyncio
import io
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from django.db import connections
from django.http.response import HttpResponseBase

from hub.waiting import Elsewhere, within
from hub.wsgi import application as django

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_THREADS = 8
_threads = ThreadPoolExecutor(_THREADS, "web")
_BODY = "http.response.body"
_READ = re.compile(rb"/api/v1/datasets/[^/]+/rows(/[^/]+)?")
_STREAM = re.compile(rb"csv|ndjson|limit=all")
"""What a stream is asked for by; where it is not told so plainly, ``Elsewhere`` tells it."""


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request; what is raised on the way through a stream goes on to the server, which cuts it."""
    exchange = _Exchange(scope, receive, send)
    head, body = await (_within_loop(exchange) if _is_short(scope) else _in_thread(exchange))
    if head is not None:
        await send(head)
    await send({"type": _BODY, "body": body})


def _is_short(scope: Message) -> bool:
    """Whether a program reads a page or a row: what to do for that takes less than a thread to be woken."""
    return (
        scope["method"] == "GET"
        and _READ.fullmatch(scope["raw_path"]) is not None
        and _STREAM.search(scope["query_string"]) is None
        and _is_asked_by_program(scope["headers"])
    )


def _is_asked_by_program(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    sent = dict(headers)
    return b"authorization" in sent and _STREAM.search(sent.get(b"accept", b"")) is None


async def _within_loop(exchange: "_Exchange") -> tuple[Message | None, bytes]:
    try:
        return await within(exchange.answer, _aside)
    except Elsewhere:
        return await _in_thread(exchange)


async def _in_thread(exchange: "_Exchange") -> tuple[Message | None, bytes]:
    return await exchange.loop.run_in_executor(_threads, exchange.answer)


def _aside(act: Callable[[], Any]) -> Awaitable[Any]:
    return asyncio.get_running_loop().run_in_executor(_threads, _on_connections_that_stand, act)


def _on_connections_that_stand(act: Callable[[], Any]) -> Any:
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
    return act()


class _Exchange:
    """One request and its answer, which is made in a thread or within the loop."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        self._scope, self._receive, self._send = scope, receive, send

    def answer(self) -> tuple[Message | None, bytes]:
        """Head and body of what is to be sent yet; a stream has been sent when this returns, and its head with it."""
        head: Message = {"type": "http.response.start"}

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            head["status"] = int(status.split(" ", 1)[0])
            head["headers"] = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers]

        response = django(_environ(self._scope, self._input()), cast(Any, start))  # Django never writes by its answer
        try:
            if not getattr(response, "streaming", False):
                return head, b"".join(response)
            self.wait(self._forward(head))
            if self._scope["method"] != "HEAD":
                self._stream(response)
            return None, b""
        finally:
            if isinstance(response, HttpResponseBase):
                response.close()

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What ``coroutine`` answers in the loop; raises ``ConnectionError`` where the loop ends before."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        while True:
            try:
                return future.result(1)
            except TimeoutError:
                if not self.loop.is_running():
                    raise ConnectionError("The server stops.") from None

    async def receive(self) -> Message:
        return await self._receive()

    def _input(self) -> io.IOBase:
        return io.BytesIO() if self._scope["method"] in ("GET", "HEAD") else io.BufferedReader(_Body(self))

    def _stream(self, chunks: Iterable[bytes]) -> None:
        """Send the chunks as fast as the client takes them, and no further than it is there."""
        gone = asyncio.run_coroutine_threadsafe(self._gone(), self.loop)
        try:
            for chunk in chunks:
                if gone.done():
                    return
                self.wait(self._forward({"type": _BODY, "body": chunk, "more_body": True}))
        finally:
            gone.cancel()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _forward(self, message: Message) -> None:
        await self._send(message)


class _Body(io.RawIOBase):
    """The request's body, taken from the client as it is read."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        self._rest, self._has_more = b"", True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and self._has_more:
            message = self._exchange.wait(self._exchange.receive())
            self._rest, self._has_more = message.get("body", b""), message.get("more_body", False)
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _environ(scope: Message, body: io.IOBase) -> dict[str, Any]:
    """The request as WSGI has it: bytes as Latin-1. Names with ``_`` could pass for others with ``-``, and are left."""
    server, client = scope.get("server") or ("", 80), scope.get("client") or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        if b"_" not in raw:
            name = raw.decode("latin-1").upper().replace("-", "_")
            name = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
            text = value.decode("latin-1")
            separator = "; " if name == "HTTP_COOKIE" else ","
            environ[name] = f"{environ[name]}{separator}{text}" if name in environ else text
    return environ
