"""What every page of the portal shows: who is signed in, and for which agency."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hub.web.member import caller_of


def member(request: HttpRequest) -> dict[str, Any]:
    """``caller`` is the member, or None; read when a page asks for it."""
    return {"caller": SimpleLazyObject(lambda: caller_of(request)) if request.user.is_authenticated else None}
