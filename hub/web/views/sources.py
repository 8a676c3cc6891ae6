"""The systems that an agency's rows come from: connected, tried, and looked into for what to bring in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from connectors import registry
from connectors.commands import edit_source, register_source
from connectors.models import Source, Stream
from connectors.permissions import may_start, require_reach, require_source_editor
from connectors.queries import source_discover, source_test
from connectors.uploads import KIND as BY_HAND
from hub.accounts.caller import Caller
from hub.accounts.keys import full_key
from hub.accounts.models import Agency
from hub.accounts.permissions import may_act
from hub.accounts.queries import of_agency
from hub.catalog.models import SENSITIVITIES
from hub.errors import HubError
from hub.web.bringing import Draft, bring_in, offered, proposed, typed
from hub.web.member import acts_on, faults_of, for_members, found, may
from hub.web.sentences import said
from hub.web.settings_form import inputs, secret_inputs, settings

_KINDS: Final = tuple(kind for kind in registry.KINDS if kind != BY_HAND)


@require_safe
@for_members
def sources(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The agency's sources, and the kinds of which there can be more."""
    page = {
        "sources": _sources(caller).exclude(kind=BY_HAND).order_by("key", "agency__code"),
        "kinds": [(kind, registry.load(kind).title) for kind in _KINDS],
        "may_connect": may_act(caller, "load", caller.agency),
    }
    return render(request, "web/sources/sources.html", page)


@require_http_methods(["GET", "POST"])
@for_members
def connect(request: HttpRequest, caller: Caller, kind: str) -> HttpResponseBase:
    """The form of a new source of a kind; once it is registered it is tried."""
    if kind not in _KINDS:
        raise Http404
    if request.method != "POST":
        return _form(request, kind)
    key, typed_so = request.POST.get("key", "").strip(), dict[str, Any]()
    try:
        typed_so = settings(request.POST, registry.load(kind).config_schema, "config")
        secrets = settings(request.POST, registry.load(kind).secrets_schema, "secrets")
        agency = get_object_or_404(Agency, code=caller.agency)
        thing = register_source(actor=caller, key=key, agency=agency, kind=kind, config=typed_so, secrets=secrets)
    except HubError as error:
        return _form(request, kind, key=key, config=typed_so, error=error)
    return _tried(request, thing)


