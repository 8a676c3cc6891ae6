"""Where files lie: a folder on disk or below a web address; further schemes are further classes in ``open_place``."""

import os
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast
from urllib.parse import quote, unquote, urlsplit

import httpx

from connectors.base import Limits
from connectors.fetching.http import Http, place
from hub.errors import SourceMalformed, SourceMissing, SourceRefused

ROOTS: Final = "HUB_FILE_ROOTS"
MAX_FILE: Final = 4 << 30
MAX_FILES: Final = 100_000
_MAX_INDEX: Final = 4 << 20
_IN_MEMORY: Final = 4 << 20
_SETTLED_AFTER: Final = 2.0


class Place(ABC):
    """A folder of files; ``path`` is relative to it, and empty where the place is itself a file."""

    @abstractmethod
    def test(self) -> None:
        """Reach the place; raises ``SourceError``."""

    @abstractmethod
    def paths(self) -> Iterator[str]:
        """The files it lists; raises ``SourceError``."""

    @abstractmethod
    def opened(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file for reading from any position, gone at the end of the ``with``; raises ``SourceError``."""

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
        listed = list(islice(self.paths(), MAX_FILES + 1))
        if len(listed) > MAX_FILES:
            raise SourceMalformed(
                f"There are more than {MAX_FILES:,} files below {self.name('')}.",
                code="source-too-many-files",
                hint="Have the source spread them over folders, and let the source's url name one of these.",
            )
        found = sorted({one for one in listed if fnmatchcase(one, path)})
        if not found and not is_none_fine:
            raise SourceMissing(
                f"No file matches {self.name(path)}.",
                code="source-no-file",
                hint="Correct the stream's select.path, or put the files there.",
            )
        return found


def is_pattern(path: str) -> bool:
    """Whether a path stands for all files that match it."""
    return "*" in path


def open_place(url: str, limits: Limits, headers: Mapping[str, str]) -> Place:
    """The place a source's ``url`` names, by its scheme."""
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise SourceRefused(
            f"Files cannot be fetched by {scheme!r}.",
            code="source-unknown-scheme",
            hint=f"Use one of: {', '.join(_SCHEMES)}.",
        )
    return _SCHEMES[scheme](url, limits, headers)


class Disk(Place):
    """A folder or file of the hub's own machine, below one of the folders that HUB_FILE_ROOTS names."""

    def __init__(self, url: str, limits: Limits, headers: Mapping[str, str]) -> None:
        self._base = Path(unquote(urlsplit(url).path))

    def test(self) -> None:
        if not self._inside("").exists():
            raise self._absent("")

    def paths(self) -> Iterator[str]:
        base = self._inside("")
        if base.is_file():
            yield ""
            return
        if not base.exists():
            raise self._absent("")
        for folder, folders, files in os.walk(base):
            folders.sort()
            for file in sorted(files):
                yield Path(folder, file).relative_to(base).as_posix()

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
            raise self._absent(path) from error
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

    def _absent(self, path: str) -> SourceMissing:
        return SourceMissing(
            f"{self.name(path)} does not exist.",
            code="source-no-file",
            hint="Check the source's url and the stream's select.path.",
        )


class Web(Place):
    """A folder or file on a web server; files are fetched whole before anything of them is believed."""

    def __init__(self, url: str, limits: Limits, headers: Mapping[str, str]) -> None:
        self._url = url
        self._limits = limits
        self._headers = headers

    def test(self) -> None:
        with self._http() as http:
            http.probe(self._url)

    def paths(self) -> Iterator[str]:
        """The files that the server's index page links to, or the one file the URL itself is."""
        with self._http() as http:
            if not self._is_folder():
                yield ""
                return
            index = http.get(self._url, _MAX_INDEX)
        if index.media_type == "text/html":
            links = _Links()
            links.feed(index.body.decode("utf-8", "replace"))
            yield from links.files

    def identities(self, paths: Iterable[str]) -> dict[str, str]:
        """What the server tells with ``HEAD``: a tag of the content, or the time of its last change; and the size."""
        with self._http() as http:
            told = {path: _identity(http.head(self._address(path))) for path in paths}
        return {path: identity for path, identity in told.items() if identity}

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        with self._http() as http, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            file = cast(BinaryIO, spool)
            http.download(self._address(path), file, MAX_FILE)
            yield file

    def name(self, path: str) -> str:
        return place(self._address(path))

    def _address(self, path: str) -> str:
        if not path:
            return self._url
        return (self._url if self._is_folder() else self._url + "/") + quote(path, safe="/?=&%+,;:@~$!'()*")

    def _is_folder(self) -> bool:
        return self._url.endswith("/")

    def _http(self) -> Http:
        return Http(self._url, self._limits, self._headers)


def _identity(headers: httpx.Headers) -> str:
    """Empty where it would not be another one after a change: a size alone, or a time that may come twice."""
    names = [name for name in ("etag", "last-modified", "content-length") if name in headers]
    if names in ([], ["content-length"]) or _is_of_this_moment(headers):
        return ""
    return ", ".join(f"{name} {headers[name]}" for name in names)


def _is_of_this_moment(headers: httpx.Headers) -> bool:
    """Whether the file may change once more within the second that the server gives as the time of its last change."""
    try:
        changed, now = (parsedate_to_datetime(headers[name]) for name in ("last-modified", "date"))
    except (KeyError, ValueError):
        return False
    return abs((now - changed).total_seconds()) < _SETTLED_AFTER


class _Links(HTMLParser):
    """The relative links of an index page, as far as they stay in its folder."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href") if tag == "a" else None
        if link and "." in link and not urlsplit(link).scheme and not link.startswith(("/", ".", "?", "#")):
            self.files.append(unquote(link))


_SCHEMES: Final[Mapping[str, Callable[[str, Limits, Mapping[str, str]], Place]]] = {
    "http": Web,
    "https": Web,
    "file": Disk,
}
