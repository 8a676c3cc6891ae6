"""Files below a web address."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, BinaryIO, Final, cast
from urllib.parse import quote, unquote, urlsplit

import httpx

from connectors.base import Limits
from connectors.fetching.answers import place
from connectors.fetching.globs import EVERYTHING
from connectors.fetching.http import Http, basic, bearer
from connectors.fetching.places import IN_MEMORY, MAX_FILE, SETTLED_AFTER, Place
from hub.errors import SourceRefused

SAMPLED_LINES: Final = 16 << 20
"""Bytes that are fetched of a text file to tell its columns."""
SAMPLED_WHOLE: Final = 256 << 20
"""Bytes of a file of another form from which on its columns are not told by the way."""
_LINE: Final = 1 << 20
_MAX_INDEX: Final = 4 << 20


class Web(Place):
    """A folder or file on a web server; files are fetched whole before anything of them is believed."""

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(config, secrets)
        self._url: str = config["url"]

    def test(self) -> None:
        with self._http() as http:
            http.probe(self._url)

    def paths(self, pattern: str = EVERYTHING) -> Iterator[str]:
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

    def opened(self, path: str) -> AbstractContextManager[BinaryIO]:
        return self._fetched(path, MAX_FILE)

    def sampled(self, path: str, *, is_by_line: bool) -> AbstractContextManager[BinaryIO]:
        return self._fetched(path, SAMPLED_LINES, is_cut=True) if is_by_line else self._fetched(path, SAMPLED_WHOLE)

    @contextmanager
    def _fetched(self, path: str, most: int, is_cut: bool = False) -> Iterator[BinaryIO]:
        with self._http() as http, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            file = cast(BinaryIO, spool)
            http.download(self._address(path), file, most, is_cut=is_cut)
            if is_cut and file.tell() == most:
                _end_with_a_line(file)
            yield file

    def name(self, path: str) -> str:
        return place(self._address(path))

    def _address(self, path: str) -> str:
        if not path:
            return self._url
        return (self._url if self._is_folder() else self._url + "/") + quote(path, safe="/?=&%+,;:@~$!'()*")

    def _is_folder(self) -> bool:
        return self._url.endswith("/")

    def _user(self) -> str:
        if "user" not in self.secrets:
            raise SourceRefused(
                f"There is a password for {self.name('')}, but no user.", hint="Set the source's secret user too."
            )
        return self.secrets["user"]

    def _http(self) -> Http:
        headers = dict(self.config.get("headers", {}))
        if "token" in self.secrets:
            headers |= bearer(self.secrets["token"])
        elif "password" in self.secrets:
            headers |= basic(self._user(), self.secrets["password"])
        return Http(self._url, Limits.of(self.config), headers)


def _end_with_a_line(file: BinaryIO) -> None:
    """Take away what may be half a line; one that fills all that is looked at is left for its reader to judge."""
    size = file.tell()
    start = max(0, size - _LINE)
    file.seek(start)
    end = file.read().rfind(b"\n") + 1
    file.truncate(start + end if end else size)


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
    return abs((now - changed).total_seconds()) < SETTLED_AFTER


class _Links(HTMLParser):
    """The relative links of an index page, as far as they stay in its folder."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href") if tag == "a" else None
        if link and "." in link and not urlsplit(link).scheme and not link.startswith(("/", ".", "?", "#")):
            self.files.append(unquote(link))
