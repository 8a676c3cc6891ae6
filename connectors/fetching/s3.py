"""Objects of an S3-compatible store, by requests signed here and sent through the same guarded sockets as any other."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, cast
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree.ElementTree import Element, ParseError

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.base import Limits
from connectors.fetching.globs import EVERYTHING, fixed_part
from connectors.fetching.http import Http
from connectors.fetching.places import IN_MEMORY, MAX_FILE, Place
from hub.errors import SourceMalformed

_MAX_PAGE: Final = 8 << 20
_PAGE_KEYS = 1000
_MAX_PAGES = 1000
"""Pages hold up to a thousand objects; as many of no more than a hundred are still enough."""
_UNRESERVED: Final = "-_.~"


class S3(Place):
    """A bucket, or what lies in it under a prefix that ends in ``/``; without that, one object."""

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(config, secrets)
        parts = urlsplit(config["url"])
        self._bucket, self._prefix = parts.netloc, unquote(parts.path).removeprefix("/")
        self._listed: dict[str, str] = {}

    def test(self) -> None:
        with self._http() as http:
            if self._is_folder():
                _page(http.get(self._listing(self._prefix, "", 1), _MAX_PAGE).body, self.name(""))
            else:
                http.probe(self._address(""))

    def paths(self, pattern: str = EVERYTHING) -> Iterator[str]:
        if not self._is_folder():
            yield ""
            return
        self._listed = {}
        with self._http() as http:
            for entry in self._entries(http, self._prefix + fixed_part(pattern)):
                key = unquote(_text(entry, "Key"))
                path = key.removeprefix(self._prefix)
                if path and not path.endswith("/") and {".", ".."}.isdisjoint(path.split("/")):
                    self._listed[path] = _identity(_text(entry, "ETag"), _text(entry, "Size"))
                    yield path

    def identities(self, paths: Iterable[str]) -> dict[str, str]:
        """Tag and size of each, as the listing that went before told them, or as the store tells now."""
        listed, self._listed = self._listed, {}
        with self._http() as http:
            told = {path: listed.get(path) or self._told(http, path) for path in paths}
        return {path: identity for path, identity in told.items() if identity}

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        with self._http() as http, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            file = cast(BinaryIO, spool)
            http.download(self._address(path), file, MAX_FILE)
            yield file

    def name(self, path: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{path}"

    def _told(self, http: Http, path: str) -> str:
        headers = http.head(self._address(path))
        return _identity(headers.get("etag", ""), headers.get("content-length", ""))

    def _entries(self, http: Http, prefix: str) -> Iterator[Element]:
        """What the store lists, page by page (ListObjectsV2), with an end that is sure to come."""
        token = ""
        for _ in range(_MAX_PAGES):
            page = _page(http.get(self._listing(prefix, token, _PAGE_KEYS), _MAX_PAGE).body, self.name(""))
            yield from page.iterfind("{*}Contents")
            token = _text(page, "NextContinuationToken")
            if _text(page, "IsTruncated") != "true" or not token:
                return
        raise self.too_many()

    def _listing(self, prefix: str, token: str, most: int) -> str:
        asked = {"list-type": "2", "encoding-type": "url", "max-keys": str(most), "prefix": prefix}
        if token:
            asked["continuation-token"] = token
        return f"{self._root()}?{urlencode(asked, quote_via=quote, safe=_UNRESERVED)}"

    def _address(self, path: str) -> str:
        return self._root() + quote(self._prefix + path, safe="/" + _UNRESERVED)

    def _root(self) -> str:
        endpoint = httpx.URL(self.config["endpoint"])
        if self.config.get("addressing_style") == "virtual":
            return f"{endpoint.copy_with(host=f'{self._bucket}.{endpoint.host}', path='/')}"
        return f"{str(endpoint).rstrip('/')}/{self._bucket}/"

    def _is_folder(self) -> bool:
        return not self._prefix or self._prefix.endswith("/")

    def _http(self) -> Http:
        return Http(self._root(), Limits.of(self.config), sign=self._signed if "access_key" in self.secrets else None)

    def _signed(self, method: str, url: httpx.URL) -> Mapping[str, str]:
        """The headers that sign a request without a body (AWS Signature Version 4)."""
        request = AWSRequest(method=method, url=str(url), headers={})
        credentials = Credentials(self.secrets["access_key"], self.secrets["secret_key"])
        S3SigV4Auth(credentials, "s3", self.config.get("region", "us-east-1")).add_auth(request)
        return dict(request.headers.items())


def _page(body: bytes, where: str) -> Element:
    try:
        page = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise _no_listing(where) from error
    if page.tag.rpartition("}")[2] != "ListBucketResult":
        raise _no_listing(where)
    return page


def _text(element: Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _identity(tag: str, size: str) -> str:
    return f"{tag.strip(chr(34))}, {size} bytes" if tag else ""


def _no_listing(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"What answered for {where} is no list of objects.",
        code="source-malformed",
        hint="Check the source's endpoint: it is to be an S3-compatible store's address, without the bucket.",
    )
