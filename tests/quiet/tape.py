"""Everything that one caller asked and was answered, in a form that two hubs can be compared in."""

import hashlib
import io
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as parquet
from django.http.response import HttpResponseBase
from django.test import Client as Browser
from django.urls import Resolver404, resolve

from hub.query.formats import FORMATS
from tests.quiet.hidden import CANARY

_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|(?<=\w-)[0-9a-f]{8}\b")
_MOMENT = re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{6}(?:Z|\+00:00)?")
_PAGE_MOMENT = re.compile(r"(datetime=\")[^\"]*(\">)[^<]*")
_PAGE_CLOCK = re.compile(
    r"(?:(?<=<(?:td|dd)>)|(?<=<td class=\"when\">))(?:20\d\d-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?(?: UTC)?(?=<)"
    r"|(?<=<dd>)\d+\.\d s(?=</dd>)"
)
_PAGE_WORDS = re.compile(
    r"(?<=<dd>)20\d\d-\d\d-\d\d \d\d:\d\d(?= –)|(?<=ended )20\d\d-\d\d-\d\d \d\d:\d\d(?= by)"
    r"|(?<=value=\")20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?=\")"
)
_CURSOR = re.compile(r"\bcur_[\w-]+")
_MESSAGES = re.compile(r"(?<=messages=)[^;\n]+")
_TOKEN = re.compile(r"\bhub_[\w-]{8,}")
_SECRET = re.compile(r"\bwhsec_[\w+/=]+")
_CSRF = re.compile(r"\b[A-Za-z0-9]{64}\b|(?<=csrftoken=)\w{32}")
_TIMINGS = re.compile(r'"(timings|pace)":\{[^}]*\}')
_EXPIRES = re.compile(r"(?<=expires=)[^;]+|(?<=Expires: )[^\n]+")
_SIGNED = re.compile(r":\w{6}:[\w-]{43}\b")


