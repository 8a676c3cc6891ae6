"""The visitor's subscriptions: listed, made, looked at notice by notice, paused, replayed, ended."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hub.accounts.caller import Caller
from hub.errors import HubError
from hub.subscriptions import commands
from hub.subscriptions.models import EVENTS, PERIODS, Subscription
from hub.subscriptions.parties import deliveries_in_sight, subscriptions_of
from hub.web.member import acts_on, faults_of, for_members

_SHOWN = 100


@never_cache
@require_http_methods(["GET", "POST"])
@for_members
def subscriptions(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """All of them; a new webhook's secret is shown this once."""
    if request.method != "POST":
        return _page(request, caller)
    said = request.POST
    try:
        subscription, secret = commands.subscribe(
            actor=caller,
            target=said.get("target", "").strip(),
            events=said.getlist("events"),
            url=said.get("url", "").strip(),
            mail=said.get("mail", "").replace(",", " ").split(),
            period=said.get("period", "daily"),
        )
    except HubError as error:
        return _page(request, caller, faults=faults_of(error), words=said, status=error.status)
    return _one(request, caller, subscription, secret=secret) if secret else redirect("subscriptions")


@never_cache
@require_http_methods(["GET"])
@for_members
def subscription(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponseBase:
    """One of them with its newest notices."""
    return _one(request, caller, _ours(caller, id))


@never_cache
@acts_on("subscription", "id")
@for_members
def change(request: HttpRequest, caller: Caller, id: UUID, act: str) -> HttpResponseBase:
    """Test it, pause or resume it, change its secret, send notices again, or end it."""
    ours = _ours(caller, id)
    try:
        match act:
            case "test":
                commands.send_test(actor=caller, subscription=ours)
            case "pause" | "resume":
                state = Subscription.State.PAUSED if act == "pause" else Subscription.State.ACTIVE
                commands.change(actor=caller, subscription=ours, state=state)
            case "rotate":
                return _one(request, caller, ours, secret=commands.rotate_secret(actor=caller, subscription=ours))
            case "replay":
                commands.replay(actor=caller, subscription=ours, delivery=_id(request.POST.get("delivery", "")))
            case "end":
                commands.end(actor=caller, subscription=ours)
                return redirect("subscriptions")
            case _:
                raise Http404
    except HubError as error:
        return _one(request, caller, ours, faults=faults_of(error), status=error.status)
    return redirect("subscription", id)


def _ours(caller: Caller, id: UUID) -> Subscription:
    return get_object_or_404(subscriptions_of(caller), pk=id)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadRequest("delivery is the id of a notice.") from None


def _page(request: HttpRequest, caller: Caller, *, status: int = 200, **more: object) -> HttpResponseBase:
    mine = subscriptions_of(caller).order_by("-created_at")
    page = {"subscriptions": mine, "events": EVENTS, "periods": PERIODS, **more}
    return render(request, "web/subscriptions.html", page, status=status)


def _one(
    request: HttpRequest, caller: Caller, subscription: Subscription, *, status: int = 200, **more: object
) -> HttpResponseBase:
    deliveries = deliveries_in_sight(caller, subscription).order_by("-at", "type", "dataset__key")[:_SHOWN]
    page = {"subscription": subscription, "deliveries": deliveries, **more}
    return render(request, "web/subscription.html", page, status=status)
