"""What a department's HTTP server answers: the body within its bounds, and what to do where there is none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from connectors.formats.packed import check_size
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused

_CHUNK: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole response: where it came from in the end, its headers, its body."""

    url: httpx.URL
    headers: httpx.Headers
    body: bytes
    next_link: str | None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower case; empty when the server named none."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()


class Again(Exception):
    """What failed may go better soon; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait = wait


def place(url: httpx.URL | str) -> str:
    """A URL as errors may show it: without user, query and fragment, where secrets and data could be."""
    return str(httpx.URL(url).copy_with(username=None, password=None, query=None, fragment=None))


def port_of(url: httpx.URL) -> int:
    """The port that a URL leads to, its scheme's own where it names none."""
    return url.port or {"https": 443}.get(url.scheme, 80)


def chunks(response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    """The body as it comes; raises ``Again`` where it breaks off, ``SourceError`` where it is damaged or too long."""
    size, announced = 0, response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(response, max_bytes)
    try:
        for chunk in response.iter_bytes(_CHUNK):
            size += len(chunk)
            check_size(size, response.num_bytes_downloaded, place(response.url))
            if size > max_bytes:
                raise _too_large(response, max_bytes)
            yield chunk
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise Again(
            SourceMalformed(
                f"{place(response.url)} broke off after {response.num_bytes_downloaded} bytes, before its end.",
                code="source-truncated",
                hint="Nothing was loaded. Run again; if it stays so, the server or a proxy before it cuts answers.",
            )
        ) from error
    except httpx.DecodingError as error:
        raise SourceMalformed(
            f"{place(response.url)} sent a damaged compressed answer.",
            code="source-truncated",
            hint="Nothing was loaded. Run again; if it stays so, the server or a proxy before it cuts answers.",
        ) from error
    except httpx.TimeoutException as error:
        raise Again(unreachable(response.url, error)) from error


def _too_large(response: httpx.Response, max_bytes: int) -> SourceMalformed:
    return SourceMalformed(
        f"{place(response.url)} sent more than {max_bytes >> 20} MiB.",
        code="source-too-large",
        hint="Ask for less at a time: smaller pages, or the file in parts.",
    )


def check_status(response: httpx.Response) -> None:
    """Raise ``SourceError`` for what is no answer with a body, ``Again`` where there may be one soon."""
    status = response.status_code
    if status in (200, 203):
        return
    where = place(response.url)
    if status in (401, 403, 407):
        raise SourceRefused(
            f"{where} refused access (HTTP {status}).",
            hint="Check the source's auth and secrets, and that the account may read this path.",
        )
    if status in (404, 410):
        raise SourceMissing(
            f"{where} does not exist (HTTP {status}).", hint="Check the source's url and the stream's select."
        )
    if status in (408, 425, 429) or (status >= 500 and status != 501):
        wait = retry_after(response.headers.get("retry-after", ""))
        raise Again(
            SourceDown(
                f"{where} cannot answer for now (HTTP {status}).",
                code="source-busy" if status == 429 else "source-down",
                hint="The next run tries again by itself.",
                retry_after=wait,
            ),
            wait,
        )
    raise SourceMalformed(
        f"{where} answered with HTTP {status}, which is no data.",
        code="source-status",
        hint="Check the source's url, the stream's select.path and its params.",
    )


def retry_after(text: str) -> float | None:
    """How many seconds a server asks to be left alone, by its header ``Retry-After``; None where it says nothing."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def unreachable(url: httpx.URL, error: httpx.TransportError) -> SourceDown:
    """What it means that no answer came."""
    where = f"{url.host} port {port_of(url)}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return SourceDown(
            f"The certificate of {where} does not hold.",
            code="source-certificate",
            hint="The server needs a valid certificate for this name, signed by an authority the hub's machine knows.",
        )
    if isinstance(error, httpx.TimeoutException):
        return SourceDown(f"{where} did not answer in time.", hint="The next run tries again by itself.")
    return SourceDown(
        f"Nothing answers at {where}.",
        hint="Check that the server runs and that the hub's machine can reach it; the next run tries again by itself.",
    )