@dataclass(frozen=True)
class Reply:
    """An answer as it came, its stream read to the end."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


UNASKED = Reply(0, {}, "")
_FIRST = 2
"""So many questions of each kind are always asked."""


@dataclass(frozen=True)
class Entry:
    """One question, and the answer without what chance and clock put in."""

    asked: str
    answered: str
    canaries: frozenset[str]
    status: int
    route: str


@dataclass
class Tape:
    """Asks as one caller and keeps the answers; ids are numbered in the order in which they first appear.

    ``made`` are the hidden words that somebody of the caller's agency has called a thing of its own by. Of questions
    of one kind only a ``share`` is asked, always the same.
    """

    browser: Browser
    made: set[str]
    share: float = 1
    entries: list[Entry] = field(default_factory=list)
    _ids: dict[str, str] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _of_kind: Counter[str] = field(default_factory=Counter)
    _draw: random.Random = field(default_factory=lambda: random.Random(7))

    def get(self, path: str, params: Mapping[str, Any] | None = None, /, **headers: str) -> Reply:
        return self.ask("get", path, params or {}, **headers)

    def ask(self, method: str, path: str, data: Any = None, /, **headers: str) -> Reply:
        """``path`` is below ``/api/v1/`` unless it begins with a slash; of ``headers``, ``_`` stands for ``-``."""
        address = path if path.startswith("/") else f"/api/v1/{path}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        more = {}
        if method not in ("get", "head") and not path.startswith("/"):
            data, more = json.dumps(data or {}), {"content_type": "application/json"}
        asked, route = f"{method.upper()} {address} {data or ''} {sent or ''}", _route(address)
        if self._is_passed_over(asked, route, data):
            return UNASKED
        reply = _read(getattr(self.browser, method)(address, data, headers=sent, **more))
        if method == "post" and _has_made(path, reply):
            self.made |= _canaries(str(data))
        self._keep(asked, route, reply)
        return reply

    def _is_passed_over(self, asked: str, route: str, data: Any) -> bool:
        """Of questions alike but for what they name, the first few are asked and ``share`` of the others."""
        if self.share == 1:
            return False
        marks = sorted({word[:3] for word in _canaries(_CURSOR.sub("", asked))})  # which holds any letters by chance
        kind = f"{asked.split()[0]} {route} {sorted(data) if isinstance(data, Mapping) else ''} {marks}"
        self._of_kind[kind] += 1
        return self._of_kind[kind] > _FIRST and self._draw.random() > self.share

    def pages(self, path: str, params: Mapping[str, Any], /, **headers: str) -> list[str]:
        """Ask for page after page to the end; answers the cursors that led on."""
        cursors: list[str] = []
        reply = self.get(path, params, **headers)
        while reply.status == 200 and (cursor := reply.json["page"]["next"]) and len(cursors) < 100:
            cursors.append(cursor)
            reply = self.get(path, {**params, "cursor": cursor}, **headers)
        return cursors

    def _keep(self, asked: str, route: str, reply: Reply) -> None:
        said = "\n".join([str(reply.status), *(f"{n}: {v}" for n, v in sorted(reply.headers.items())), "", reply.text])
        self._asked |= _canaries(asked)
        echoed = self.made | (self._asked if "/events" in asked else _canaries(asked))
        plain = self._plain(said)  # a cursor or token may hold any letters by chance
        seen = _canaries(_MESSAGES.sub("", plain))  # and so do packed words for the next page, where they are read
        self.entries.append(Entry(self._plain(asked), plain, frozenset(seen - echoed), reply.status, route))

    def _plain(self, text: str) -> str:
        text = _ID.sub(lambda match: self._ids.setdefault(match[0], f"<id {len(self._ids)}>"), text)
        if _TIMINGS.search(text):
            text = re.sub(r"Content-Length: \d+", "Content-Length: <>", _TIMINGS.sub(r'"\1":<>', text))
        text = _CURSOR.sub(lambda match: f"<cursor of {len(match[0])}>", text)
        text = _PAGE_MOMENT.sub(r"\1<moment>\2<moment>", _MOMENT.sub("<moment>", text))
        text = _EXPIRES.sub("<moment>", _PAGE_WORDS.sub("<moment>", _PAGE_CLOCK.sub("<moment>", text)))
        return _SIGNED.sub(":<signed>", _CSRF.sub("<csrf>", _TOKEN.sub("<token>", _SECRET.sub("<secret>", text))))


@contextmanager
def thinned(tapes: list[Tape], share: float) -> Iterator[None]:
    """Within, each asks ``share`` of what is much alike."""
    for tape in tapes:
        tape.share = share
    yield
    for tape in tapes:
        tape.share = 1


def _has_made(path: str, reply: Reply) -> bool:
    """Whether something of the asker's own bears the words from now on: a webhook is answered with its secret, of a
    rehearsal there is an event."""
    return reply.status in (201, 302) or bool(_SECRET.search(reply.text)) or path.endswith("rehearse")


def _route(address: str) -> str:
    try:
        return resolve(address.partition("?")[0]).route
    except Resolver404:
        return ""


def _canaries(text: str) -> set[str]:
    return {word.lower() for word in CANARY.findall(text)}


def _read(response: HttpResponseBase) -> Reply:
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    headers = dict(response.headers)
    for name, morsel in response.cookies.items():
        headers[f"Set-Cookie {name}"] = morsel.OutputString()
    return Reply(response.status_code, headers, _text(content, headers.get("Content-Type", ""), response.status_code))


def _text(content: bytes, media_type: str, status: int) -> str:
    """A file that is no text: the digest of its bytes, and its cells where it is whole."""
    form = next((form.name for form in FORMATS.values() if form.media_type == media_type), "")
    if form not in ("parquet", "arrow", "xlsx"):
        return content.decode()
    digest = hashlib.blake2b(content, digest_size=20).hexdigest()
    if status != 200 or not content:
        return digest
    match form:
        case "parquet":
            cells: Any = parquet.read_table(io.BytesIO(content)).to_pylist()
        case "arrow":
            cells = pa.ipc.open_file(io.BytesIO(content)).read_all().to_pylist()
        case _:
            cells = list(openpyxl.load_workbook(io.BytesIO(content))["data"].iter_rows(values_only=True))
    return f"{digest}\n{cells}"


def differences(one: Tape, other: Tape) -> list[str]:
    """Each question that two hubs answered otherwise, with the lines in which the answers differ."""
    found: list[str] = []
    for here, there in zip_longest(one.entries, other.entries):
        if here is None or there is None or here.asked != there.asked:
            return [*found, f"The questions part: {here and here.asked} / {there and there.asked}"]
        if here.answered != there.answered:
            found.append(f"{here.asked}\n{_parting(here.answered, there.answered)}")
    return found


def _parting(one: str, other: str) -> str:
    """Where two texts part, with some of what stands around it."""
    lines = [pair for pair in zip_longest(one.split("\n"), other.split("\n"), fillvalue="") if pair[0] != pair[1]]
    return "\n".join(_around(*pair) for pair in lines[:4])


def _around(one: str, other: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    begin = max(0, at - 80)
    return f"  - …{one[begin : at + 120]}\n  + …{other[begin : at + 120]}"


def leaks(tape: Tape) -> list[str]:
    """Each answer that holds a hidden word which its question did not hold; events tell of earlier questions too."""
    return [f"{entry.asked}\n  {sorted(entry.canaries)}" for entry in tape.entries if entry.canaries]
