"""Rows over HTTP: what the door gives goes out as it is, past DRF, which would cost as much as the read."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema

from hub.api.errors import MEDIA_TYPE
from hub.api.schema import Problem
from hub.api.throttling import count_rows
from hub.api.views.reading import REFUSED, SENT, SHARED, Answer, Read, purpose_of
from hub.errors import Invalid, NotFound
from hub.query.changes import read_changes
from hub.query.door import RowsPage, RowsStream, read_row, read_rows, stream_rows
from hub.query.params import (
    MAX_LIMIT,
    AggregateQuery,
    RowsQuery,
    parse_aggregate_query,
    parse_changes_query,
    parse_rows_query,
)

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}
_RECEIVED = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[200, 304], description=text)
    for name, text in (("Hub-Receipt", "The audit event of this read."), ("ETag", "A digest of the answer."))
]


_SAID = {"type": "string", "minLength": 1}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
_ALL = {"type": "string", "enum": ["all"]}


def _parameter(name: str, text: str, type: Any = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, type, OpenApiParameter.QUERY, description=text, **more)


_FILTER = _parameter(
    "filter", "CQL2 text over the fields of the schema. Beside it, `<field>=<value>` is equality.", _SAID
)
_CURSOR = _parameter("cursor", "Where to go on: `page.next` of the page before.")
_COUNT = _parameter("count", "Whether to count all that match.", enum=["none", "estimate", "exact"])
_NUMBERS = _parameter("numbers", "`string`: integers and decimals as strings.", enum=["exact", "string"])
_QUERY = [
    _FILTER,
    _parameter("properties", "Fields to give, separated by commas; all without.", _SAID),
    _parameter("sortby", "Fields to sort by, separated by commas; `-` descends.", _SAID),
    _parameter("limit", "From 1 to 10000, or `all` for csv and ndjson; 100 without.", {"anyOf": [_LIMIT, _ALL]}),
    _CURSOR,
    _COUNT,
    _parameter("f", "The format; the header `Accept` works too.", enum=["json", "ndjson", "csv"]),
    _NUMBERS,
    _parameter("csv", "`safe`: prefix cells that a spreadsheet would run.", enum=["exact", "safe"]),
]
_AGGREGATE = [
    _parameter(
        "groupby", "Fields whose values make the groups, separated by commas; all rows are one group without.", _SAID
    ),
    _parameter(
        "agg", "What to tell of each: `count`, or `sum`, `avg`, `min`, `max`, `distinct` with `:<field>`.", _SAID
    ),
    _FILTER,
    _parameter(
        "sortby", "Columns of the answer, separated by commas; `-` descends. By the groups' values without.", _SAID
    ),
    _parameter("limit", "From 1 to 10000 groups; 100 without.", _LIMIT),
    _CURSOR,
    _COUNT,
    _NUMBERS,
]
_PAGE_SCHEMA = {
    "type": "object",
    "required": ["data", "page", "dataset", "receipt"],
    "properties": {
        "data": {"type": "array", "items": {"type": "object"}},
        "page": {
            "type": "object",
            "required": ["limit", "next"],
            "properties": {
                "limit": {"type": "integer"},
                "next": {"type": ["string", "null"]},
                "count": {"type": ["integer", "string"], "description": "`>10000` where an estimate stops counting."},
            },
        },
        "dataset": {
            "type": "object",
            "required": ["key", "version"],
            "properties": {"key": {"type": "string"}, "version": {"type": "integer"}},
        },
        "receipt": {"type": "string", "format": "uuid"},
    },
}


class Rows(Read):
    """A page of a dataset's rows, or all of them as a stream."""

    @extend_schema(
        summary="Read rows",
        parameters=[*_QUERY, *SENT, *_RECEIVED],
        responses={
            (200, "application/json"): _PAGE_SCHEMA,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
            304: None,
            **REFUSED,
        },
    )
    def get(self, request: HttpRequest, caller: Any, key: str) -> HttpResponseBase | Answer:
        query = parse_rows_query(_params(request), accept=request.META.get("HTTP_ACCEPT", ""))
        purpose = purpose_of(request)
        if query.format == "json":
            page = read_rows(caller, key, query, purpose)
            return _conditional(request, page, lambda: _page(key, query, page))
        sent = partial(count_rows, request)
        return _streamed(key, query, stream_rows(caller, key, query, purpose, sent))


class Aggregate(Read):
    """Counts, sums and the like over groups of a dataset's rows."""

    @extend_schema(
        summary="Aggregate rows by groups",
        parameters=[*_AGGREGATE, *SENT, *_RECEIVED],
        responses={(200, "application/json"): _PAGE_SCHEMA, 304: None, **REFUSED},
    )
    def get(self, request: HttpRequest, caller: Any, key: str) -> HttpResponseBase | Answer:
        query = parse_aggregate_query(_params(request))
        page = read_rows(caller, key, query, purpose_of(request))
        return _conditional(request, page, lambda: _page(key, query, page))


