"""The kind ``rest``: records from a JSON API, page after page, every digit kept."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import Any, ClassVar, Final

from connectors import infer
from connectors.base import LIMITS_SCHEMA, Batch, CannotResume, Connector, Extract, Found, JsonSchema, Limits
from connectors.batches import Lines, Mark, Record, batches
from connectors.columns import check_width, field_names
from connectors.fetching.answers import Answer, place
from connectors.fetching.http import Http, basic, bearer
from connectors.fetching.paging import PAGING_SCHEMA, Page, pages
from connectors.formats import json, tokens
from hub.errors import SourceMalformed, SourceMissing, SourceRefused

MAX_PAGE: Final = 32 << 20
_PLAIN: Final = re.compile(r"[A-Za-z0-9_ .-]+")


class Rest(Connector):
    """A JSON API behind one address."""

    kind: ClassVar[str] = "rest"
    title: ClassVar[str] = "REST API (JSON)"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": {
                "description": "The address all paths start from, as http(s)://host/path/.",
                "type": "string",
                "pattern": r"^https?://[^/@?#]+(/|$)",
            },
            "auth": {
                "description": "How to sign in: bearer (secret token), header (secret token under the header name), "
                "basic (secrets user and password) or none.",
                "type": "object",
                "additionalProperties": False,
                "required": ["kind"],
                "properties": {
                    "kind": {"description": "The way to sign in.", "enum": ["bearer", "header", "basic", "none"]},
                    "name": {"description": "The header's name, for kind header.", "type": "string", "minLength": 1},
                },
                "if": {"properties": {"kind": {"const": "header"}}},
                "then": {"required": ["kind", "name"]},
            },
            "paging": PAGING_SCHEMA,
            **LIMITS_SCHEMA,
        },
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "token": {"description": "The token, for auth bearer and header.", "type": "string", "minLength": 1},
            "user": {"description": "The user name, for auth basic.", "type": "string", "minLength": 1},
            "password": {"description": "The password, for auth basic.", "type": "string"},
        },
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "path": {
                "description": "The path below the source's url.",
                "type": "string",
                "pattern": r"^(?!/)(?!.*://)(?!(.*/)?\.\.(/|$))",
            },
            "records": {
                "description": "Where the rows are in an answer, as a dotted path; by default the answer is the list.",
                "type": "string",
            },
            "params": {
                "description": "Query parameters to send with every request.",
                "type": "object",
                "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
            },
            "since": {
                "description": "The query parameter that takes the cursor and gives what is that new or newer.",
                "type": "string",
                "minLength": 1,
            },
        },
    }
    sleep: Callable[[float], None] = staticmethod(time.sleep)

    def test(self) -> None:
        with self._http() as http:
            http.probe(self.config["url"])

    def discover(self) -> Iterator[Found]:
        """The answer at the source's own address, if it holds records; an API cannot list its paths."""
        with self._http() as http:
            answer = http.get(self.config["url"], MAX_PAGE)
        with _json_of(answer):
            document = json.parse(answer.body)
        for path in _lists(document):
            yield _found(answer, {"records": path} if path else {}, json.dig(document, path))

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._http() as http:
            page = next(self._pages(http, Extract(select)))
        with _json_of(page.answer):
            return _found(page.answer, select, tokens.values(page.records))

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        return bool(select.get("since"))

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._http() as http:
            state = extract.resume or {}
            found = self._pages(http, extract)
            first = _first(found, is_going_on=bool(state))
            if first is None:
                return
            with _json_of(first.answer):
                offered = tokens.keys_of(first.records)
            check_width(offered, place(first.answer.url))
            keys = json.keys_for(extract.columns, offered) if extract.columns else offered
            keys = tuple(state.get("keys", keys))
            columns = extract.columns or field_names(offered)
            if not columns:
                raise SourceMalformed(
                    f"{place(first.answer.url)} gave no records to take the columns from.",
                    code="source-empty",
                    hint="Declare the dataset's fields, or run again when the source has data.",
                )
            had = dict.fromkeys(field_names(offered), "")
            key_of = dict(zip(columns, keys, strict=True))
            named = {name for name, key in key_of.items() if key in offered}
            noted = _noted(chain([first], found), key_of, named)
            for batch in batches(columns, _records(noted, keys, state.get("done", 0)), most=extract.most):
                yield replace(batch, offered=had, named=frozenset(named))

    def _pages(self, http: Http, extract: Extract) -> Iterator[Page]:
        select = extract.select
        params = {name: _param(value) for name, value in select.get("params", {}).items()}
        if extract.since is not None and "since" in select:
            params[select["since"]] = extract.since
        base = self.config["url"]
        url = base if base.endswith("/") or not select.get("path") else base + "/"

        def fetch(address: str) -> Page:
            answer = http.get(address, MAX_PAGE)
            json.check_weight(answer.body, place(answer.url))
            with _json_of(answer):
                document = tokens.parse(answer.body)
                return Page(answer, document, _rows(answer, document, select.get("records", "")))

        onward = (extract.resume or {}).get("onward")
        return pages(fetch, url + select.get("path", ""), params, self.config.get("paging"), onward)

    def _http(self) -> Http:
        return Http(self.config["url"], Limits.of(self.config), self._authorization(), self.sleep)

    def _authorization(self) -> Mapping[str, str]:
        auth = self.config.get("auth", {"kind": "none"})
        needed = {"bearer": ("token",), "header": ("token",), "basic": ("user", "password")}.get(auth["kind"], ())
        absent = [name for name in needed if name not in self.secrets]
        if absent:
            raise SourceRefused(
                f"This source signs in by {auth['kind']}, but has no secret {' and '.join(absent)}.",
                code="source-no-secret",
                hint="Give the source its secrets, or set auth.kind to none.",
            )
        if auth["kind"] == "bearer":
            return bearer(self.secrets["token"])
        if auth["kind"] == "header":
            return {auth["name"]: self.secrets["token"]}
        return basic(self.secrets["user"], self.secrets["password"]) if needed else {}


