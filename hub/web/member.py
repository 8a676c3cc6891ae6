"""Who looks at a page: a signed-in member of one agency."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers

from hub.accounts.caller import Caller
from hub.accounts.keys import keyed
from hub.accounts.queries import caller_for_user
from hub.errors import FieldError, Forbidden, HubError
from hub.web.sentences import said

AGENCY = "agency"
"""In the session, the code of the agency for which the member acts."""

Page = Callable[..., HttpResponseBase]
_M = TypeVar("_M", bound=Model)


def caller_of(request: HttpRequest) -> Caller | None:
    """The member behind the session, in the agency chosen or else the first; None where nobody is signed in."""
    if not request.user.is_authenticated:
        return None
    chosen = request.session.get(AGENCY)
    return (caller_for_user(request.user, chosen) if chosen else None) or caller_for_user(request.user)


def for_members(page: Page) -> Page:
    """A page that nobody sees without signing in; it is called with the caller, and no browser keeps it."""

    @wraps(page)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        caller = caller_of(request)
        if caller is None:
            raise PermissionDenied
        if any("\0" in text for _, texts in request.POST.lists() for text in texts):
            raise BadRequest("PostgreSQL has no text with U+0000.")
        response = page(request, caller, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return asked


def found(things: QuerySet[_M], key: str) -> _M:
    """The one of ``things`` that an address names; raises ``Http404``, and where it names several ``Conflict``."""
    thing = keyed(things, key)
    if thing is None:
        raise Http404
    return thing


def acts_on(name: str, *parts: str) -> Callable[[Page], Page]:
    """An act that is posted from the page ``name`` of the thing that ``parts`` of the address name.

    Who comes to its address otherwise, as after a change of language, is led back to that page.
    """

    def act_of(page: Page) -> Page:
        @wraps(page)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST":
                return page(request, *args, **kwargs)
            if request.method in ("GET", "HEAD"):
                return redirect(name, *(kwargs[part] for part in parts))
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])

        return asked

    return act_of


def faults_of(error: HubError) -> tuple[FieldError, ...]:
    """What to show beside a form, in the visitor's language: each fault at its field, or the error as a whole."""
    if error.errors:
        return tuple(FieldError(fault.field, fault.code, said(fault.message)) for fault in error.errors)
    return (FieldError("", error.code, said(error.message, error.hint)),)


def may(check: Callable[..., None], *args: Any) -> bool:
    """Whether ``check`` lets pass; for showing only what the visitor can do."""
    try:
        check(*args)
    except Forbidden:
        return False
    return True
