"""Lets whoever makes chunks work while the one before is still being taken, so that two processors are of use."""

from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from threading import Thread
from typing import Final, Generic, TypeVar

_AHEAD: Final = 2
_POLL_SECONDS: Final = 0.2
_STOP_SECONDS: Final = 2.0

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items, made on a thread of their own, two at most before they are asked for; what it raises is raised.

    Closing it early waits a moment for the item at hand; one that takes longer is let go of when it is made.
    """
    making = _Making(items)
    making.start()
    try:
        while making.is_alive() or not making.made.empty():
            try:
                yield making.made.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
        if making.error is not None:
            raise making.error
    finally:
        making.is_stopped = True
        making.join(_STOP_SECONDS)


class _Making(Thread, Generic[T]):
    def __init__(self, items: Iterable[T]) -> None:
        super().__init__(name="ahead", daemon=True)
        self._items = items
        self.made: Queue[T] = Queue(_AHEAD)
        self.error: BaseException | None = None
        self.is_stopped = False

    def run(self) -> None:
        try:
            for item in self._items:
                self._put(item)
                if self.is_stopped:
                    return
        except BaseException as error:
            self.error = error

    def _put(self, item: T) -> None:
        while not self.is_stopped:
            try:
                return self.made.put(item, timeout=_POLL_SECONDS)
            except Full:
                continue
