"""Rows over HTTP: what the door gives goes out as it is, past DRF, which would cost as much as the read."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.views import APIView

from hub.api.authentication import caller_of
from hub.api.errors import MEDIA_TYPE, MethodNotAllowed, problem
from hub.api.schema import HubSchema, Problem
from hub.api.throttling import spend_request
from hub.errors import HubError, Invalid, NotFound
from hub.query.door import Purpose, RowsPage, RowsStream, read_row, read_rows, stream_rows
from hub.query.params import RowsQuery, parse_rows_query

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}
SENT = [
    OpenApiParameter("Hub-Agreement", str, OpenApiParameter.HEADER, description="The agreement the read is under."),
    OpenApiParameter("Hub-Purpose", str, OpenApiParameter.HEADER, description="What the read is for; recorded."),
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The `ETag` of an earlier answer."),
]
_RECEIVED = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[200, 304], description=text)
    for name, text in (("Hub-Receipt", "The audit event of this read."), ("ETag", "A digest of the answer."))
]
REFUSED = {(403, MEDIA_TYPE): Problem}


def _parameter(name: str, text: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, more.pop("type", str), OpenApiParameter.QUERY, description=text, **more)


_QUERY = [
    _parameter("filter", "CQL2 text over the fields of the schema. Beside it, `<field>=<value>` is equality."),
    _parameter("properties", "Fields to give, separated by commas; all without."),
    _parameter("sortby", "Fields to sort by, separated by commas; `-` descends."),
    _parameter("limit", "From 1 to 10000, or `all` for csv and ndjson; 100 without."),
    _parameter("cursor", "Where to go on: `page.next` of the page before."),
    _parameter("count", "Whether to count all that match.", enum=["none", "estimate", "exact"]),
    _parameter("f", "The format; the header `Accept` works too.", enum=["json", "ndjson", "csv"]),
    _parameter("numbers", "`string`: integers and decimals as strings.", enum=["exact", "string"]),
    _parameter("csv", "`safe`: prefix cells that a spreadsheet would run.", enum=["exact", "safe"]),
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


class Bare(APIView):
    """A read without DRF's request, negotiation and rendering."""

    schema = HubSchema()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed(f"There is no method {request.method} here.", hint="GET reads.")
            caller = caller_of(request)
            spend_request(caller)
            handler: Callable[..., HttpResponseBase] = self.get  # type: ignore[attr-defined]
            return handler(request, caller, **kwargs)
        except HubError as error:
            response = problem(error)
            if error.status == MethodNotAllowed.status:
                response["Allow"] = "GET, HEAD"
            return response


class Rows(Bare):
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
    def get(self, request: HttpRequest, caller: Any, key: str) -> HttpResponseBase:
        query = parse_rows_query(dict(request.GET.lists()), accept=request.META.get("HTTP_ACCEPT", ""))
        purpose = purpose_of(request)
        if query.format == "json":
            page = read_rows(caller, key, query, purpose)
            return _conditional(request, page, lambda: _page(key, query, page))
        return _streamed(key, query, stream_rows(caller, key, query, purpose))


class Row(Bare):
    """One row by its primary key."""

    @extend_schema(
        summary="Read one row by its primary key",
        parameters=[*SENT, *_RECEIVED],
        responses={200: {"type": "object"}, 304: None, **REFUSED},
    )
    def get(self, request: HttpRequest, caller: Any, key: str, row: str) -> HttpResponseBase:
        for name in request.GET:
            raise Invalid(f"There is no parameter {name}.", code="parameter-invalid")
        page = read_row(caller, key, key_values(row), purpose_of(request))
        return _conditional(request, page, lambda: page.rows)


def key_values(text: str) -> tuple[str, ...]:
    r"""The values of a key's columns: joined by ``,``, while ``\\,`` is a comma and ``\\\\`` a backslash."""
    values, value, escaped = [], "", False
    for character in text:
        if escaped:
            value, escaped = value + character, False
        elif character == "\\":
            escaped = True
        elif character == ",":
            values.append(value)
            value = ""
        else:
            value += character
    if escaped:
        raise NotFound("There is no such row: its key ends in a lone backslash.")
    return (*values, value)


def purpose_of(request: HttpRequest) -> Purpose:
    """What the request says that it is for."""
    return Purpose(_header(request, "HTTP_HUB_AGREEMENT"), _header(request, "HTTP_HUB_PURPOSE"))


def _header(request: HttpRequest, name: str) -> str:
    """A header's text; WSGI hands UTF-8 on as Latin-1."""
    raw = request.META.get(name, "")
    try:
        return raw.encode("latin-1").decode().replace("\0", "").strip()
    except UnicodeError:
        return raw.replace("\0", "").strip()


def _page(key: str, query: RowsQuery, page: RowsPage) -> str:
    counted = "" if page.count is None else f',"count":{json.dumps(page.count)}'
    return (
        f'{{"data":[{page.rows}],"page":{{"limit":{query.limit},"next":{json.dumps(page.next)}{counted}}},'
        f'"dataset":{{"key":{json.dumps(key)},"version":{page.version}}},"receipt":"{page.receipt}"}}'
    )


def _conditional(request: HttpRequest, page: RowsPage, body: Callable[[], str]) -> HttpResponse:
    """The page, or 304 where the caller has it. The tag is weak: the receipt differs in every answer."""
    etag = f'W/"{page.etag}"'
    headers = {"ETag": etag, "Hub-Receipt": str(page.receipt), **SHARED}
    known = request.META.get("HTTP_IF_NONE_MATCH")
    if known and (
        known.strip() == "*" or page.etag in {tag.removeprefix("W/").strip('"') for tag in parse_etags(known)}
    ):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body(), content_type="application/json", headers=headers)


SHARED = {"Cache-Control": "private", "Vary": "Accept, Authorization, Cookie"}


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
