"""Files in a folder of the hub's own machine."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import unquote, urlsplit

from connectors.fetching.globs import EVERYTHING, leads_to
from connectors.fetching.places import Place
from hub.errors import SourceMissing, SourceRefused

ROOTS: Final = "HUB_FILE_ROOTS"


class Disk(Place):
    """A folder or file of the hub's own machine, below one of the folders that HUB_FILE_ROOTS names."""

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(config, secrets)
        self._base = Path(unquote(urlsplit(config["url"]).path))

    def test(self) -> None:
        if not self._inside("").exists():
            raise self.absent("")

    def paths(self, pattern: str = EVERYTHING) -> Iterator[str]:
        base = self._inside("")
        if base.is_file():
            yield ""
            return
        if not base.exists():
            raise self.absent("")
        for folder, folders, files in os.walk(base):
            below = Path(folder).relative_to(base)
            folders[:] = sorted(name for name in folders if leads_to((below / name).as_posix(), pattern))
            for file in sorted(files):
                yield (below / file).as_posix()

    def identities(self, paths: Iterable[str]) -> dict[str, str]:
        """Size and time of the last change, to the digit."""
        told = {}
        for path in paths:
            with suppress(OSError):  # opening it tells what is wrong
                about = self._inside(path).stat()
                told[path] = f"{about.st_size} bytes, {about.st_mtime_ns}"
        return told

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        actual = self._inside(path)
        try:
            # The path is resolved: a link that took its place since then is not followed, a pipe does not block.
            handle = os.open(actual, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise self.absent(path) from error
        except OSError as error:
            raise SourceRefused(
                f"{self.name(path)} cannot be opened: {error.strerror}.",
                hint="Let the user the hub runs as read this file.",
            ) from error
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SourceMissing(
                    f"{self.name(path)} is no file.",
                    code="source-no-file",
                    hint="Name a file, or several by a pattern such as *.csv, in the stream's select.path.",
                )
            yield file

    def name(self, path: str) -> str:
        return str(self._base / path) if path else str(self._base)

    def _inside(self, path: str) -> Path:
        actual = Path(os.path.realpath(self._base / path))
        roots = [
            Path(os.path.realpath(root)) for root in os.environ.get("HUB_FILE_ROOTS", "").split(os.pathsep) if root
        ]
        if not any(actual.is_relative_to(root) for root in roots):
            raise SourceRefused(
                f"{self.name(path)} is not below a folder that the hub may read files from.",
                code="source-outside-roots",
                hint="Add its folder to the setting HUB_FILE_ROOTS and start the hub again.",
            )
        return actual
