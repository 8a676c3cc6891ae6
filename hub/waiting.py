"""Code that waits, within an event loop: the loop waits for it and answers others meanwhile.

A read waits for one statement and works for less than a thread takes to be woken. Within a loop it needs no thread, and
yet it is written once, for threads and for loops alike: it tells what it waits for, and the loop does that.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

_T = TypeVar("_T")
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Calls what it is given in a thread, and comes to what that answers."""


class _Within(greenlet):
    """A call within a loop; ``in_thread`` does for it what would hold the loop up."""

    in_thread: InThread


async def within(act: Callable[[], _T], in_thread: InThread) -> _T:
    """What ``act`` answers, called in this loop; what it hands to ``awaited`` or ``aside`` is awaited here."""
    call = _Within(act)
    call.in_thread = in_thread
    step = call.switch()
    while not call.dead:
        try:
            done = await step
        except BaseException as error:
            step = call.throw(error)
        else:
            step = call.switch(done)
    return cast(_T, step)


def is_within() -> bool:
    """Whether this is called within a loop, which must not be held up."""
    return isinstance(getcurrent(), _Within)


def awaited(what: Awaitable[_T]) -> _T:
    """What ``what`` comes to; only within a loop, and while no lock is held that others in the loop take."""
    call = getcurrent()
    assert isinstance(call, _Within)
    assert call.parent is not None
    return cast(_T, call.parent.switch(what))


def aside(act: Callable[[], _T]) -> _T:
    """What ``act`` answers, called in a thread where this is within a loop; to be used as ``awaited`` is."""
    call = getcurrent()
    if not isinstance(call, _Within):
        return act()
    return cast(_T, awaited(call.in_thread(act)))


class Elsewhere(BaseException):
    """What was begun within a loop would hold it up, and has to be begun again in a thread; no error to be handled."""


def leave_loop() -> None:
    """Raises ``Elsewhere`` within a loop; to be called before anything was done."""
    if is_within():
        raise Elsewhere
