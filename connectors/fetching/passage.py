"""How far a reader is in a file, and the way back to there, as long as it is the same file."""

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from io import BufferedReader
from typing import Any, BinaryIO, Final

from connectors.base import Batch, CannotResume

MARKED_AFTER_SECONDS = 10.0
"""A file that is read in less is not looked at twice."""
_CHUNK: Final = 1 << 20


class Passage:
    """Reading of ``file``, the first of ``paths``, behind what ``state`` says was read; raises ``CannotResume``.

    ``passed`` counts the records read so far.
    """

    def __init__(self, file: BinaryIO, paths: Sequence[str], state: Mapping[str, Any]) -> None:
        self._file = file
        self._paths = list(paths)
        self.passed = int(state.get("passed", 0))
        self._since = time.monotonic()
        self._identity = ""
        if self.passed and state["identity"] != self._identified():
            raise CannotResume

    def after(self, batch: Batch) -> Mapping[str, Any] | None:
        """The checkpoint behind ``batch``; none in a file's first seconds."""
        self.passed += batch.count + len(batch.rejects)
        if not self._identity and time.monotonic() - self._since < MARKED_AFTER_SECONDS:
            return None
        return {"paths": self._paths, "passed": self.passed, "identity": self._identified()}

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
    """Without a change of its position, by which another process may be reading it."""
    descriptor, digest, at = file.fileno(), hashlib.sha256(), 0
    file.flush()
    while chunk := os.pread(descriptor, _CHUNK, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()
