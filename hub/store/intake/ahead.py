"""Lets whoever makes chunks work while the one before is still being taken, so that two processors are of use."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event
from typing import Final, TypeVar

_AHEAD: Final = 2
_POLL_SECONDS: Final = 0.2

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, made on a thread of their own, two at most before they are asked for; what it raises is raised.

    Stopping early waits until the item at hand is made.
    """
    queue: Queue[T] = Queue(_AHEAD)
    stopped = Event()

    def make() -> None:
        for item in items:
            while not stopped.is_set():
                try:
                    queue.put(item, timeout=_POLL_SECONDS)
                    break
                except Full:
                    continue
            if stopped.is_set():
                return

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        making = pool.submit(make)
        try:
            yield from _taken(queue, making)
            making.result()
        finally:
            stopped.set()


def _taken(queue: "Queue[T]", making: "Future[None]") -> Iterator[T]:
    while not (making.done() and queue.empty()):
        try:
            yield queue.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
