"""Lets rows come no faster than their source is to give them, whatever kind it is."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from connectors.base import Batch

_LOOK_SECONDS: Final = 0.2


def paced(batches: Iterator[Batch], rows_per_second: int, check: Callable[[], None]) -> Iterator[Batch]:
    """The same batches, each pulled no sooner than the rows before it have had their time; at once for a limit of 0.

    A source that was slow for a while is not asked for more later on. While it waits, ``check`` is called several times
    a second and may raise.
    """
    due = 0.0
    for batch in batches:
        pulled = time.monotonic()
        yield batch
        if rows_per_second:
            due = max(due, pulled) + (batch.count + len(batch.rejects)) / rows_per_second
        while (left := due - time.monotonic()) > 0:
            check()
            time.sleep(min(left, _LOOK_SECONDS))
