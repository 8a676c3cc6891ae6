"""How much memory this process takes with those that it begins: the greatest that each ever had, added up."""

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK_SECONDS = 0.01


class Peak:
    """Looks until the end of the ``with``; ``own`` and ``children`` are megabytes."""

    def __init__(self) -> None:
        self.own = self.children = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    @property
    def megabytes(self) -> float:
        return self.own + self.children

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self.own = greatest(os.getpid())

    def _look(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            self.children = max(self.children, sum(map(greatest, _begun())))


def _begun() -> set[int]:
    """The processes begun by any thread of this one, as soon as they are programs of their own."""
    listed = (entry / "children" for entry in Path("/proc/self/task").iterdir())
    found = {int(pid) for text in map(_text, listed) for pid in text.split()}
    return {pid for pid in found if _text(Path(f"/proc/{pid}/comm")) == "hub-file\n"}


def greatest(pid: int) -> float:
    """The most memory that the process ever had, in megabytes; 0 where it is gone."""
    words = _text(Path(f"/proc/{pid}/status")).partition("VmHWM:")[2].split()
    return int(words[0]) / 1024 if words else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
