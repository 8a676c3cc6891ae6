"""What passes between the hub and a process that looks into a file: JSON and bytes, nothing that could be run."""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from connectors.base import Batch, Column, Found, Reject
from connectors.formats.reading import Task
from connectors.formats.table import Options
from hub.errors import SourceError, SourceLacks, SourceMalformed, SourceMissing, SourceRefused

LENGTHS: Final = struct.Struct("!II")
_CODE: Final = 60
_MOST: Final = 128 << 20
"""Bytes of either part: a batch is about a megabyte, and one record more."""
_ERRORS: Final[Mapping[str, type[SourceError]]] = {
    error.__name__: error for error in (SourceError, SourceMalformed, SourceMissing, SourceRefused)
}

Message = tuple[dict[str, Any], bytes]


def written(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A message but for its body: the lengths of both parts, and the head."""
    told = json.dumps(head).encode()
    return LENGTHS.pack(len(told), len(body)) + told


def read(file: BinaryIO) -> Message | None:
    """The next message; None where the other side has gone. Raises ``ValueError`` for what is none."""
    lengths = file.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head_size, body_size = LENGTHS.unpack(lengths)
    if max(head_size, body_size) > _MOST:
        raise ValueError("too long a message")
    head, body = file.read(head_size), file.read(body_size)
    if len(head) < head_size or len(body) < body_size:
        return None
    return head_of(head), body


def head_of(told: bytes) -> dict[str, Any]:
    """Raises ``ValueError`` for what is none."""
    head = json.loads(told)
    if not isinstance(head, dict):
        raise ValueError("no message")
    return head


def task_head(task: Task, what: str) -> dict[str, Any]:
    return {"what": what, **asdict(task)}


def task_of(head: Mapping[str, Any]) -> Task:
    said = {name: _frozen(value) for name, value in head.items() if name not in ("what", "options")}
    options = {name: _frozen(value) for name, value in head["options"].items()}
    return Task(Options(**options), **said)


def batch_head(batch: Batch) -> dict[str, Any]:
    rejects = [(one.position, one.code, one.message, one.cells) for one in batch.rejects]
    offered = [*batch.offered.items()]
    named = None if batch.named is None else sorted(batch.named)
    return {"batch": [batch.columns, batch.count, rejects, batch.types, offered, named, batch.unended]}


def batch_of(message: Message) -> Batch:
    """Raises ``ValueError`` for what is none."""
    head, copy = message
    columns, count, rejects, types, offered, named, unended = head["batch"]
    return Batch(
        tuple(map(str, columns)),
        copy,
        int(count),
        positioned=True,
        rejects=tuple(
            Reject(int(position), str(code), str(text), tuple(map(str, cells)))
            for position, code, text, cells in rejects
        ),
        types=tuple(map(str, types)),
        offered={str(name): str(type_) for name, type_ in offered},
        named=None if named is None else frozenset(map(str, named)),
        unended=None if unended is None else str(unended),
    )


def found_head(found: Found) -> dict[str, Any]:
    return {"found": asdict(found)}


def found_of(message: Message) -> Found:
    """Raises ``ValueError`` for what is none."""
    said = message[0]["found"]
    columns = tuple(Column(**column) for column in said["columns"])
    samples = tuple(tuple(None if cell is None else str(cell) for cell in row) for row in said["samples"])
    return Found(str(said["name"]), said["select"], columns, samples=samples)


def error_head(error: SourceError) -> dict[str, Any]:
    """Without its cause: that could tell of a cell."""
    told = {"class": type(error).__name__, "message": error.message, "code": error.code, "hint": error.hint}
    if isinstance(error, SourceLacks):
        told |= {"absent": error.absent, "offered": error.offered}  # type: ignore[dict-item]
    return {"error": told}


def error_of(head: Mapping[str, Any]) -> SourceError:
    told = head["error"]
    message, hint = str(told["message"]), str(told["hint"])
    if told["class"] == SourceLacks.__name__:
        return SourceLacks(message, hint=hint, absent=told["absent"], offered=told["offered"])
    return _ERRORS[told["class"]](message, code=str(told["code"])[:_CODE], hint=hint)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
