"""A client as light as Python allows: keep-alive connections in one process, each asking again once it is answered.

What it costs is taken from the same cores as the server's time, so the less it does the truer the figure.
"""

import re
import select
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """How many answers a second, and the seconds that each took."""

    rate: float
    times: list[float] = field(repr=False)

    @property
    def p50(self) -> float:
        return statistics.median(self.times)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.times, n=100)[98]


def ask(url: str, token: str, paths: Callable[[], str], clients: int, seconds: float) -> Answered:
    """GET what ``paths`` gives next, at ``clients`` connections at once; every answer has to be a 200 with rows."""
    server, times = urlsplit(url), []
    head = f" HTTP/1.1\r\nHost: {server.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    poll, asked = select.epoll(), {}
    for _ in range(clients):
        link = socket.create_connection((server.hostname, server.port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(link, select.EPOLLIN)
        asked[link.fileno()] = _Asked(link)
    began = time.perf_counter()
    for one in asked.values():
        one.send(f"GET {paths()}{head}".encode())
    while time.perf_counter() - began < seconds:
        for number, _ in poll.poll(1.0):
            if asked[number].is_answered():
                times.append(time.perf_counter() - asked[number].began)
                asked[number].send(f"GET {paths()}{head}".encode())
    took = time.perf_counter() - began
    for one in asked.values():
        one.link.close()
    poll.close()
    return Answered(len(times) / took, times)


class _Asked:
    """One connection and what has come of its answer."""

    def __init__(self, link: socket.socket) -> None:
        self.link, self.began = link, 0.0
        self._came, self._whole = b"", 0

    def send(self, request: bytes) -> None:
        self._came, self._whole = b"", 0
        self.began = time.perf_counter()
        self.link.sendall(request)

    def is_answered(self) -> bool:
        self._came += self.link.recv(1 << 18)
        if not self._whole and (end := self._came.find(_END)) > 0:
            told = _LENGTH.search(self._came, 0, end + 2)
            assert self._came.startswith(b"HTTP/1.1 200"), self._came[:1000]
            assert told is not None, self._came[:1000]
            self._whole = end + len(_END) + int(told[1])
        return bool(self._whole) and len(self._came) >= self._whole


def cycle(paths: list[str]) -> Callable[[], str]:
    """One path after the other, over and over."""

    def endless() -> Iterator[str]:
        while True:
            yield from paths

    return endless().__next__
