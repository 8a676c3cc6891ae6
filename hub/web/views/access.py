"""Why a visitor sees what they see of a dataset, and why anybody else does, for those who administer it."""

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hub.accounts.caller import Caller
from hub.errors import HubError, NotFound
from hub.query.catalogue import visible_datasets
from hub.query.explaining import explained, explained_as
from hub.web.member import faults_of, for_members
from policies.facts import Party
from policies.queries import manages


@require_safe
@for_members
def access(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """The decision with its grounds: each field, the rows, what to do for more, until when it holds."""
    dataset = visible_datasets(caller).filter(key=key).first()
    if dataset is None:
        raise Http404
    party, agreement = (request.GET.get(name, "").strip() for name in ("as", "agreement"))
    page = {"dataset": dataset, "party": party, "agreement": agreement, "manages": manages(caller, dataset)}
    try:
        if party:
            page["told"] = explained_as(caller, dataset, Party.parse(party), agreement)
        else:
            page["told"] = explained(caller, key, agreement)
    except NotFound:
        raise Http404 from None
    except HubError as error:
        return render(request, "web/policies/access.html", {**page, "faults": faults_of(error)}, status=error.status)
    return render(request, "web/policies/access.html", page)