def _first(found: Iterator[Page], *, is_going_on: bool) -> Page | None:
    """The first page; None where there is none behind a checkpoint. The address of a next page may be forgotten."""
    try:
        return next(found, None)
    except (SourceMissing, SourceMalformed) as error:
        if is_going_on:
            raise CannotResume from error
        raise


def _noted(found: Iterator[Page], keys: Mapping[str, str], named: set[str]) -> Iterator[Page]:
    """The same pages; each name whose key a record has is added to ``named`` before its page is given.

    A page is looked into no more than for keys that none before it had.
    """
    for page in found:
        left = [name for name, key in keys.items() if name not in named and _may_name(page.answer.body, key)]
        if left:
            with _json_of(page.answer):
                had = set(tokens.keys_of(page.records))
            named.update(name for name in left if keys[name] in had)
        yield page


def _may_name(body: bytes, key: str) -> bool:
    """Whether the key can be in it: as it stands or, where it has more than plain letters, written with escapes."""
    return json.dumps(key).encode() in body or (b"\\" in body and not _PLAIN.fullmatch(key))


def _records(found: Iterator[Page], keys: tuple[str, ...], done: int) -> Iterator[Lines | Record | Mark]:
    """The records of all pages, numbered after the first ``done``, with a mark between two pages."""
    for page in found:
        with _json_of(page.answer):
            yield from tokens.lines(page.records, keys, done + 1)
        done += len(page.records)
        if page.onward is not None:
            yield Mark({"onward": page.onward, "done": done, "keys": keys})


def _param(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@contextmanager
def _json_of(answer: Answer) -> Iterator[None]:
    """Say what it means for the source where reading the answer finds that it is no JSON."""
    try:
        yield
    except json.NotJson as error:
        raise json.not_json(place(answer.url), answer.media_type) from error


def _rows(answer: Answer, document: Any, path: str) -> list[Any]:
    try:
        rows = tokens.dig(document, path)
    except LookupError:
        rows = None
    if not isinstance(rows, list):
        raise json.no_records(place(answer.url), path)
    return rows


def _lists(document: Any, path: str = "", depth: int = 2) -> Iterator[str]:
    """The dotted paths at which a document holds lists of objects."""
    if isinstance(document, list):
        if document and isinstance(document[0], dict):
            yield path
    elif isinstance(document, dict) and depth:
        for key, value in document.items():
            yield from _lists(value, f"{path}.{key}" if path else key, depth - 1)


def _found(answer: Answer, select: Mapping[str, Any], records: Sequence[Any]) -> Found:
    keys = json.keys_of(records)
    rows = [record[1] for record in islice(json.cells(records, keys), infer.SAMPLE) if isinstance(record, tuple)]
    name = answer.url.path.strip("/").rpartition("/")[2] or answer.url.host
    return Found(name, select, infer.columns(keys, rows), samples=infer.samples(rows))