@require_safe
@for_members
def source(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """One source: how it is reached, what is read from it, and what can be done."""
    thing = found(_sources(caller), key)
    streams = Stream.objects.filter(source=thing).select_related("source", "dataset__agency").order_by("key")
    page = {
        "source": thing,
        "address": _address(thing),
        "config": list(inputs(registry.load(thing.kind).config_schema, "config", thing.config)),
        "streams": [(one, may_start(caller, one)) for one in streams],
        "may_reach": may(require_reach, caller, thing),
        "may_edit": may(require_source_editor, caller, thing),
    }
    return render(request, "web/sources/source.html", page)


@require_http_methods(["GET", "POST"])
@for_members
def edit(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """Change how a source is reached; secrets stay as they are where none is typed."""
    thing = found(_sources(caller), key)
    if request.method != "POST":
        return _form(request, thing.kind, thing, config=thing.config)
    connector, typed_so = registry.load(thing.kind), dict[str, Any](thing.config)
    try:
        typed_so = settings(request.POST, connector.config_schema, "config")
        secrets = settings(request.POST, connector.secrets_schema, "secrets")
        changed = {"config": typed_so, **({"secrets": secrets} if secrets else {})}
        thing = edit_source(actor=caller, source=thing, **changed)
    except HubError as error:
        return _form(request, thing.kind, thing, config=typed_so, error=error)
    return _tried(request, thing)


@acts_on("source", "key")
@for_members
def test(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """Reach the source and sign in; how that went stands on its page."""
    thing = found(_sources(caller), key)
    try:
        require_reach(caller, thing)
    except HubError as error:
        return _refused(request, thing, error)
    return _tried(request, thing)


@acts_on("source", "key")
@for_members
def discover(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """The tables or files of the source, to choose from; cells of theirs are shown to the owner alone."""
    thing = found(_sources(caller), key)
    try:
        require_reach(caller, thing)
        offers = source_discover(thing)
    except HubError as error:
        return _refused(request, thing, error)
    owns = thing.agency.code == caller.agency
    shown = [(one, offered(one), zip(*one.samples, strict=True) if owns else ()) for one in offers]
    page = {
        "source": thing,
        "address": _address(thing),
        "offers": [(one, text, _beside(one.columns, cells)) for one, text, cells in shown],
        "may_bring": may(require_source_editor, caller, thing),
    }
    return render(request, "web/sources/offers.html", page)


@acts_on("source", "key")
@for_members
def bring(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """The forms of what was chosen; and once they are filled in, drafts of datasets with their streams."""
    thing = found(_sources(caller), key)
    try:
        require_source_editor(caller, thing)
        if "is_filled" not in request.POST:
            drafts = proposed(request.POST.getlist("offer"), thing.agency.code)
            return _drafts(request, thing, drafts) if drafts else _nothing(request, thing)
        drafts = typed(request.POST)
    except HubError as error:
        return _refused(request, thing, error)
    try:
        streams = bring_in(caller, thing, drafts)
    except HubError as error:
        return _drafts(request, thing, drafts, error.status)
    keys = ", ".join(stream.dataset.key for stream in streams)
    messages.success(request, _("Drafted, and ready to be filled: %(keys)s") % {"keys": keys})
    return redirect("source", _address(thing))


def _form(
    request: HttpRequest,
    kind: str,
    thing: Source | None = None,
    *,
    key: str = "",
    config: Mapping[str, Any] = {},
    error: HubError | None = None,
) -> HttpResponseBase:
    connector = registry.load(kind)
    page = {
        "source": thing,
        "address": _address(thing) if thing is not None else "",
        "key": key,
        "kind": connector.title,
        "inputs": list(inputs(connector.config_schema, "config", config)),
        "secrets": secret_inputs(connector.secrets_schema),
        "faults": faults_of(error) if error is not None else (),
    }
    return render(request, "web/sources/form.html", page, status=error.status if error is not None else 200)


def _drafts(request: HttpRequest, thing: Source, drafts: list[Draft], status: int = 200) -> HttpResponseBase:
    faults = [fault for draft in drafts for fault in draft.faults]
    page = {
        "source": thing,
        "address": _address(thing),
        "drafts": drafts,
        "sensitivities": SENSITIVITIES,
        "faults": [replace(fault, message=said(fault.message)) for fault in faults],
    }
    return render(request, "web/sources/drafts.html", page, status=status)


def _tried(request: HttpRequest, thing: Source) -> HttpResponseBase:
    try:
        source_test(thing)
    except HubError as error:
        return _refused(request, thing, error)
    messages.success(request, _("The source answers, and lets the hub in."))
    return redirect("source", _address(thing))


def _refused(request: HttpRequest, thing: Source, error: HubError) -> HttpResponseBase:
    messages.error(request, said(error.message, error.hint))
    return redirect("source", _address(thing))


def _nothing(request: HttpRequest, thing: Source) -> HttpResponseBase:
    messages.error(request, _("Nothing was chosen."))
    return redirect("source", _address(thing))


def _beside(columns: Any, cells: Any) -> list[tuple[Any, tuple[str | None, ...]]]:
    """Each column with the cells of it that are shown."""
    shown = list(cells) or [()] * len(columns)
    return list(zip(columns, shown, strict=True))


def _sources(caller: Caller) -> QuerySet[Source]:
    return Source.objects.filter(of_agency(caller, "agency__code")).select_related("agency")


def _address(thing: Source) -> str:
    return full_key(thing.agency, thing.key)
