"""Files over HTTP: whole or in parts, with a digest, under the stable address of a view."""

import base64
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema

from hub.api.errors import MEDIA_TYPE, RangeNotSatisfiable, problem
from hub.api.ranges import Part, has_it, part_of
from hub.api.rendering import FastJSONRenderer
from hub.api.schema import Problem
from hub.api.serializers.exports import ExportShown
from hub.api.throttling import count_rows
from hub.api.views.reading import REFUSED, SENT, SHARED, Bare, purpose_of
from hub.errors import Invalid
from hub.exports.commands import request_export
from hub.exports.models import Export
from hub.query.files.reading import FileRead, TooLarge, read_file
from hub.query.formats import FORMATS, form_of

_ASKED = [
    OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes, such as `bytes=0-1023`."),
    OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="The `ETag` of which a part is wanted."),
]
_TOLD = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[200, 206], description=text)
    for name, text in (
        ("Hub-Receipt", "The audit event of this read."),
        ("ETag", "The SHA-256 of the file; strong."),
        ("Repr-Digest", "The SHA-256 of the file (RFC 9530)."),
        ("Hub-Version", "The dataset's version that the file holds."),
        ("Hub-Rows", "How many rows the file has."),
    )
]
_MEDIA_TYPES = [form.media_type.partition(";")[0] for form in FORMATS.values()]
BODIES: dict[Any, Any] = {
    **{(status, media_type): OpenApiTypes.BINARY for status in (200, 206) for media_type in _MEDIA_TYPES},
    304: None,
    (416, MEDIA_TYPE): Problem,
}
HEADERS = [*SENT, *_ASKED, *_TOLD]
_ENDING = OpenApiParameter("ending", str, OpenApiParameter.PATH, enum=list(FORMATS))
"""Not called ``format``: the document leaves such routes out."""


class File(Bare):
    """The whole view as a file at an address that stays."""

    @extend_schema(
        summary="Read the whole view as a file",
        parameters=[_ENDING, *HEADERS],
        responses={**BODIES, 202: ExportShown, **REFUSED},
    )
    def get(self, request: HttpRequest, caller: Any, key: str, ending: str) -> HttpResponseBase:
        for name in request.GET:
            raise Invalid(
                f"There is no parameter {name}.",
                code="parameter-invalid",
                hint="The file is the whole view; an export takes a filter and properties.",
            )
        form, purpose = form_of(ending), purpose_of(request)
        try:
            read = read_file(caller, key, form, purpose, part_asked(request))
        except TooLarge:
            return _on_its_way(request_export(actor=caller, key=key, form=form, purpose=purpose))
        return answer_file(request, read, f"{key}.{ending}")


def _on_its_way(export: Export) -> HttpResponse:
    """The export that makes the file; from when it is ready this address gives it at once."""
    body = FastJSONRenderer().render(ExportShown(export).data)
    headers = {"Location": f"/api/v1/exports/{export.pk}", "Hub-Receipt": str(export.receipt), **SHARED}
    return HttpResponse(body, status=202, content_type="application/json", headers=headers)


def part_asked(request: HttpRequest) -> str:
    """What of the file is asked for, as its event has it."""
    return "HEAD" if request.method == "HEAD" else request.META.get("HTTP_RANGE", "")


def answer_file(request: HttpRequest, read: FileRead, name: str) -> HttpResponseBase:
    """The file, the part of it that was asked for, or that the caller has it."""
    etag = f'"{read.contents.sha256}"'
    try:
        if has_it(request, etag):
            read.file.close()
            return HttpResponse(status=304, headers=_headers(read, etag))
        return _sent(request, read, part_of(request, etag, read.contents.size), name)
    except RangeNotSatisfiable as error:
        read.file.close()
        response = problem(error)
        response["Content-Range"] = f"bytes */{read.contents.size}"
        response["Hub-Receipt"] = str(read.receipt)
        return response


def _sent(request: HttpRequest, read: FileRead, part: Part, name: str) -> StreamingHttpResponse:
    etag = f'"{read.contents.sha256}"'
    response = StreamingHttpResponse(
        read.chunks(part.start, part.length),
        status=200 if part.is_all else 206,
        content_type=form_of(read.contents.format).media_type,
        headers=_headers(read, etag),
    )
    response["Content-Length"] = str(part.length)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    if part.is_all:
        response["Content-Digest"] = response["Repr-Digest"]
    else:
        response["Content-Range"] = part.told(read.contents.size)
    if request.method == "HEAD":
        del response["Content-Digest"]
        read.file.close()
    else:  # parts of a file count as so much of its rows
        count_rows(request, -(-read.contents.rows * part.length // max(1, read.contents.size)))
    return response


def _headers(read: FileRead, etag: str) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(read.contents.sha256)).decode()
    return {
        **SHARED,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{digest}:",
        "Hub-Receipt": str(read.receipt),
        "Hub-Version": str(read.contents.version),
        "Hub-Rows": str(read.contents.rows),
    }
