"""The tokens of the visitor's agency: listed, issued once in sight, revoked, rotated."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hub.accounts.caller import Caller
from hub.accounts.commands import create_client, issue_token, revoke_token, rotate_token
from hub.accounts.models import Agency, Client, Token
from hub.errors import HubError
from hub.web.member import acts_on, faults_of, for_members


@never_cache
@require_http_methods(["GET", "POST"])
@for_members
def tokens(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """All tokens without their secrets; a new one is shown this once."""
    if request.method != "POST":
        return _page(request, caller)
    agency = get_object_or_404(Agency, code=caller.agency)
    name = request.POST.get("client", "").strip()
    try:
        client = Client.objects.select_related("agency").filter(agency=agency, name=name).first()
        client = client or create_client(actor=caller, agency=agency, name=name)
        lifetime = timedelta(days=_days(request))
        scopes = request.POST.get("scopes", "").split()
        secret = issue_token(actor=caller, client=client, scopes=scopes, lifetime=lifetime)[1]
    except HubError as error:
        return _page(request, caller, faults=faults_of(error), words=request.POST, status=error.status)
    return _page(request, caller, secret=secret)


@never_cache
@acts_on("tokens")
@for_members
def change(request: HttpRequest, caller: Caller, id: UUID, act: str) -> HttpResponseBase:
    """Revoke a token, or rotate it: its successor is shown this once."""
    token = get_object_or_404(Token.objects.select_related("client__agency"), pk=id, client__agency__code=caller.agency)
    try:
        if act == "rotate":
            return _page(request, caller, secret=rotate_token(actor=caller, token=token)[1])
        revoke_token(actor=caller, token=token)
    except HubError as error:
        return _page(request, caller, faults=faults_of(error), status=error.status)
    return redirect("tokens")


def _days(request: HttpRequest) -> int:
    text = request.POST.get("days", "90")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _page(request: HttpRequest, caller: Caller, *, status: int = 200, **more: object) -> HttpResponseBase:
    mine = Token.objects.filter(client__agency__code=caller.agency).select_related("client__agency")
    clients = Client.objects.filter(agency__code=caller.agency).order_by("name")
    page = {"tokens": mine.order_by("revoked_at", "client__name", "-created_at"), "clients": clients, **more}
    return render(request, "web/tokens.html", page, status=status)
