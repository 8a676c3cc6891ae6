"""People and agencies: invited, given roles, removed; made, switched off."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hub.accounts.caller import Caller
from hub.accounts.commands import create_agency, remove_member, set_member, switch_agency
from hub.accounts.models import MEMBER_ROLES, ROLES, Agency, Membership, Team
from hub.accounts.stewardship import held_by
from hub.errors import HubError
from hub.web.member import acts_on, faults_of, for_members


@never_cache
@require_http_methods(["GET", "POST"])
@for_members
def people(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The members of the visitor's agency; administrators of the hub choose any."""
    code = request.POST.get("agency") or request.GET.get("agency") or caller.agency
    code = code if caller.has_role("system") else caller.agency
    agency = get_object_or_404(Agency, code=code)
    if request.method != "POST":
        return _people(request, caller, agency)
    email, roles = request.POST.get("email", ""), request.POST.getlist("roles")
    try:
        _, link = set_member(actor=caller, agency=agency, email=email, roles=roles)
    except HubError as error:
        typed = {"faults": faults_of(error), "email": email, "chosen": roles}
        return _people(request, caller, agency, status=error.status, **typed)
    return _people(request, caller, agency, invited=email, link=f"{settings.HUB_URL}{link}" if link else "")


@acts_on("people")
@for_members
def remove(request: HttpRequest, caller: Caller, email: str) -> HttpResponseBase:
    """End a person's place in the visitor's agency; administrators of the hub choose any agency."""
    code = request.POST.get("agency") or caller.agency
    code = code if caller.has_role("system") else caller.agency
    memberships = Membership.objects.select_related("agency", "user")
    membership = get_object_or_404(memberships, agency__code=code, user__email=email)
    try:
        remove_member(actor=caller, membership=membership)
    except HubError as error:
        return _people(request, caller, membership.agency, faults=faults_of(error), status=error.status)
    return redirect("people")


@require_http_methods(["GET", "POST"])
@for_members
def agencies(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The directory; administrators of the hub add to it."""
    if request.method != "POST":
        return _agencies(request, caller)
    words = {name: request.POST.get(name, "").strip() for name in ("code", "name", "name_zh", "parent")}
    try:
        create_agency(actor=caller, **words)
    except HubError as error:
        return _agencies(request, caller, faults=faults_of(error), words=words, status=error.status)
    return redirect("agencies")


@acts_on("agencies")
@for_members
def switch(request: HttpRequest, caller: Caller, code: str) -> HttpResponseBase:
    """Switch an agency off, or on again."""
    agency = get_object_or_404(Agency, code=code)
    try:
        switch_agency(actor=caller, agency=agency, is_active=not agency.is_active)
    except HubError as error:
        return _agencies(request, caller, faults=faults_of(error), status=error.status)
    return redirect("agencies")


def _people(
    request: HttpRequest, caller: Caller, agency: Agency, *, status: int = 200, **more: object
) -> HttpResponseBase:
    is_administrator = caller.has_role("system")
    page = {
        "agency": agency,
        "memberships": Membership.objects.filter(agency=agency).select_related("user").order_by("user__email"),
        "has_mail": settings.HUB_HAS_MAIL,
        "roles": ROLES if is_administrator else MEMBER_ROLES,
        "may_change": is_administrator or caller.has_role("reviewer"),
        "teams": _teams(agency),
        "agencies": Agency.objects.order_by("name") if is_administrator else (),
        **more,
    }
    return render(request, "web/people.html", page, status=status)


def _teams(agency: Agency) -> list[dict[str, Any]]:
    teams = Team.objects.filter(agency=agency).select_related("group").prefetch_related("group__user_set")
    return [
        {
            "name": team.name,
            "members": sorted(user.email for user in team.group.user_set.all()),
            "stewardships": [
                {"kind": thing._meta.model_name, "key": thing.key, "acts": acts}
                for thing, acts in held_by(team).items()
            ],
        }
        for team in teams.order_by("name")
    ]


def _agencies(request: HttpRequest, caller: Caller, *, status: int = 200, **more: object) -> HttpResponseBase:
    listed = Agency.objects.select_related("parent").order_by("code")
    page = {"agencies": listed, "may_change": caller.has_role("system"), **more}
    return render(request, "web/agencies.html", page, status=status)
