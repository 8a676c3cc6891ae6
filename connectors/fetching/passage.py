"""How far a reader is in a file, and the way back to there, as long as it is the same file."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from typing import Any, BinaryIO, Final

from connectors.base import Batch, CannotResume
from connectors.batches import Lines, Record

MARKED_AFTER_SECONDS = 10.0
"""A file that is read in less is not looked at twice."""
_CHUNK: Final = 1 << 20


class Passage:
    """Reading of ``file``, the first of ``paths``, behind what ``state`` says was read; raises ``CannotResume``."""

    def __init__(self, file: BinaryIO, paths: Sequence[str], state: Mapping[str, Any]) -> None:
        self._file = file
        self._paths = list(paths)
        self._passed = self._left = int(state.get("passed", 0))
        self._since = time.monotonic()
        self._identity = ""
        if self._passed and state["identity"] != self._identified():
            raise CannotResume

    def rest(self, records: Iterator[Lines | Record]) -> Iterator[Lines | Record]:
        """The records of the file's next table behind those that were read before."""
        return self._behind(records) if self._left else records

    def _behind(self, records: Iterator[Lines | Record]) -> Iterator[Lines | Record]:
        for record in records:
            count = record.count if isinstance(record, Lines) else 1
            if isinstance(record, Lines) and 0 < self._left < count:
                _, record = record.cut(self._left)
            elif self._left >= count:
                self._left -= count
                continue
            self._left = 0
            yield record

    def after(self, batch: Batch) -> Mapping[str, Any] | None:
        """The checkpoint behind ``batch``; none in a file's first seconds."""
        self._passed += batch.count + len(batch.rejects)
        if not self._identity and time.monotonic() - self._since < MARKED_AFTER_SECONDS:
            return None
        return {"paths": self._paths, "passed": self._passed, "identity": self._identified()}

    def _identified(self) -> str:
        """The file as it is told from others: by its place on a disk and its times, or else by all its bytes."""
        if not self._identity:
            self._identity = _on_disk(self._file) or _by_content(self._file)
        return self._identity


def _on_disk(file: BinaryIO) -> str:
    """Empty for a copy of what was fetched, whose own place and times say nothing."""
    if not isinstance(file, BufferedReader):
        return ""
    found = os.fstat(file.fileno())
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _by_content(file: BinaryIO) -> str:
    place, digest = file.tell(), hashlib.sha256()
    file.seek(0)
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        digest.update(chunk)
    file.seek(place)
    return digest.hexdigest()
