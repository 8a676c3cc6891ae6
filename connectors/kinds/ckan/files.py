"""Resources that are files: fetched from where CKAN says, if the source may reach that, and read as any other file."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import httpx

from connectors.base import Found
from connectors.confined.parser import Parser
from connectors.fetching.http import Http
from connectors.fetching.places import Place
from connectors.fetching.web import Web
from connectors.formats.opening import FORMATS, is_known
from connectors.formats.packed import extension_of
from connectors.kinds.ckan import site
from connectors.kinds.ckan.site import Resource
from connectors.kinds.file import File
from hub.errors import SourceMissing, SourceRefused

_PAGES: Final = frozenset({"html", "htm", "text/html", "website"})
_ENDINGS: Final[Mapping[str, str]] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/vnd.apache.parquet": "parquet",
    "application/zip": "zip",
    "application/x-zip-compressed": "zip",
}
"""Media types by the ends of files' names; a format is called by such an end, mostly in capitals."""
_SHOWN: Final = 60


class Linked(File):
    """The one file that a resource leads to; raises ``SourceError`` where it leads to none that is read."""

    def __init__(
        self, config: Mapping[str, Any], secrets: Mapping[str, str], resource: Resource, select: Mapping[str, Any]
    ) -> None:
        super().__init__(config, secrets)
        self._select = select
        self._address = _address(resource)
        self._name = _name(self._address, resource.said)
        if "format" not in select and not is_known(self._name):
            raise _unread(resource, self._name)

    def proposed(self, parser: Parser) -> Found:
        """What a sample of the file suggests, its words for no value among it."""
        return self._described(parser, self._place(), self._select, is_free=True)

    def _place(self) -> Place:
        return _Link(self.config, self.secrets, self._address)

    def _file_name(self, path: str) -> str:
        return self._name


class _Link(Web):
    """Where a resource leads. Any editor of the site types that in: it opens no host that the source may not reach."""

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], address: httpx.URL) -> None:
        super().__init__(config, secrets)
        self._link = str(address)

    def _address(self, path: str) -> str:
        return self._link

    def _http(self) -> Http:
        return site.opened(self.config, self.secrets)


def _address(resource: Resource) -> httpx.URL:
    try:
        url = httpx.URL(resource.url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise SourceRefused(
            f"The resource {resource.id} leads to an address that is neither plain http nor https.",
            code="source-unknown-scheme",
            hint="Correct the link in CKAN, or have the file put into CKAN itself.",
        )
    return url


def _name(address: httpx.URL, words: Iterable[str]) -> str:
    """The file's name, with an end by which it can be read if what CKAN says of it gives one.

    An end of its own goes before: it comes with each new file, while a format once typed in stays.
    """
    name = PurePosixPath(address.path).name
    stem, packed = (name[: -len(".gz")], ".gz") if extension_of(name) == "gz" else (name, "")
    ends = (_ENDINGS.get(said, said.removeprefix(".")) for said in words)
    names = (name, *(f"{stem}.{end}{packed}" for end in ends))
    return next((one for one in names if is_known(one)), name)


def _unread(resource: Resource, name: str) -> SourceMissing:
    if not _PAGES.isdisjoint((*resource.said, extension_of(name))):
        return SourceMissing(
            f"The resource {resource.id} is a link to a web page.",
            code="source-web-page",
            hint="Choose another resource, or correct the link in CKAN so that it leads to the file itself.",
        )
    said = ", ".join(resource.said)[:_SHOWN]
    return SourceMissing(
        f"The resource {resource.id} is of a format that is not read: {said}."
        if said
        else f"CKAN does not say what format the resource {resource.id} has.",
        code="source-unknown-format",
        hint=f"If it is one of these all the same, set the stream's select.format: {', '.join(FORMATS)}.",
    )
