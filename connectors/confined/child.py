"""The process that looks into files: bound before the first one is handed to it, then told of one after the other."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

from connectors.confined import limits, wire
from connectors.confined.syscalls import Unconfined
from connectors.formats import reading
from hub.errors import SourceError

_PARENT: Final = 0
_SPARE: Final = 16 << 20
_LEFT_OUT: Final = ("numpy", "pandas")
"""Libraries that others load where they happen to be installed: of no use here, and half a second and 50 MB dear."""


def main() -> None:
    """The arguments: descriptors to be asked by and to write into, limits, where to import from, what may be read."""
    control, scratch, megabytes, seconds = map(int, sys.argv[1:5])
    limits.die_with(_PARENT)
    sys.modules.update(dict.fromkeys(_LEFT_OUT))  # type: ignore[arg-type]  # None: as if it were not installed
    connection = socket.socket(fileno=control)
    try:
        limits.confine(megabytes, sys.argv[6].split(":"))
    except Unconfined as error:
        connection.sendall(wire.written({"unconfined": str(error)}))
        return
    with open(scratch, "r+b") as file:
        while (task := _next_task(connection)) is not None:
            limits.take_time(seconds)
            _carry_out(connection, task, file, seconds)


def _next_task(connection: socket.socket) -> "tuple[dict[str, Any], int] | None":
    """What is asked next, and the descriptor of the file."""
    start, descriptors, _, _ = socket.recv_fds(connection, wire.LENGTHS.size, 1, socket.MSG_WAITALL)
    if len(start) < wire.LENGTHS.size:
        return None
    size, _ = wire.LENGTHS.unpack(start)
    return wire.head_of(connection.recv(size, socket.MSG_WAITALL)), descriptors[0]


def _carry_out(connection: socket.socket, task: tuple[dict[str, Any], int], scratch: BinaryIO, seconds: int) -> None:
    head, descriptor = task
    with open(descriptor, "rb") as file:
        try:
            for told, body in _told(head, file, scratch):
                connection.sendall(wire.written(told, body))
                connection.sendall(body)
                limits.take_time(seconds)
        except SourceError as error:
            connection.sendall(wire.written(wire.error_head(error)))
        except MemoryError:
            connection.sendall(wire.written({"failed": "memory", "at": ""}))
        except Exception as error:  # whatever a parser of others falls over: the worker tells it, and lives
            how = "memory" if _is_full() else type(error).__name__
            connection.sendall(wire.written({"failed": how, "at": _place_of(error)}))
        else:
            connection.sendall(wire.written({"end": True}))


def _told(head: dict[str, Any], file: BinaryIO, scratch: BinaryIO) -> Iterator[wire.Message]:
    task = wire.task_of(head)

    @contextmanager
    def emptied() -> Iterator[BinaryIO]:
        scratch.seek(0)
        scratch.truncate()
        yield scratch

    if head["what"] == "describe":
        yield wire.found_head(reading.describe(file, task, emptied)), b""
        return
    for batch in reading.read(file, task, emptied):
        yield wire.batch_head(batch), batch.copy


def _is_full() -> bool:
    """Whether memory is at its end: libraries hide that behind errors of their own."""
    try:
        return not bytearray(_SPARE)
    except MemoryError:
        return True


def _place_of(error: BaseException) -> str:
    """Where it was raised; its own words may repeat a cell."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
