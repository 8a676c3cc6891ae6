"""Rules: drafted, rehearsed, approved by a second person, looked at again, ended; and the ledger of exceptions."""

from typing import Any, Final

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.accounts.queries import of_agency
from hub.accounts.stewardship import is_steward
from hub.errors import HubError
from hub.query.rehearsal import MAX_DAYS, rehearse
from hub.query.trial import warnings_on
from hub.web import forms
from hub.web.member import acts_on, faults_of, for_members, found, may
from policies import commands
from policies.checks import MODES
from policies.commands.keeping import regime
from policies.ledger import exceptions_of, is_overdue, problem_of
from policies.lists import rules_for
from policies.models import Rule
from policies.permissions import require_rule_reviewer, require_rule_writer
from policies.queries import party_of, rule_facts, rule_words, target_of

_SHOWN: Final = 500


@require_safe
@for_members
def rules(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The rules on the data of the visitor's agency: drafts first, ended ones last."""
    status = request.GET.get("status", "")
    listed = rules_for(caller).filter(**({"status": status} if status else {})).order_by("key", "id")[:_SHOWN]
    order = (Rule.Status.DRAFT, Rule.Status.APPROVED, Rule.Status.RETIRED)
    shown = sorted(map(_told, listed), key=lambda told: order.index(told["rule"].status))
    may_draft = caller.has_role("publisher", "reviewer", "authority")
    page = {"rules": shown, "status": status, "statuses": order, "may_draft": may_draft}
    return render(request, "web/policies/rules.html", page)


@require_http_methods(["GET", "POST"])
@for_members
def draft(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The form of a new rule."""
    if request.method != "POST":
        target = request.GET.get("target", "")
        said = {"target": target, "party": "everyone", "effect": "" if "#" in target else "prohibit"}
        return _form(request, None, {**said, "key": ""})
    key, said = request.POST.get("key", "").strip(), forms.rule(request.POST)
    try:
        rule = commands.draft_rule(actor=caller, key=key, **said)
    except HubError as error:
        return _form(request, None, {**said, "key": key}, error)
    return redirect("rule", rule.full_key)


@require_http_methods(["GET", "POST"])
@for_members
def edit(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """The form of a draft, which is its author's to change."""
    rule = found(rules_for(caller), key)
    if request.method != "POST":
        return _form(request, rule, rule_words(rule))
    said = forms.rule(request.POST)
    try:
        commands.edit_rule(actor=caller, rule=rule, **said)
    except HubError as error:
        return _form(request, rule, said, error)
    return redirect("rule", key)


@require_safe
@for_members
def rule(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """One rule: what it says, what the rows say to it, every form it has had, and what can be done about it."""
    return _rule(request, caller, found(rules_for(caller), key))


@acts_on("rule", "key")
@for_members
def change(request: HttpRequest, caller: Caller, key: str, act: str) -> HttpResponseBase:
    """Approve, confirm or retire a rule."""
    acts = {"approve": commands.approve_rule, "confirm": commands.confirm_rule, "retire": commands.retire_rule}
    if act not in acts:
        raise Http404
    rule = found(rules_for(caller), key)
    try:
        acts[act](actor=caller, rule=rule)
    except HubError as error:
        rule.refresh_from_db()
        return _rule(request, caller, rule, error)
    return redirect("rule", key)


@acts_on("rule", "key")
@for_members
def rehearsal(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """What the rule, or its end, would give and take, by the reads of the last days."""
    rule = found(rules_for(caller), key)
    text = request.POST.get("days", "")
    days = min(max(int(text), 1), MAX_DAYS) if text.isascii() and text.isdigit() and len(text) < 6 else 30
    is_end = "end" in request.POST
    try:
        require_rule_writer(caller, rule)
        told = rehearse(caller, lambda: rule, is_end=is_end, days=days)
    except HubError as error:
        return _rule(request, caller, rule, error)
    return _rule(request, caller, rule, told=told, is_end=is_end)


@require_safe
@for_members
def exceptions(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The ledger of an agency: the visitor's own; platform roles choose any."""
    agencies = Agency.objects.filter(of_agency(caller, "code")).order_by("name")
    agency = get_object_or_404(agencies, code=request.GET.get("agency") or caller.agency)
    entries = exceptions_of(agency)
    if request.GET.get("overdue"):
        entries = [entry for entry in entries if entry.is_overdue]
    page = {"agency": agency, "agencies": agencies, "entries": entries, "overdue": request.GET.get("overdue", "")}
    return render(request, "web/policies/exceptions.html", page)


def _told(rule: Rule) -> dict[str, Any]:
    """A rule with what is seen of it at a glance."""
    access = rule_facts(rule).access
    return {
        "rule": rule,
        "target": str(target_of(rule)),
        "party": str(party_of(rule)),
        "what": access.as_json() if access is not None else rule.effect,
        "is_overdue": rule.status == Rule.Status.APPROVED and is_overdue(rule),
        "problem": problem_of(rule),
    }


def _form(
    request: HttpRequest, rule: Rule | None, said: dict[str, Any], error: HubError | None = None
) -> HttpResponseBase:
    faults = faults_of(error) if error else ()
    page = {"rule": rule, "said": said, "modes": MODES, "kinds": regime().kinds_of_law, "faults": faults}
    return render(request, "web/policies/rule_form.html", page, status=error.status if error else 200)


def _rule(
    request: HttpRequest,
    caller: Caller,
    rule: Rule,
    error: HubError | None = None,
    told: dict[str, Any] | None = None,
    *,
    is_end: bool = False,
) -> HttpResponseBase:
    is_draft, is_author = rule.status == Rule.Status.DRAFT, caller.name == rule.author
    is_reviewer = may(require_rule_reviewer, caller, rule)
    page = {
        **_told(rule),
        "warnings": warnings_on(rule) if is_draft else (),
        "versions": rule.versions.order_by("-number"),
        "may_edit": is_draft and (is_author or is_steward(caller, rule, "edit")),
        "may_approve": is_draft and is_reviewer and not is_author,
        "waits_for_another": is_draft and is_author,
        "may_confirm": rule.status == Rule.Status.APPROVED and is_reviewer,
        "may_retire": rule.status != Rule.Status.RETIRED and (is_reviewer or (is_draft and is_author)),
        "may_rehearse": rule.status != Rule.Status.RETIRED and may(require_rule_writer, caller, rule),
        "rehearsed": told,
        "is_end": is_end,
        "faults": faults_of(error) if error else (),
    }
    return render(request, "web/policies/rule.html", page, status=error.status if error else 200)
