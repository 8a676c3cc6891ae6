"""Has files looked into where they can do no harm, and gives what is found as if it had been read here."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

from connectors.base import Batch, Found
from connectors.confined import wire
from connectors.confined.process import Child, unreadable
from connectors.formats.reading import Task
from hub.errors import SourceDown, SourceError

_KEPT_BELOW: Final = 8 << 20
"""After a larger file a fresh process costs next to nothing, and begins with its memory in order."""


T = TypeVar("T")


class Parser:
    """Reads the files of one source, one after the other, in a process that is begun with the first one."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def batches(self, file: BinaryIO, task: Task) -> Iterator[Batch]:
        """What ``reading.read`` gives of an open file that has a descriptor; raises ``SourceError``.

        Whoever reads the file meanwhile has to leave its position where it is.
        """
        with closing(self._told(file, task, "read")) as answers:
            for message in answers:
                yield _made(wire.batch_of, message, task.options.where)

    def found(self, file: BinaryIO, task: Task) -> Found:
        """What ``reading.describe`` gives of an open file that has a descriptor; raises ``SourceError``."""
        with closing(self._told(file, task, "describe")) as answers:
            message = next(answers)
            next(answers, None)  # the word that this was all
            return _made(wire.found_of, message, task.options.where)

    def stop(self) -> None:
        """End what is at work, from any thread: whoever waits for it gets ``SourceDown``, and so does who comes."""
        self._is_stopped = True
        child = self._child
        if child is not None:
            child.is_stopped = True
            child.kill()

    def _told(self, file: BinaryIO, task: Task, what: str) -> Generator[wire.Message, None, None]:
        if self._is_stopped:
            raise SourceDown(f"Reading {task.options.where} was ended.", code="source-stopped")
        child = self._child = self._child or Child()
        is_over = False
        try:
            child.ask(task, what, file)
            while "end" not in (message := child.answer(task.options.where))[0]:
                yield message
            is_over = True
        except SourceError:
            is_over = not child.is_spent
            raise
        finally:
            if not is_over or os.fstat(file.fileno()).st_size > _KEPT_BELOW:
                self._let_go()

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()


def _made(make: Callable[[wire.Message], T], message: wire.Message, where: str) -> T:
    """What was told; whoever tells it may have been taken over by what it looked into."""
    try:
        return make(message)
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(where, "a message that is none") from error
