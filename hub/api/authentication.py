"""Who is asking: a client by its token, or a member by the portal's session."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from hub.accounts.caller import Caller
from hub.accounts.queries import caller_for_user
from hub.errors import Unauthenticated
from hub.query.callers import kept_caller, present_caller
from hub.waiting import aside

CHALLENGE = 'Bearer realm="hub"'
SESSION_AGENCY = "agency"
"""Where a session keeps the code of the agency that a member of several acts for."""


def caller_of(request: HttpRequest) -> Caller:
    """The one caller of a read; raises ``Unauthenticated``. Changes go through the classes below, which check CSRF."""
    caller = _bearer(request) or _member(request)
    if caller is None:
        raise nobody()
    return caller


def kept_caller_of(request: HttpRequest) -> Caller | None:
    """The client whose token this is as it was last seen, for reads that are checked by their own statement."""
    secret = _secret(request)
    return None if secret is None else kept_caller(secret)


def nobody() -> Unauthenticated:
    return Unauthenticated(
        "This needs a token or a session.", hint="Send the header Authorization: Bearer <token>, or sign in."
    )


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token>``."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        caller = _bearer(request._request)
        return None if caller is None else (None, caller)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class Session(BaseAuthentication):
    """The portal's session, with its CSRF token where something is changed."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        user = getattr(request._request, "user", None)
        caller = _member(request._request)
        if caller is None:
            return None
        refused = _Csrf(_nothing).refusal(request._request)
        if refused:
            raise PermissionDenied(f"The CSRF token is missing or wrong: {refused}", code="csrf-failed")
        return user, caller


def _nothing(request: HttpRequest) -> HttpResponse:
    """What the check stands in front of when it is asked alone."""
    return HttpResponse()


class _Csrf(CSRFCheck):
    def refusal(self, request: HttpRequest) -> str | None:
        """Why the request may not change anything, or None."""
        self.process_request(request)
        return self.process_view(request, None, (), {})  # type: ignore[arg-type, return-value]


def _secret(request: HttpRequest) -> str | None:
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthenticated("The header Authorization is not of the form Bearer <token>.", code="token-invalid")
    return secret.strip()


def _bearer(request: HttpRequest) -> Caller | None:
    secret = _secret(request)
    if secret is None:
        return None
    caller = aside(lambda: present_caller(secret))
    if caller is None:
        raise Unauthenticated(
            "The token is unknown, expired or revoked.",
            code="token-invalid",
            hint="Ask your agency for a new one, or rotate it before it expires.",
        )
    return caller


def _member(request: HttpRequest) -> Caller | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    return caller_for_user(user, request.session.get(SESSION_AGENCY))
