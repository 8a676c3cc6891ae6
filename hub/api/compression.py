"""Compressed answers for those who ask for them: text of the API, in constant memory, its first bytes at once."""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, cast

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

from hub.waiting import aside

TEXTS: Final = frozenset({"application/json", "application/x-ndjson", "text/csv"})
SMALL: Final = 1_024
"""Bytes below which compressing costs more than it saves."""

_OFFER: Final = re.compile(r"\s*([!#$%&'*+.^`|~\w-]+)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE)


class CompressionMiddleware:
    """Compresses what ``TEXTS`` names, unless the caller is known by a cookie alone.

    A foreign page can make a browser send a cookie along with words of its own choice, and would see from the length
    of a compressed answer whether they stand in it; it cannot make one send ``Authorization``.
    Parts of a file, and the formats that are compressed in themselves, go out as they are.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if not _is_worth_it(response):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        sent = request.META
        is_guessable = bool(sent.get("HTTP_COOKIE")) and "HTTP_AUTHORIZATION" not in sent
        coding = "" if is_guessable or "HTTP_RANGE" in sent else coding_for(sent.get("HTTP_ACCEPT_ENCODING", ""))
        if coding:
            _compress(response, coding, is_head=request.method == "HEAD")
        return response


class _Compressor(Protocol):
    """Makes of bytes what is to be sent for them; what ``add`` gives can be read at once, ``end`` gives the rest."""

    def add(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(1, zlib.DEFLATED, wbits=31)

    def add(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Zstandard:
    def __init__(self) -> None:
        import pyarrow as pa  # large, and not every process that serves needs it

        self._sink = _Sink()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._sink, "w"), "zstd")

    def add(self, data: bytes) -> bytes:
        self._stream.write(data)
        self._stream.flush()
        return self._sink.taken()

    def end(self) -> bytes:
        self._stream.close()
        return self._sink.taken()


class _Sink:
    """Keeps what is written to it until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing below."""

    def close(self) -> None:
        """What was written stays to be taken."""

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


_COMPRESSORS: Mapping[str, Callable[[], _Compressor]] = {"zstd": _Zstandard, "gzip": _Gzip}
"""By the name of their coding (RFC 9110, RFC 8878), the better one first."""


def coding_for(accepted: str) -> str:
    """The coding that the header ``Accept-Encoding`` likes best of those that there are; empty for none.

    A header that cannot be read asks for none.
    """
    if not accepted:
        return ""
    likings: dict[str, float] = {}
    for offer in accepted.split(","):
        found = _OFFER.fullmatch(offer)
        if found is None:
            return ""
        likings[found[1].lower().removeprefix("x-")] = float(found[2] or 1)
    rest = likings.get("*", 0.0)
    best = max(_COMPRESSORS, key=lambda coding: likings.get(coding, rest))
    liking = likings.get(best, rest)
    return best if liking > 0 and liking >= likings.get("identity", 0.0) else ""


def _is_worth_it(response: HttpResponseBase) -> bool:
    if response.status_code not in (200, 201, 202) or response.has_header("Content-Encoding"):
        return False
    if response.get("Content-Type", "").partition(";")[0] not in TEXTS:
        return False
    if response.streaming:
        return int(response.get("Content-Length", str(SMALL))) >= SMALL
    return len(cast(HttpResponse, response).content) >= SMALL


def _compress(response: HttpResponseBase, coding: str, *, is_head: bool) -> None:
    """Other bytes of the same content: lengths, digests and strong tags of the plain ones do not hold for them."""
    compressor = _COMPRESSORS[coding]()
    for name in ("Content-Length", "Content-Digest", "Repr-Digest", "Accept-Ranges"):
        del response.headers[name]
    etag = response.get("ETag", "")
    if etag and not etag.startswith("W/"):
        response.headers["ETag"] = f"W/{etag}"
    response.headers["Content-Encoding"] = coding
    if isinstance(response, StreamingHttpResponse):
        if not is_head:
            response.streaming_content = _compressed(cast(Iterator[bytes], response.streaming_content), compressor)
        return
    whole = cast(HttpResponse, response)
    whole.content = aside(lambda: compressor.add(whole.content) + compressor.end())
    whole.headers["Content-Length"] = str(len(whole.content))


def _compressed(chunks: Iterator[bytes], compressor: _Compressor) -> Iterator[bytes]:
    """The chunks compressed; a stream that breaks off has no end, so that nobody takes it for whole."""
    for chunk in chunks:
        yield compressor.add(chunk)
    yield compressor.end()
