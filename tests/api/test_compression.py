"""Answers are compressed for those who ask, as the same content; files, small answers and sessions are left alone."""

import gzip
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client as Browser
from django.test import RequestFactory

from hub.accounts.models import User
from hub.api.compression import CompressionMiddleware, coding_for
from hub.catalog.models import Dataset
from tests.api.conftest import Api
from tests.cast import member

ROWS = "datasets/dot.flights/rows"
FILE = "datasets/dot.flights/file.csv"


def content(response: Any) -> bytes:
    raw = b"".join(response.streaming_content) if response.streaming else response.content
    match response.get("Content-Encoding"):
        case "gzip":
            return gzip.decompress(raw)
        case "zstd":
            return bytes(pa.CompressedInputStream(pa.BufferReader(raw), "zstd").read())
    return bytes(raw)


@pytest.fixture(autouse=True)
def data(tmp_path: Any, settings: Any) -> None:
    settings.HUB_DATA = tmp_path


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("GZIP;Q=1.0", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0", ""),
        ("zstd;q=0, *", "gzip"),
        ("gzip;q=0", ""),
        ("identity, gzip;q=0.5", ""),
        ("br, deflate", ""),
        ("gzip;q=7", ""),
        ("gzip;;", ""),
    ],
)
def test_best_liked_coding_is_taken(accepted: str, coding: str) -> None:
    assert coding_for(accepted) == coding


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("query", [{}, {"f": "csv", "limit": "all"}, {"f": "ndjson", "limit": "all"}])
def test_rows_are_the_same_compressed(
    flights: Dataset, reader: Api, transactional_db: None, coding: str, query: dict[str, str]
) -> None:
    fill(flights)
    plain = reader.get(ROWS, query)
    told = content(plain)

    compressed = reader.get(ROWS, query, Accept_Encoding=coding)

    assert compressed["Content-Encoding"] == coding
    assert "Content-Encoding" not in plain
    assert "Accept-Encoding" in plain["Vary"]
    assert compressed["Vary"] == plain["Vary"]
    assert without_receipt(content(compressed)) == without_receipt(told)
    assert compressed.get("ETag") == plain.get("ETag")
    if not compressed.streaming:
        assert int(compressed["Content-Length"]) == len(compressed.content) < len(plain.content) / 3


def test_compressed_page_is_known_again(flights: Dataset, reader: Api) -> None:
    fill(flights)
    etag = reader.get(ROWS, Accept_Encoding="gzip")["ETag"]

    again = reader.get(ROWS, Accept_Encoding="gzip", If_None_Match=etag)

    assert (etag[:2], again.status_code, again.content) == ("W/", 304, b"")
    assert "Content-Encoding" not in again


@pytest.mark.django_db(transaction=True)
def test_file_of_text_is_compressed_under_a_weak_tag_and_its_parts_are_not(flights: Dataset, reader: Api) -> None:
    fill(flights)
    plain = reader.get(FILE)
    whole = content(plain)

    compressed = reader.get(FILE, Accept_Encoding="gzip")
    part = reader.get(FILE, Accept_Encoding="gzip", Range="bytes=3-9")
    known = reader.get(FILE, Accept_Encoding="gzip", If_None_Match=compressed["ETag"])
    other = reader.get(FILE, Accept_Encoding="gzip", Range="bytes=3-9", If_Range=compressed["ETag"])

    assert content(compressed) == whole
    assert compressed["ETag"] == f"W/{plain['ETag']}"
    for name in ("Content-Length", "Repr-Digest", "Content-Digest", "Accept-Ranges"):
        assert name in plain
        assert name not in compressed
    assert (part.status_code, content(part), part["ETag"]) == (206, whole[3:10], plain["ETag"])
    assert (known.status_code, other.status_code, content(other)) == (304, 200, whole)


@pytest.mark.django_db(transaction=True)
def test_head_says_what_get_says(flights: Dataset, reader: Api) -> None:
    fill(flights)
    headers = {"Authorization": f"Bearer {reader.token}", "Accept-Encoding": "gzip"}
    for path in (FILE, ROWS):
        head = Browser().head(f"/api/v1/{path}", headers=headers)
        got = Browser().get(f"/api/v1/{path}", headers=headers)

        assert head["Content-Encoding"] == "gzip"
        assert head.get("ETag") == got.get("ETag")
        assert head.get("Content-Length") is None or path == ROWS
        assert b"".join(head) == b""
        got.close()


