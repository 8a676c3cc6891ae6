"""What this process keeps of what it worked out for a caller, whose epoch is part of every name."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any, ClassVar, Generic, TypeVar

_T = TypeVar("_T")


class Kept(Generic[_T]):
    """The things that were used last, by name; any thread may ask."""

    _all: ClassVar[list["Kept[Any]"]] = []

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[Hashable, _T] = OrderedDict()
        self._lock = Lock()
        self._all.append(self)

    def get(self, name: Hashable) -> _T | None:
        with self._lock:
            thing = self._things.get(name)
            if thing is not None:
                self._things.move_to_end(name)
            return thing

    def put(self, name: Hashable, thing: _T) -> None:
        with self._lock:
            self._things[name] = thing
            while len(self._things) > self._most:
                self._things.popitem(last=False)

    def drop(self, name: Hashable) -> None:
        with self._lock:
            self._things.pop(name, None)

    @classmethod
    def forget(cls) -> None:
        """Drop all that is kept, where the database itself was exchanged for another."""
        for kept in cls._all:
            with kept._lock:
                kept._things.clear()
