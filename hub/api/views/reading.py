"""What all reads of data share: who asks and what for, past DRF's request, negotiation and rendering."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework.views import APIView

from hub.accounts.caller import Caller
from hub.api.authentication import caller_of, kept_caller_of
from hub.api.errors import MEDIA_TYPE, MethodNotAllowed, problem
from hub.api.schema import HubSchema, Problem
from hub.api.throttling import attach, counted
from hub.errors import HubError
from hub.limits.admission import admitted
from hub.query.door import Purpose

SENT = [
    OpenApiParameter("Hub-Agreement", str, OpenApiParameter.HEADER, description="The agreement the read is under."),
    OpenApiParameter("Hub-Purpose", str, OpenApiParameter.HEADER, description="What the read is for; recorded."),
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The `ETag` of an earlier answer."),
]
REFUSED = {(403, MEDIA_TYPE): Problem}
SHARED = {"Cache-Control": "private", "Vary": "Accept, Authorization, Cookie"}


class Bare(APIView):
    """A read without DRF's request, negotiation and rendering."""

    schema = HubSchema()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed(f"There is no method {request.method} here.", hint="GET reads.")
            return self.answer(request, kwargs)
        except HubError as error:
            response = problem(error)
            if error.status == MethodNotAllowed.status:
                response["Allow"] = "GET, HEAD"
            return response

    def answer(self, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase:
        return self.answer_to(caller_of(request), request, kwargs)

    def answer_to(self, caller: Caller, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase:
        handler: Callable[..., HttpResponseBase] = self.get  # type: ignore[attr-defined]
        with admitted(caller) as admission:
            attach(request, admission)
            return counted(handler(request, caller, **kwargs), admission)


class Read(Bare):
    """A read whose statement looks itself whether token and epoch still hold, so that the caller may be a kept one.

    A refusal comes from no statement: it stands where the caller is still as it was kept.
    """

    def answer(self, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase:
        kept = kept_caller_of(request)
        if kept is None:
            return super().answer(request, kwargs)
        try:
            return self.answer_to(kept, request, kwargs)
        except HubError:
            caller = caller_of(request)
            if caller == kept:
                raise
            return self.answer_to(caller, request, kwargs)


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
