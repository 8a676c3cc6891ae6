"""Chunks made on a thread of their own: in order, bounded, errors passed on, let go of when nobody wants more."""

import threading
import time
from collections.abc import Iterator

import pytest

from hub.store.intake import ahead as module
from hub.store.intake.ahead import ahead


def test_items_come_in_order_and_few_before_they_are_asked_for() -> None:
    made: list[int] = []
    numbers = ahead(_counted(made, 50))

    first = next(numbers)
    time.sleep(0.3)

    assert first == 0
    assert len(made) <= 5
    assert list(numbers) == list(range(1, 50))


def test_what_the_maker_raises_is_raised_after_what_it_made() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    numbers = ahead(failing())

    assert next(numbers) == 1
    with pytest.raises(LookupError, match="gone"):
        next(numbers)


def test_stopping_early_ends_the_thread() -> None:
    before = threading.active_count()
    numbers = ahead(_counted([], 10**9))
    next(numbers)

    numbers.close()

    assert threading.active_count() == before


def test_stopping_does_not_wait_for_a_maker_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.1)
    free = threading.Event()

    def hanging() -> Iterator[int]:
        yield 1
        free.wait(20)

    numbers = ahead(hanging())
    next(numbers)
    began = time.monotonic()
    numbers.close()
    seconds = time.monotonic() - began
    free.set()

    assert seconds < 5


def _counted(made: list[int], count: int) -> Iterator[int]:
    for number in range(count):
        made.append(number)
        yield number
