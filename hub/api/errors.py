"""Errors as problem details (RFC 9457): the one place where a ``HubError`` becomes HTTP."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from rest_framework import exceptions

from hub.api.authentication import CHALLENGE
from hub.errors import FieldError, Forbidden, HubError, Invalid, NotFound, TooMany, Unauthenticated, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class MethodNotAllowed(HubError):
    """The address knows no such method."""

    status = 405
    code = "method-not-allowed"


class RangeNotSatisfiable(HubError):
    """The part that is asked for begins behind the end."""

    status = 416
    code = "range-not-satisfiable"


class UnsupportedMediaType(HubError):
    """The body is of a kind that is not read here."""

    status = 415
    code = "unsupported-media-type"


def problem(error: HubError) -> HttpResponse:
    """The answer that says what happened, where, and what to do."""
    title = HTTPStatus(error.status).phrase
    body: dict[str, Any] = {
        "type": f"urn:hub:problem:{error.code}",
        "title": title,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
    }
    if error.hint:
        body["hint"] = error.hint
    if error.errors:
        body["errors"] = [{"field": e.field, "code": e.code, "message": e.message} for e in error.errors]
    text = json.dumps(body, ensure_ascii=False)
    return HttpResponse(text, status=error.status, content_type=MEDIA_TYPE, headers=_headers(error))


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's exception handler; None leaves an error to the middleware."""
    translated = translate(error)
    return None if translated is None else problem(translated)


def translate(error: Exception) -> HubError | None:
    """The hub's own error for what Django and DRF raise; None for a fault of the hub."""
    match error:
        case HubError():
            return error
        case exceptions.ValidationError():
            faults = tuple(_faults(error.detail))
            return Invalid(faults[0].message if faults else "The body is not valid.", errors=faults)
        case Http404() | exceptions.NotFound():
            return NotFound("There is nothing at this address.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Unauthenticated(str(error.detail))
        case exceptions.PermissionDenied():
            return Forbidden(str(error.detail), code=_code(error))
        case PermissionDenied():
            return Forbidden("This is not yours to do.")
        case exceptions.MethodNotAllowed():
            return MethodNotAllowed(str(error.detail))
        case exceptions.UnsupportedMediaType():
            return UnsupportedMediaType(str(error.detail), hint="Send application/json.")
        case exceptions.ParseError():
            return Invalid(str(error.detail), code="body-invalid", hint="The body is JSON in UTF-8.")
    return None


def _code(error: exceptions.PermissionDenied) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) and codes != "permission_denied" else Forbidden.code


def _headers(error: HubError) -> dict[str, str]:
    headers = {"Cache-Control": "private, no-store"}
    match error:
        case Unauthenticated():
            headers["WWW-Authenticate"] = CHALLENGE
        case TooMany():
            headers["Retry-After"] = headers["RateLimit-Reset"] = str(error.retry_after)
            headers["RateLimit-Remaining"] = "0"
            if error.limit is not None:
                headers["RateLimit-Limit"] = str(error.limit)
        case Unavailable():
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return headers


def _faults(detail: Any, at: str = "") -> Iterator[FieldError]:
    """DRF's nested details as a flat list with dotted paths such as ``fields[3].type``."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            place = at if name == "non_field_errors" else f"{at}.{name}" if at else str(name)
            yield from _faults(inner, f"{at}[{name}]" if isinstance(name, int) else place)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping)
            yield from _faults(inner, f"{at}[{index}]" if nested else at)
    else:
        yield FieldError(at, str(getattr(detail, "code", "invalid")), str(detail))
