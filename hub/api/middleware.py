"""What callers get while the hub cannot work: 503 and when to come back, and no connection that stays broken."""

import errno
import logging
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from django.db import InterfaceError, OperationalError, connection, connections
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template import loader

from hub.api.errors import RETRY_AFTER_SECONDS, problem
from hub.api.views.reading import Answer, Read
from hub.api.views.rows import Aggregate, Changes, Row, Rows
from hub.errors import Conflict, HubError, NotFound, Unavailable

_log = logging.getLogger(__name__)
_QUERY_CANCELED = "57014"
_DRIVER = connection.Database  # type: ignore[attr-defined]
_LOST = (OperationalError, InterfaceError, _DRIVER.OperationalError, _DRIVER.InterfaceError)
"""What is copied raises the driver's own errors, past Django's."""


class OutageMiddleware:
    """Turns a lost database and a full disk into 503, and a page's address that names several things into 409."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info:  # no text in PostgreSQL holds it, so there is no such thing
            return not_found(request, Http404())
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        told = error if isinstance(error, Conflict) else outage_of(error)
        return None if told is None else _answer(request, told)


class ProgramsMiddleware:
    """Hands what a program reads with its token straight to the view.

    What follows here is for browsers (sessions, languages, forms, what a page may load) and takes as long as the read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_program(request.META):
            return self._get_response(request)
        answer = read_program(request)
        return answer.response() if isinstance(answer, Answer) else answer


def read_program(request: HttpRequest) -> HttpResponseBase | Answer:
    """The view's answer to what ``is_program`` takes, or what is said while the hub cannot work."""
    view, arguments = read_at(request.path_info)
    assert view is not None
    _check_host(request)
    try:
        answer = view.respond(request, arguments)
    except (*_LOST, OSError) as error:
        told = outage_of(error)
        if told is None:
            raise
        return problem(told)
    if not answer.streaming:
        answer.headers["Content-Length"] = str(len(cast(Any, answer).content))
    return answer


def _check_host(request: HttpRequest) -> None:
    """Raises ``DisallowedHost``; what was found right needs no second look."""
    named = (request.META.get("HTTP_HOST"), request.META.get("HTTP_X_FORWARDED_HOST"))
    if named not in _hosts:
        request.get_host()  # which is checked by asking for it
        if len(_hosts) < _MOST_HOSTS:
            _hosts.add(named)


_MOST_HOSTS = 100
_hosts: set[tuple[str | None, str | None]] = set()


def is_program(environ: Mapping[str, Any]) -> bool:
    """Whether a program reads with its token, told from what WSGI says of the request."""
    return "HTTP_AUTHORIZATION" in environ and _READ.fullmatch(environ["PATH_INFO"]) is not None


_READ = re.compile(r"/api/v1/datasets/(?P<key>[^/\0]+)/(?:(?P<what>rows|aggregate|changes)|rows/(?P<row>[^\0\n]+))")
_VIEWS: Mapping[str, Read] = {"rows": Rows(), "aggregate": Aggregate(), "changes": Changes()}
_ROW = Row()


def read_at(path: str) -> tuple[Read | None, dict[str, str]]:
    """The view of reads at ``path`` and its arguments as ``hub.api.urls`` has them, without trying all addresses."""
    found = _READ.fullmatch(path)
    if found is None:
        return None, {}
    if found["row"] is not None:
        return _ROW, {"key": found["key"], "row": found["row"]}
    return _VIEWS[found["what"]], {"key": found["key"]}


def outage_of(error: BaseException | None) -> Unavailable | None:
    """What of the hub is missing where that is why ``error`` was raised; broken connections are let go."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _log.error("The disk is full: %s", error)
        return _unavailable()
    if not isinstance(error, _LOST):
        return None
    if _state(error) == _QUERY_CANCELED:
        return Unavailable("The answer took too long.", code="too-slow", hint="Narrow the filter, or sort by the key.")
    _log.error("The database cannot work: %s", str(error).strip())
    for lost in connections.all(initialized_only=True):
        lost.close()
    return _unavailable()


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for what nobody caught, also what other middleware raised."""
    outage = outage_of(sys.exception())
    return _answer(request, outage or HubError("Something went wrong in the hub; it has been written down."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for addresses that nobody serves, and for pages that found nothing."""
    if _wants_page(request):
        return HttpResponse(loader.render_to_string("404.html", request=request), status=404)
    return problem(NotFound("There is nothing at this address."))


def _answer(request: HttpRequest, error: HubError) -> HttpResponse:
    """A page for browsers that asks nothing of the database, else the problem."""
    if not _wants_page(request):
        return problem(error)
    page = HttpResponse(loader.render_to_string("hub_api/error.html", {"error": error}), status=error.status)
    if error.status == Unavailable.status:
        page["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return page


def _wants_page(request: HttpRequest) -> bool:
    return not request.path.startswith("/api/") and "text/html" in request.META.get("HTTP_ACCEPT", "")


def _unavailable() -> Unavailable:
    return Unavailable("The hub cannot work for the moment.", hint="Nothing was changed. Come back in some seconds.")


def _state(error: BaseException) -> str | None:
    """SQLSTATE, from the driver's error that Django's wraps."""
    return getattr(error, "pgcode", None) or getattr(error.__cause__, "pgcode", None)
