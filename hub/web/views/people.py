"""People and agencies: invited, given roles, removed; made, switched off."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from hub.accounts.caller import Caller
from hub.accounts.commands import create_agency, remove_member, set_member, switch_agency
from hub.accounts.models import MEMBER_ROLES, ROLES, Agency, Membership
from hub.errors import HubError
from hub.web.member import faults_of, for_members


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
    email = request.POST.get("email", "")
    try:
        _, link = set_member(actor=caller, agency=agency, email=email, roles=request.POST.getlist("roles"))
    except HubError as error:
        return _people(request, caller, agency, faults=faults_of(error), email=email, status=error.status)
    return _people(request, caller, agency, invited=email, link=f"{settings.HUB_URL}{link}" if link else "")


@require_POST
@for_members
def remove(request: HttpRequest, caller: Caller, id: int) -> HttpResponseBase:
    """End a membership in the visitor's agency; administrators of the hub end any."""
    memberships = Membership.objects.select_related("agency", "user")
    if not caller.has_role("system"):
        memberships = memberships.filter(agency__code=caller.agency)
    membership = get_object_or_404(memberships, pk=id)
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


@require_POST
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
        "agencies": Agency.objects.order_by("name") if is_administrator else (),
        **more,
    }
    return render(request, "web/people.html", page, status=status)


def _agencies(request: HttpRequest, caller: Caller, *, status: int = 200, **more: object) -> HttpResponseBase:
    listed = Agency.objects.select_related("parent").order_by("code")
    page = {"agencies": listed, "may_change": caller.has_role("system"), **more}
    return render(request, "web/agencies.html", page, status=status)
