"""Signing in, setting a password, and choosing the agency to act for."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hub.accounts.caller import Caller
from hub.accounts.invitations import accept_invitation, open_invitation, request_password_reset
from hub.accounts.models import Membership
from hub.errors import HubError
from hub.web.member import AGENCY, faults_of, for_members


class SignIn(LoginView):
    """Mail address and password."""

    template_name = "web/sign_in.html"
    redirect_authenticated_user = True


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponseBase:
    """A one-time link: choose a password; the first administrator gives a mail address too."""
    invited = open_invitation(secret)
    if invited is None:
        return render(request, "web/invitation_over.html", status=404)
    page: dict[str, object] = {"invited": invited, "email": request.POST.get("email", ""), "faults": ()}
    if request.method == "POST":
        try:
            user = accept_invitation(secret, request.POST.get("password", ""), request.POST.get("email", ""))
        except HubError as error:
            page["faults"] = faults_of(error)
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("home")
    return render(request, "web/invitation.html", page, status=400 if page["faults"] else 200)


@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponseBase:
    """Ask for a link by mail; the answer does not tell whether the address is known."""
    if request.method == "POST":
        request_password_reset(request.POST.get("email", ""))
        messages.success(request, _("If this address is known here, a link is on its way to it."))
        return redirect("sign-in")
    return render(request, "web/forgotten.html")


@require_http_methods(["GET", "POST"])
@for_members
def profile(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The member's agencies and roles; one of them is acted for."""
    memberships = Membership.objects.filter(user__email=caller.email, agency__is_active=True).select_related("agency")
    if request.method == "POST":
        chosen = memberships.filter(agency__code=request.POST.get("agency", "")).first()
        if chosen is not None:
            request.session[AGENCY] = chosen.agency.code
        return redirect("profile")
    return render(request, "web/profile.html", {"memberships": memberships.order_by("agency__code")})
