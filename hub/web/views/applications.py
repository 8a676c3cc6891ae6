"""Applications and agreements: an agency asks, the owner answers, either side ends what was agreed."""

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from hub.accounts.caller import Caller
from hub.accounts.models import Client
from hub.catalog.models import Dataset, Field
from hub.catalog.permissions import require_dataset_reviewer
from hub.errors import HubError
from hub.query.catalogue import visible_datasets
from hub.query.decisions import secret_fields
from hub.query.explaining import is_filter_told
from hub.web import forms
from hub.web.member import acts_on, faults_of, for_members, found, may
from policies import commands
from policies.checks import MODES
from policies.commands.keeping import regime
from policies.lists import agreements_for, applications_for
from policies.models import Agreement, Application
from policies.permissions import require_applicant, require_either_side

_SHOWN: Final = 200


@require_safe
@for_members
def applications(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """What the visitor's agency asks for and what is asked of it, the latest first."""
    listed = applications_for(caller).order_by("-submitted_at", "-pk")
    return render(request, "web/policies/applications.html", {"applications": listed[:_SHOWN]})


@require_http_methods(["GET", "POST"])
@for_members
def apply(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The form for a dataset, or for fields of it."""
    dataset = get_object_or_404(visible_datasets(caller), key=request.GET.get("dataset", ""))
    unknown = secret_fields(caller, dataset.key)
    fields = _fields(dataset, unknown)
    if request.method != "POST":
        return _form(request, caller, dataset, fields, {"fields": _wished(dataset, fields)})
    said = forms.terms(request.POST, fields)
    try:
        application = commands.apply_for(actor=caller, dataset=dataset, unknown=unknown, **said)
    except HubError as error:
        return _form(request, caller, dataset, fields, said, error)
    return redirect("application", application.pk)


@require_safe
@for_members
def application(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponseBase:
    """One application, and what the visitor can do about it."""
    return _application(request, caller, _found(caller, id))


@acts_on("application", "id")
@for_members
def answer(request: HttpRequest, caller: Caller, id: UUID, act: str) -> HttpResponseBase:
    """Ask for more, supplement, agree, refuse or withdraw."""
    thing = _found(caller, id)
    said: dict[str, Any] = {}
    words = {name: request.POST.get(name, "").strip() for name in ("question", "note", "answer", "key")}
    try:
        match act:
            case "ask":
                commands.ask_for_more(actor=caller, application=thing, question=words["question"])
            case "supplement":
                unknown = secret_fields(caller, thing.dataset.key)
                said = forms.terms(request.POST, _fields(thing.dataset, unknown))
                commands.supplement(actor=caller, application=thing, note=words["note"], unknown=unknown, **said)
            case "agree":
                said = forms.terms(request.POST, _fields(thing.dataset))
                granted = {"key": words["key"], "answer": words["answer"], **said}
                commands.agree_to(actor=caller, application=thing, **granted)
            case "refuse":
                commands.refuse_application(actor=caller, application=thing, answer=words["answer"])
            case "withdraw":
                commands.withdraw_application(actor=caller, application=thing)
            case _:
                raise Http404
    except HubError as error:
        refused = {"faults": faults_of(error), "wrong": {act: faults_of(error)}, "words": words}
        return _application(request, caller, _found(caller, id), said, status=error.status, **refused)
    return redirect("application", id)


@require_safe
@for_members
def agreements(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """What was agreed, on the data of the visitor's agency or for it."""
    return _agreements(request, caller)


@acts_on("agreements")
@for_members
def end(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """End an agreement before its time."""
    try:
        commands.end_agreement(actor=caller, agreement=found(agreements_for(caller), key))
    except HubError as error:
        return _agreements(request, caller, error)
    return redirect("agreements")


def _found(caller: Caller, id: UUID) -> Application:
    return get_object_or_404(applications_for(caller), pk=id)


def _fields(dataset: Dataset, unknown: frozenset[str] = frozenset()) -> list[Field]:
    return [field for field in dataset.fields.all() if field.name not in unknown]


def _wished(dataset: Dataset, fields: list[Field]) -> dict[str, str]:
    """Where the dataset as a whole is asked for, its public fields are likely meant."""
    is_whole = dataset.sharing_class == "conditional"
    return {field.name: "clear" for field in fields if is_whole and field.sensitivity == "public"}


def _choices(dataset: Dataset, fields: list[Field], agency: str) -> dict[str, Any]:
    """What the form of the terms offers; rows and modes are for agreement on conditional datasets alone."""
    clients = Client.objects.filter(agency__code=agency).select_related("agency").order_by("name")
    is_conditional = dataset.sharing_class == "conditional"
    modes = MODES if is_conditional else ()
    return {"fields": fields, "clients": list(map(str, clients)), "modes": modes, "kinds": regime().kinds_of_law}


def _form(
    request: HttpRequest,
    caller: Caller,
    dataset: Dataset,
    fields: list[Field],
    said: dict[str, Any],
    error: HubError | None = None,
) -> HttpResponseBase:
    page = {
        "dataset": dataset,
        "said": said,
        "may_apply": may(require_applicant, caller),
        "faults": faults_of(error) if error else (),
        **_choices(dataset, fields, caller.agency),
    }
    return render(request, "web/policies/apply.html", page, status=error.status if error else 200)


def _application(
    request: HttpRequest,
    caller: Caller,
    thing: Application,
    said: dict[str, Any] | None = None,
    status: int = 200,
    **refused: Any,
) -> HttpResponseBase:
    is_open = thing.status in Application.OPEN
    is_asked = is_open and may(require_dataset_reviewer, caller, thing.dataset, "Answering applications")
    is_asking = is_open and may(require_applicant, caller, thing.agency.code)
    unknown = frozenset() if is_asked else frozenset(_unseen(caller, thing))
    page = {
        "application": thing,
        "terms": forms.terms_of(thing),
        "said": {**forms.terms_of(thing), **(said or {})},
        "may_ask": is_asked and thing.status == Application.Status.SUBMITTED and thing.asked_at is None,
        "may_answer": is_asked,
        "may_supplement": is_asking and thing.status == Application.Status.INCOMPLETE,
        "may_withdraw": is_asking,
        **refused,
        **_choices(thing.dataset, _fields(thing.dataset, unknown), thing.agency.code),
    }
    return render(request, "web/policies/application.html", page, status=status)


def _unseen(caller: Caller, thing: Application) -> frozenset[str]:
    """The fields whose names the visitor is not shown: all of a dataset that is not there for them any more."""
    if visible_datasets(caller).filter(pk=thing.dataset_id).exists():
        return secret_fields(caller, thing.dataset.key)
    return frozenset(field.name for field in thing.dataset.fields.all())


def _agreements(request: HttpRequest, caller: Caller, error: HubError | None = None) -> HttpResponseBase:
    listed = agreements_for(caller).order_by("ended_at", "-valid_to", "key", "owner__code")[:_SHOWN]
    page = {
        "agreements": [_told(caller, agreement) for agreement in listed],
        "now": now(),
        "faults": faults_of(error) if error else (),
    }
    return render(request, "web/policies/agreements.html", page, status=error.status if error else 200)


def _told(caller: Caller, agreement: Agreement) -> dict[str, Any]:
    """An agreement with what the visitor may know of it and do about it."""
    is_told = caller.agency == agreement.dataset.agency.code or caller.has_role("system", "authority", "auditor")
    filter_ = agreement.filter if agreement.filter and (is_told or is_filter_told(caller, agreement)) else ""
    may_end = agreement.ended_at is None and may(require_either_side, caller, agreement)
    return {
        "agreement": agreement,
        "terms": {**forms.terms_of(agreement), "filter": filter_},
        "fields": agreement.dataset.fields.all(),
        "may_end": may_end,
    }
