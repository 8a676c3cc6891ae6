"""Turns a ``COPY … TO STDOUT``, which pushes rows into a file, into chunks that can be pulled, in bounded memory."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event
from typing import Final

CHUNK: Final = 1 << 20
_AHEAD: Final = 2
_POLL_SECONDS: Final = 0.2

Chunk = tuple[bytes, int]


class Stopped(Exception):
    """Nobody wants the rest."""


class Sink:
    """The file to push into, one row a call; hands on about a megabyte of whole rows at a time, or ``most`` rows."""

    def __init__(self, most: int = 0) -> None:
        self.queue: Queue[Chunk] = Queue(_AHEAD)
        self._most = most
        self.stopped = Event()
        self._rows: list[bytes] = []
        self._size = 0

    def write(self, row: bytes) -> None:
        """Take a row; waits where nobody pulls, and raises ``Stopped`` where nobody will."""
        self._rows.append(row)
        self._size += len(row)
        if self._size >= CHUNK or 0 < self._most <= len(self._rows):
            self.flush()

    def flush(self) -> None:
        """Hand on what has been taken so far."""
        if not self._rows:
            return
        chunk = b"".join(self._rows), len(self._rows)
        self._rows, self._size = [], 0
        while not self.stopped.is_set():
            try:
                return self.queue.put(chunk, timeout=_POLL_SECONDS)
            except Full:
                continue
        raise Stopped


def pulled(
    push: Callable[[Sink], None], cancel: Callable[[Callable[[], bool]], None], most: int = 0
) -> Iterator[Chunk]:
    """What ``push`` writes into its sink on a thread of its own, as chunks with their number of rows.

    What ``push`` raises is raised here. Where the caller stops early, ``cancel`` has to make ``push`` return; it is
    given a function that tells whether that has happened.
    """
    sink = Sink(most)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy") as pool:
        pushing = pool.submit(_pushed, push, sink)
        try:
            yield from _taken(sink, pushing)
            pushing.result()
        finally:
            sink.stopped.set()
            if not pushing.done():
                cancel(pushing.done)


def _pushed(push: Callable[[Sink], None], sink: Sink) -> None:
    push(sink)
    sink.flush()


def _taken(sink: Sink, pushing: "Future[None]") -> Iterator[Chunk]:
    while not (pushing.done() and sink.queue.empty()):
        try:
            yield sink.queue.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