@pytest.mark.django_db(transaction=True)
def test_small_answers_errors_and_compressed_formats_stay_as_they_are(flights: Dataset, reader: Api) -> None:
    fill(flights)
    paths = {f"{ROWS}?limit=1": 200, f"{ROWS}/1": 200, f"{ROWS}?limit=0": 400}
    paths |= {FILE.replace("csv", format): 200 for format in ("parquet", "arrow", "xlsx")}

    for path, status in paths.items():
        answer = reader.get(path, Accept_Encoding="gzip")
        content(answer)

        assert (answer.status_code, "Content-Encoding" in answer) == (status, False)


def test_who_is_known_by_a_cookie_alone_gets_no_compressed_answer(flights: Dataset, reader: Api) -> None:
    """A foreign page could make the browser ask, and guess at the content from its compressed length."""
    fill(flights)
    browser = Browser()
    browser.force_login(User.objects.get(email=member("ops").email))

    by_session = browser.get(f"/api/v1/{ROWS}", headers={"Accept-Encoding": "gzip"})
    page = browser.get("/datasets/dot.flights", headers={"Accept-Encoding": "gzip", "Accept": "text/html"})
    both = browser.get(
        f"/api/v1/{ROWS}", headers={"Accept-Encoding": "gzip", "Authorization": f"Bearer {reader.token}"}
    )

    assert (by_session.status_code, page.status_code) == (200, 200)
    assert "Content-Encoding" not in by_session
    assert "Content-Encoding" not in page
    assert both["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_every_chunk_can_be_read_as_soon_as_it_was_made(coding: str) -> None:
    """And no more than one is held: the stream is as long as it likes."""
    made = []

    def chunks() -> Iterator[bytes]:
        for number in range(50):
            made.append(number)
            yield f"row {number}\n".encode()

    sent = iter(stream(chunks(), coding))
    unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else pa_unpacker()
    for number in range(50):
        assert unpack.decompress(next(sent)) == f"row {number}\n".encode()
        assert len(made) == number + 1


def test_stream_that_breaks_off_has_no_end() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"row\n" * 1000
        raise ConnectionError

    sent = []
    with pytest.raises(ConnectionError):
        sent.extend(stream(chunks(), "gzip"))

    with pytest.raises(EOFError):
        gzip.decompress(b"".join(sent))


def test_source_of_a_stream_is_closed_with_it(db: None) -> None:
    closed = []

    def chunks() -> Iterator[bytes]:
        try:
            yield b"row\n"
            yield b"row\n"
        finally:
            closed.append(True)

    response = stream(chunks(), "gzip")
    next(iter(response))
    response.close()

    assert closed == [True]


def test_plain_answers_lose_no_time() -> None:
    answer = HttpResponse(b"x" * 400, content_type="application/json")
    passing = CompressionMiddleware(lambda request: answer)
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip"})

    begun = time.process_time()
    for _ in range(1_000):
        passing(request)

    assert time.process_time() - begun < 0.05, "50 µs each are a tenth of a look-up"


def stream(chunks: Iterator[bytes], coding: str) -> Any:
    def view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks, content_type="application/x-ndjson")

    return CompressionMiddleware(view)(RequestFactory().get("/", headers={"Accept-Encoding": coding}))


def pa_unpacker() -> Any:
    """Gives what can be read of the bytes so far beyond what it gave before."""

    class Unpacker:
        raw, given = b"", 0

        def decompress(self, data: bytes) -> bytes:
            self.raw += data
            source = pa.CompressedInputStream(pa.BufferReader(self.raw), "zstd")
            read = b""
            while len(read) < self.given + 1 or b"\n" not in read[self.given :]:
                read += source.read(1)
            new, self.given = read[self.given :], len(read)
            return new

    return Unpacker()


def without_receipt(text: bytes) -> Any:
    if not text.startswith(b'{"data"'):
        return text
    told = json.loads(text)
    told["page"].pop("next")
    return {name: value for name, value in told.items() if name != "receipt"}


def fill(flights: Dataset, rows: int = 500) -> None:
    with connection.cursor() as cursor:
        table = f"data.d{flights.relation.pk}_g{flights.relation.generation}"
        cursor.execute(
            f"INSERT INTO {table} (c1, c2, c3) SELECT g, '名字' || g, g * 1.5 FROM generate_series(100, %s) g",
            [rows + 99],
        )
