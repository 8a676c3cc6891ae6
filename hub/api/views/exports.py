"""Exports: files that take longer than a request, for those who asked for them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.base import ApiView, ListView, found
from hub.api.errors import MEDIA_TYPE
from hub.api.params import Parameter
from hub.api.schema import Problem, list_of, operation
from hub.api.serializers.exports import ExportShown, NewExport
from hub.api.views.files import BODIES, HEADERS, answer_file, part_asked
from hub.api.views.reading import REFUSED, Bare, purpose_of
from hub.errors import Invalid
from hub.exports.commands import request_export
from hub.exports.models import Export
from hub.exports.reading import exports_of, read_export
from hub.query.formats import form_of

_SENT = {"Hub-Agreement": "The agreement the read is under.", "Hub-Purpose": "What the read is for; recorded."}


class Exports(ApiView):
    """A request for a file."""

    is_administrative = False
    is_read_by_post = True

    @operation("Ask for a view, or a part of it, as a file", ExportShown, status=202, body=NewExport, headers=_SENT)
    def post(self, request: Request, key: str) -> Response:
        asked = self.body(NewExport)
        export = request_export(
            actor=self.caller,
            key=key,
            form=form_of(asked["format"]),
            filter=asked.get("filter", ""),
            properties=asked.get("properties", ()),
            purpose=purpose_of(request._request),
        )
        return self.one(export, ExportShown, status=202, at=f"exports/{export.pk}")


class AllExports(ListView):
    """One's own exports."""

    is_administrative = False
    filters = (
        Parameter("dataset", "Key of the dataset.", lookup="dataset__key"),
        Parameter("status", "How far it is.", choices=tuple(Export.Status.values), lookup="status"),
    )

    @operation("List your exports, the latest first", list_of(ExportShown))
    def get(self, request: Request) -> Response:
        return self.page(exports_of(self.caller), ExportShown, order=("-created_at", "-id"))


class OneExport(ApiView):
    """One export."""

    is_administrative = False

    @operation("Describe an export of yours, with the manifest of its file", ExportShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(found(exports_of(self.caller), "export", pk=id), ExportShown)


class ExportFile(Bare):
    """The file of an export."""

    @extend_schema(
        summary="Read the file of an export",
        parameters=HEADERS,
        responses={**BODIES, **REFUSED, **{(status, MEDIA_TYPE): Problem for status in (409, 410)}},
    )
    def get(self, request: HttpRequest, caller: Any, id: UUID) -> HttpResponseBase:
        for name in request.GET:
            raise Invalid(f"There is no parameter {name}.", code="parameter-invalid")
        export = found(exports_of(caller), "export", pk=id)
        read = read_export(caller, export, purpose_of(request), part_asked(request))
        return answer_file(request, read, f"{export.dataset.key}.{export.format}")
