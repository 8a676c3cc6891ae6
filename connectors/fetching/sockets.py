"""The sockets that HTTP goes over: to addresses that a source may reach, and with an end to all waiting."""

import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import httpcore
import httpx

from connectors.fetching.reach import Reach
from hub.errors import SourceDown

PATIENCE_SECONDS = 120.0
"""How long an answer may keep us waiting for all its parts."""
SLOWEST: Final = 1000
"""Bytes of it for each second beyond that patience."""


class GuardedBackend(httpcore.NetworkBackend):
    """Opens sockets only to addresses the source may reach, checked after the name was resolved."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = self._reach.addresses(host, port)
        for address in others:
            try:
                stream = self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                return _Stream(stream, host)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return _Stream(self._backend.connect_tcp(last, port, timeout, local_address, socket_options), host)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection whose server is not waited for without end, though each of its bytes may come in time."""

    def __init__(self, stream: httpcore.NetworkStream, host: str) -> None:
        self._stream = stream
        self._host = host
        self._waited = 0.0
        self._received = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        began = time.monotonic()
        data = self._stream.read(max_bytes, timeout)
        self._waited += time.monotonic() - began
        self._received += len(data)
        if self._waited > PATIENCE_SECONDS + self._received / SLOWEST:
            raise SourceDown(
                f"{self._host} sent {self._received} bytes within {self._waited:.0f} seconds, which has no end.",
                code="source-drips",
                hint="Nothing was loaded; the next run tries again by itself. Look at the server, or the line to it.",
            )
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._waited, self._received = 0.0, 0
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._host)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _trusted() -> ssl.SSLContext:
    """Who vouches for servers, read once: it takes longer than many a request."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport over our backend, for which its constructor has no parameter."""

    def __init__(self, reach: Reach, backend: httpcore.NetworkBackend | None = None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trusted(),
            max_connections=4,
            keepalive_expiry=30.0,
            network_backend=backend or GuardedBackend(reach),
        )
