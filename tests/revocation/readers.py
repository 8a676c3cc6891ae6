"""Readers that ask without a pause, and remember of each answer when it was asked for and what came."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.whole.conftest import PLAIN

READERS = 32
SECRET = b"secret"
"""In every row, and nowhere else in an answer."""
_FORMS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("rows", {"limit": "50"}),
    ("rows", {"f": "ndjson", "limit": "all"}),
    ("rows", {"limit": "5", "sortby": "-id", "count": "exact"}),
    ("rows", {"f": "csv", "limit": "all"}),
    ("rows/7", {}),
)
_ROW = re.compile(rb'{"id":|\n7[,\r]')
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer. ``began`` is taken before the request is sent; ``status`` 0 is an answer that was cut."""

    reader: int
    began: float
    status: int
    rows: bool
    secret: bool


@dataclass
class Readers:
    """What all readers have read so far."""

    url: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    readings: list[Reading] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def wait(self, times: int, since: float = 0.0) -> None:
        """Until every reader has had so many answers to what it asked after ``since``."""
        until = time.monotonic() + _PATIENCE
        while True:
            counts = Counter(reading.reader for reading in list(self.readings) if reading.began > since)
            if len(counts) == READERS and min(counts.values()) >= times:
                return
            assert not self.failures, self.failures[:1]
            assert time.monotonic() < until, counts
            time.sleep(0.01)

    def run(self, number: int) -> None:
        path, params = _FORMS[number % len(_FORMS)]
        try:
            known = {"headers": dict(self.headers), "cookies": dict(self.cookies)}
            with httpx.Client(**known, timeout=_PATIENCE, verify=PLAIN) as client:
                while not self._over.is_set():
                    self.readings.append(_read(client, number, f"{self.url}/{path}", params))
        except BaseException as error:
            self.failures.append(error)
            raise

    def stop(self) -> None:
        self._over.set()


@contextmanager
def reading(url: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Iterator[Readers]:
    """``READERS`` readers of the dataset at ``url``, at work until the block ends."""
    readers = Readers(url, headers, cookies)
    threads = [threading.Thread(target=readers.run, args=(number,), daemon=True) for number in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        readers.stop()
        for thread in threads:
            thread.join(_PATIENCE)


class Slow(threading.Thread):
    """One reader of a stream, who takes a little at a time as it is, so that the hub has to wait."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self._url, self._headers = url, {**headers, "Accept-Encoding": "identity"}
        self.received = bytearray()
        self.is_cut = False
        """Whether the body broke off, as the reader's own HTTP library sees it."""

    def run(self) -> None:
        with httpx.stream("GET", self._url, headers=self._headers, timeout=_PATIENCE) as response:
            try:
                for chunk in response.iter_raw(1 << 14):
                    self.received += chunk
                    time.sleep(0.01)
            except httpx.RemoteProtocolError:
                self.is_cut = True


def _read(client: httpx.Client, number: int, url: str, params: Mapping[str, str]) -> Reading:
    body, status = bytearray(), 0
    began = time.monotonic()
    with client.stream("GET", url, params=params) as response:
        try:
            for chunk in response.iter_bytes():
                body += chunk
            status = response.status_code
        except httpx.RemoteProtocolError:
            pass
    return Reading(number, began, status, _ROW.search(body) is not None, SECRET in body)
