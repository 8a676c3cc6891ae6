"""Limits over HTTP: who is let in, what an answer takes, and the headers that tell what is left."""

from collections.abc import Iterator
from math import ceil
from typing import Any, Protocol, cast

from django.http import HttpRequest

from hub.limits.admission import Admission
from hub.limits.verdict import SECOND


class Response(Protocol):
    """What is said to be sent, and its headers."""

    streaming: Any

    def __setitem__(self, name: str, text: str, /) -> None: ...


def attach(request: HttpRequest, admission: Admission) -> None:
    """Let whoever answers the request put down rows."""
    request.hub_admission = admission  # type: ignore[attr-defined]


def count_rows(request: HttpRequest, rows: int) -> None:
    """Put down ``rows`` that go out with the answer to this request."""
    admission: Admission | None = getattr(request, "hub_admission", None)
    if admission is not None:
        admission.rows += rows


def counted(response: Response, admission: Admission) -> None:
    """Put down the answer, and what is left into its headers; a stream takes its admission along to its end."""
    tell(response, admission)
    if response.streaming:
        admission.is_handed_on = True
        sent: Any = response
        sent.streaming_content = _Counted(sent.streaming_content, admission)
    else:
        admission.bytes += len(cast(Any, response).content)


def tell(response: Response, admission: Admission) -> None:
    """``RateLimit-*``: requests a minute, how many are left now, and the seconds until all are."""
    if admission.standing is not None:
        response["RateLimit-Limit"] = str(admission.standing.limit)
        response["RateLimit-Remaining"] = str(admission.standing.remaining)
        response["RateLimit-Reset"] = str(ceil(admission.standing.reset / SECOND))


class _Counted(Iterator[bytes]):
    """A stream whose bytes are counted; closed, be it not begun, it ends its admission."""

    def __init__(self, chunks: Any, admission: Admission) -> None:
        self._chunks, self._admission = iter(chunks), admission
        self._close = getattr(chunks, "close", None)

    def __next__(self) -> bytes:
        chunk: bytes = next(self._chunks)
        self._admission.bytes += len(chunk)
        self._admission.keep()
        return chunk

    def close(self) -> None:
        try:
            if self._close is not None:
                self._close()
        finally:
            self._admission.end()