class Row(Read):
    """One row by its primary key."""

    @extend_schema(
        summary="Read one row by its primary key",
        parameters=[*SENT, *_RECEIVED],
        responses={200: {"type": "object"}, 304: None, **REFUSED},
    )
    def get(self, request: HttpRequest, caller: Any, key: str, row: str) -> HttpResponseBase | Answer:
        for name in _params(request):
            raise Invalid(f"There is no parameter {name}.", code="parameter-invalid")
        page = read_row(caller, key, key_values(row), purpose_of(request))
        return _conditional(request, page, lambda: page.rows)


_CHANGES_SCHEMA = {
    "type": "object",
    "required": ["data", "page"],
    "properties": {
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["op", "key", "row"],
                "properties": {
                    "op": {"type": "string", "enum": ["upsert", "delete"]},
                    "key": {"type": "object"},
                    "row": {"type": ["object", "null"], "description": "As you see it now; null for a delete."},
                },
            },
        },
        "page": {"type": "object", "required": ["next"], "properties": {"next": {"type": "string"}}},
    },
}


class Changes(Read):
    """A page of what a reader who keeps a copy has to do to it."""

    @extend_schema(
        summary="Follow the changes of a dataset",
        parameters=[
            _parameter("since", "Where to go on: `page.next` of the page before, however long ago; the start without."),
            _parameter("limit", "From 1 to 10000; 100 without.", _LIMIT),
            _parameter("numbers", "`string`: integers and decimals as strings.", enum=["exact", "string"]),
            *SENT[:2],
            OpenApiParameter(
                "Hub-Receipt",
                str,
                OpenApiParameter.HEADER,
                response=[200],
                description="The audit event of this read.",
            ),
        ],
        responses={
            (200, "application/json"): _CHANGES_SCHEMA,
            **{(status, MEDIA_TYPE): Problem for status in (403, 409, 410)},
        },
    )
    def get(self, request: HttpRequest, caller: Any, key: str) -> HttpResponseBase | Answer:
        query = parse_changes_query(_params(request))
        page = read_changes(caller, key, query, purpose_of(request))
        body = f'{{"data":[{page.changes}],"page":{{"next":{json.dumps(page.next)}}}}}'
        headers = {"Hub-Receipt": str(page.receipt), **SHARED, "Content-Type": "application/json"}
        count_rows(request, page.size)
        return Answer(body.encode(), headers)


def key_values(text: str) -> tuple[str | None, ...]:
    r"""The values of a key's columns, joined by ``,``; ``\,`` is a comma, ``\\`` a backslash, ``\N`` no value."""
    if not _WHOLE.fullmatch(text):
        raise NotFound("There is no such row: its key ends in a lone backslash.")
    cells = [cell[1] for cell in _CELL.finditer(f"{text},")]
    return tuple(None if cell == r"\N" else _ESCAPED.sub(r"\1", cell) for cell in cells)


_WHOLE = re.compile(r"(?:[^\\]|\\.)*", re.DOTALL)
_CELL = re.compile(r"((?:[^\\,]|\\.)*),", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _params(request: HttpRequest) -> dict[str, list[str]]:
    """Each parameter's values."""
    return dict(request.GET.lists()) if request.META.get("QUERY_STRING") else {}


def _page(key: str, query: RowsQuery | AggregateQuery, page: RowsPage) -> str:
    counted = "" if page.count is None else f',"count":{json.dumps(page.count)}'
    return (
        f'{{"data":[{page.rows}],"page":{{"limit":{query.limit},"next":{json.dumps(page.next)}{counted}}},'
        f'"dataset":{{"key":{json.dumps(key)},"version":{page.version}}},"receipt":"{page.receipt}"}}'
    )


def _conditional(request: HttpRequest, page: RowsPage, body: Callable[[], str]) -> Answer:
    """The page, or 304 where the caller has it. The tag is weak: the receipt differs in every answer."""
    etag = f'W/"{page.etag}"'
    headers = {"ETag": etag, "Hub-Receipt": str(page.receipt), **SHARED}
    known = request.META.get("HTTP_IF_NONE_MATCH")
    if known and (
        known.strip() == "*" or page.etag in {tag.removeprefix("W/").strip('"') for tag in parse_etags(known)}
    ):
        return Answer(b"", headers, 304)
    count_rows(request, page.size)
    headers["Content-Type"] = "application/json"
    return Answer(body().encode(), headers)


def _streamed(key: str, query: RowsQuery, stream: RowsStream) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_begun(stream.chunks), content_type=_MEDIA_TYPES[query.format], headers=SHARED)
    response["Hub-Receipt"] = str(stream.receipt)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(f'{key}.{query.format}')}"
    return response


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, the head and first rows already read: what goes wrong there still gets its own status."""
    first = list(islice(chunks, 2))

    def rest() -> Iterator[bytes]:
        try:
            yield from first
            yield from chunks
        finally:
            chunks.close()  # type: ignore[attr-defined]

    return rest()
