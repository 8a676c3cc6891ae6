"""Fetches from departments' HTTP servers: only where the source may reach, patiently, and never leaking its secrets."""

import random
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

import httpx

from connectors.base import Limits
from connectors.fetching.answers import Again, Answer, check_status, chunks, place, port_of, unreachable
from connectors.fetching.reach import Reach
from connectors.fetching.sockets import GuardedTransport
from hub.errors import SourceMalformed, SourceMissing, SourceRefused

USER_AGENT: Final = "hub-connector/1"
MAX_REDIRECTS: Final = 5
TRIES: Final = 4
MAX_WAIT: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)

T = TypeVar("T")


class Http:
    """One source's server: ``url`` is what it was configured with, ``headers`` go to that origin and nowhere else.

    So do those that ``sign`` gives for the method and address of each single request.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        sign: Callable[[str, httpx.URL], Mapping[str, str]] | None = None,
    ) -> None:
        self.url = httpx.URL(url)
        self._headers = dict(headers or {})
        self._sign = sign
        self._sleep = sleep
        reach = Reach(self.url.host, port_of(self.url), limits)
        self._client = httpx.Client(
            transport=GuardedTransport(reach),
            headers={"User-Agent": USER_AGENT},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def get(self, url: httpx.URL | str, max_bytes: int) -> Answer:
        """The whole answer at ``url`` (relative to the source's own); raises ``SourceError``."""
        return self._patiently(lambda: self._read(self._at(url), max_bytes))

    def download(self, url: httpx.URL | str, into: BinaryIO, max_bytes: int, *, is_cut: bool = False) -> str:
        """Pour the body at ``url`` into a seekable file, and give its content type.

        What is longer than ``max_bytes`` is refused, or where ``is_cut`` not asked for beyond them.
        """
        return self._patiently(lambda: self._pour(self._at(url), into, max_bytes, is_cut))

    def head(self, url: httpx.URL | str) -> httpx.Headers:
        """What the server tells of ``url`` without sending it; nothing where it tells only with the body."""
        return self._patiently(lambda: self._told(self._at(url)))

    def probe(self, url: httpx.URL | str) -> None:
        """See at once that ``url`` answers and lets us in, without its body; raises ``SourceError``."""
        try:
            with self._opened(self._at(url)):
                return
        except Again as again:
            raise again.error from again

    def _at(self, url: httpx.URL | str) -> httpx.URL:
        found = httpx.URL(url)
        return found if found.is_absolute_url else self.url.join(found)

    def _read(self, url: httpx.URL, max_bytes: int) -> Answer:
        with self._opened(url) as response:
            body = b"".join(chunks(response, max_bytes))
            link = response.links.get("next", {}).get("url")
            return Answer(response.url, response.headers, body, link)

    def _told(self, url: httpx.URL) -> httpx.Headers:
        try:
            with self._opened(url, "HEAD") as response:
                return response.headers
        except (SourceMalformed, SourceMissing, SourceRefused):  # what GET then says is believed
            return httpx.Headers()

    def _pour(self, url: httpx.URL, into: BinaryIO, max_bytes: int, is_cut: bool) -> str:
        into.seek(0)
        into.truncate()
        with self._opened(url) as response:
            for chunk in chunks(response, sys.maxsize if is_cut else max_bytes):
                into.write(chunk[: max_bytes - into.tell()])
                if is_cut and into.tell() == max_bytes:
                    break
            return str(response.headers.get("content-type", ""))

    @contextmanager
    def _opened(self, url: httpx.URL, method: str = "GET") -> Iterator[httpx.Response]:
        for _ in range(MAX_REDIRECTS + 1):
            response = self._sent(url, method)
            try:
                if response.next_request is None:
                    check_status(response)
                    yield response
                    return
                url = response.next_request.url
            finally:
                response.close()
        raise SourceMalformed(
            f"{place(self.url)} redirects more than {MAX_REDIRECTS} times.",
            code="source-redirects",
            hint="Set the source's url to where the redirects were meant to end.",
        )

    def _sent(self, url: httpx.URL, method: str) -> httpx.Response:
        if url.scheme not in ("http", "https") or url.userinfo:
            raise SourceMalformed(
                f"{place(self.url)} leads to an address that is neither plain http nor https.",
                code="source-redirects",
                hint="Set the source's url to where the redirects were meant to end.",
            )
        is_own = _origin(url) == _origin(self.url)
        headers = dict(self._headers) if is_own else {}
        if is_own and self._sign is not None:
            headers |= self._sign(method, url)
        try:
            return self._client.send(self._client.build_request(method, url, headers=headers), stream=True)
        except httpx.TransportError as error:
            raise Again(unreachable(url, error)) from error

    def _patiently(self, attempt: Callable[[], T]) -> T:
        for number in range(1, TRIES + 1):
            try:
                return attempt()
            except Again as again:
                wait = again.wait if again.wait is not None else 0.1 * 2**number * random.uniform(0.5, 1.0)
                if number == TRIES or wait > MAX_WAIT:
                    raise again.error from again
                self._sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, port_of(url)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    """The header that carries a name and a password (RFC 7617), in UTF-8."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}
