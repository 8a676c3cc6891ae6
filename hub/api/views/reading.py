"""What all reads of data share: who asks and what for, past DRF's request, negotiation and rendering."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
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


@dataclass(slots=True)
class Answer:
    """An answer of one piece: what of Django's a read has use for, as it takes a tenth of the time to make."""

    content: bytes
    headers: dict[str, str]
    status_code: int = 200
    streaming: bool = False

    def __setitem__(self, name: str, text: str) -> None:
        self.headers[name] = text

    def response(self) -> HttpResponse:
        """The same as Django's."""
        response = HttpResponse(self.content, status=self.status_code)
        del response["Content-Type"]
        for name, text in self.headers.items():
            response[name] = text
        return response


class Bare(APIView):
    """A read without DRF's request, negotiation and rendering."""

    schema = HubSchema()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = self.respond(request, kwargs)
        return answer.response() if isinstance(answer, Answer) else answer

    def respond(self, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase | Answer:
        """The answer to a request, refusals included."""
        try:
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed(f"There is no method {request.method} here.", hint="GET reads.")
            return self.answer(request, kwargs)
        except HubError as error:
            response = problem(error)
            if error.status == MethodNotAllowed.status:
                response["Allow"] = "GET, HEAD"
            return response

    def answer(self, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase | Answer:
        return self.answer_to(caller_of(request), request, kwargs)

    def answer_to(self, caller: Caller, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase | Answer:
        handler: Callable[..., HttpResponseBase | Answer] = self.get  # type: ignore[attr-defined]
        with admitted(caller) as admission:
            attach(request, admission)
            answer = handler(request, caller, **kwargs)
            counted(answer, admission)
            return answer


class Read(Bare):
    """A read whose statement looks itself whether token and epoch still hold, so that the caller may be a kept one.

    A refusal comes from no statement: it stands where the caller is still as it was kept.
    """

    def answer(self, request: HttpRequest, kwargs: Mapping[str, Any]) -> HttpResponseBase | Answer:
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
