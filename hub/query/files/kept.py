"""The folder of files that were made: found by what is in them, and let go when they are old or too many."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings

_SWEPT_AFTER: Final = 3600.0
"""Seconds after which what a killed process left unfinished is nobody's any more."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file is: of which dataset and version, with how many rows, and the digest of its bytes in hex."""

    dataset: str
    version: int
    format: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A whole file that is there, under its name among the kept ones."""

    name: str
    contents: Contents

    @property
    def path(self) -> Path:
        return folder() / self.name

    @property
    def expires_at(self) -> datetime:
        """When its time is over; raises ``FileNotFoundError`` where it is gone already."""
        made = datetime.fromtimestamp(_described(self.path).stat().st_mtime, UTC)
        return made + timedelta(days=settings.HUB_FILES_DAYS)


def folder() -> Path:
    """Where the files are; nobody but the hub's account gets in."""
    place: Path = settings.HUB_DATA / "files"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def name_of(format: str, **said: Any) -> str:
    """The name of the file that answers to all that is ``said`` of it."""
    return f"{hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()}.{format}"


def find(name: str) -> KeptFile | None:
    """The file of this name, from now on the last that was used; None where there is none or its time is over."""
    path = folder() / name
    with suppress(FileNotFoundError, ValueError):
        if time.time() - _described(path).stat().st_mtime > settings.HUB_FILES_DAYS * 86_400:
            return None
        contents = Contents(**json.loads(_described(path).read_text()))
        os.utime(path)
        return KeptFile(name, contents)
    return None


def look(name: str) -> Contents | None:
    """What ``find`` would find, and no use of it."""
    described = _described(folder() / name)
    with suppress(FileNotFoundError, ValueError):
        if time.time() - described.stat().st_mtime <= settings.HUB_FILES_DAYS * 86_400:
            return Contents(**json.loads(described.read_text()))
    return None


@contextmanager
def making(name: str) -> Iterator[IO[bytes] | None]:
    """The unfinished file of this name, empty; None where another made it while this one waited for it.

    One process at a time makes a file. What is left when the block is over is dropped unless ``keep`` took it.
    """
    part = folder() / f"{name}.part"
    while True:
        with open(part, "ab", opener=_private) as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            if not _is_at(out, part):  # it was finished or dropped while this one waited
                if find(name) is not None:
                    yield None
                    return
                continue
            try:
                out.truncate(0)
                yield out
            finally:
                if _is_at(out, part):
                    part.unlink()
            return


def keep(out: IO[bytes], name: str, contents: Contents) -> KeptFile:
    """Let the finished file be found from now on, as a whole."""
    out.flush()
    path = folder() / name
    draft = path.with_name(f"{name}.json.part")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(contents)))
    draft.rename(_described(path))
    path.with_name(f"{name}.part").rename(path)
    sweep()
    return KeptFile(name, contents)


def sweep() -> None:
    """Take away what is too old, then what was used longest ago, until the rest is no more than it may be."""
    now, files = time.time(), []
    for path in folder().iterdir():
        with suppress(FileNotFoundError):
            status = path.stat()
            if path.suffix == ".part":
                if now - status.st_mtime > _SWEPT_AFTER:
                    path.unlink()
            elif path.suffix != ".json":
                files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for used, size, path in sorted(files):
        if total > settings.HUB_FILES_BYTES or now - used > settings.HUB_FILES_DAYS * 86_400:
            drop(path)
            total -= size


def drop(path: Path) -> None:
    """Take one file away; who reads it reads on to its end."""
    path.unlink(missing_ok=True)
    _described(path).unlink(missing_ok=True)


def _described(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _is_at(file: IO[bytes], path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
