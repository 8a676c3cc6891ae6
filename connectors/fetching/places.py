"""What a place is where files lie: a folder that lists them, opens them, and tells which have changed."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

from connectors.fetching.globs import EVERYTHING, is_pattern, matches
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused

MAX_FILE: Final = 4 << 30
MAX_FILES: Final = 100_000
IN_MEMORY: Final = 4 << 20
"""Bytes of a fetched file from which on it stands on disk."""
SETTLED_AFTER: Final = 2.0
"""Seconds within which a file may change again without its time of change, told in whole seconds, being another."""


class Place(ABC):
    """A folder of files; ``path`` is relative to it, and empty where the place is itself a file.

    ``config`` and ``secrets`` are those of a source.
    """

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.config = config
        self.secrets = secrets

    @abstractmethod
    def test(self) -> None:
        """Reach the place; raises ``SourceError``."""

    @abstractmethod
    def paths(self, pattern: str = EVERYTHING) -> Iterator[str]:
        """The files it lists, at least those that match; raises ``SourceError``."""

    @abstractmethod
    def opened(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file for reading from any position, gone at the end of the ``with``; raises ``SourceError``."""

    def sampled(self, path: str, *, is_by_line: bool) -> AbstractContextManager[BinaryIO]:
        """As much of a file as tells its columns: all of it, or where it ``is_by_line`` perhaps its first lines."""
        return self.opened(path)

    @abstractmethod
    def name(self, path: str) -> str:
        """The file as errors may name it."""

    @abstractmethod
    def identities(self, paths: Iterable[str]) -> dict[str, str]:
        """For each file a text that is another one once it has changed; none for those of which that cannot be told."""

    def matching(self, path: str, *, is_none_fine: bool = False) -> list[str]:
        """The path itself, or for a pattern all listed files that match it, in order of their names."""
        if not is_pattern(path):
            return [path]
        listed = list(islice(self.paths(path), MAX_FILES + 1))
        if len(listed) > MAX_FILES:
            raise self.too_many()
        found = sorted({one for one in listed if matches(one, path)})
        if not found and not is_none_fine:
            raise SourceMissing(
                f"No file matches {self.name(path)}.",
                code="source-no-file",
                hint="Correct the stream's select.path, or put the files there.",
            )
        return found

    def too_many(self) -> SourceError:
        """The error for a place that lists more than is to be looked through."""
        return SourceMalformed(
            f"There are more than {MAX_FILES:,} files below {self.name('')}.",
            code="source-too-many-files",
            hint="Have the source spread them over folders, and let the source's url name one of these.",
        )

    def absent(self, path: str) -> SourceMissing:
        """The error for a file or folder that is not there."""
        return SourceMissing(
            f"{self.name(path)} does not exist.",
            code="source-no-file",
            hint="Check the source's url and the stream's select.path.",
        )

    def too_large(self, path: str) -> SourceError:
        """The error for a file that nobody meant to be read."""
        return SourceMalformed(
            f"{self.name(path)} has more than {MAX_FILE >> 30} GiB.",
            code="source-too-large",
            hint="Have the data written as several files.",
        )

    def changed(self, path: str) -> SourceError:
        """The error for a file that is not the same at the end of fetching it as at the beginning."""
        return SourceDown(
            f"{self.name(path)} changed while it was fetched.",
            code="source-changed",
            hint="It may still be written. Nothing was loaded; the next run tries again by itself.",
        )


def open_place(config: Mapping[str, Any], secrets: Mapping[str, str]) -> Place:
    """The place a source's ``url`` names, by its scheme."""
    scheme = urlsplit(config["url"]).scheme
    if scheme not in _SCHEMES:
        raise SourceRefused(
            f"Files cannot be fetched by {scheme!r}.",
            code="source-unknown-scheme",
            hint=f"Use one of: {', '.join(_SCHEMES)}.",
        )
    module, _, name = _SCHEMES[scheme].rpartition(".")
    return cast(type[Place], getattr(import_module(module), name))(config, secrets)


# By their names: what speaks SFTP or signs for S3 takes long to load, and most workers need neither.
_SCHEMES: Final[Mapping[str, str]] = {
    "http": "connectors.fetching.web.Web",
    "https": "connectors.fetching.web.Web",
    "file": "connectors.fetching.disk.Disk",
    "sftp": "connectors.fetching.sftp.Sftp",
    "s3": "connectors.fetching.s3.S3",
}
