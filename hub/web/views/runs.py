"""What was brought in when, and how it went; moves while it works."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from connectors.commands import drop_run, release_run, request_run
from connectors.models import Run, Stream, Upload
from connectors.permissions import may_start, require_loader
from connectors.queries import next_at, pace_of
from connectors.rejects import owns_records
from connectors.uploads import bring_file, retry_records
from hub.accounts.caller import Caller
from hub.accounts.queries import of_agency
from hub.errors import FieldError, HubError, Invalid
from hub.query.catalogue import visible_datasets
from hub.store.models import Quarantined, Rejected, Relation
from hub.web.member import acts_on, for_members, found, may
from hub.web.sentences import said

_SHOWN: Final = 50
_REJECTS: Final = 100
_GROUPS: Final = 10


@require_safe
@for_members
def runs(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The latest runs of the visitor's agency; platform roles see all."""
    stream = request.GET.get("stream", "")
    all_runs = _runs(caller)
    shown = (all_runs.filter(stream__key=stream) if stream else all_runs)[:_SHOWN]
    is_part = request.headers.get("HX-Request") == "true"
    page = {"runs": shown, "stream": stream, "is_moving": any(run.status in Run.OPEN for run in shown)}
    return render(request, "web/runs_table.html" if is_part else "web/runs.html", page)


@require_safe
@for_members
def run(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponseBase:
    """One run: its stages and counters, its error with what to do, and what it kept out."""
    thing = get_object_or_404(_runs(caller), pk=id)
    owns = owns_records(caller, thing)
    rejects = Rejected.objects.filter(run=thing.pk).order_by("id")[:_REJECTS]
    is_part = request.headers.get("HX-Request") == "true"
    page = {
        "run": thing,
        "pace": pace_of(thing),
        "is_uploaded": Upload.objects.filter(run=thing.pk).exists(),
        "standing": Relation.objects.filter(dataset=thing.stream.dataset_id).first(),
        "rejects": rejects,
        "groups": _by_message(thing),
        "owns": owns,
        "may_retry": owns and _is_kept(thing) and may(require_loader, caller, thing.stream),
        "is_moving": thing.status in Run.OPEN,
        "next_at": next_at(thing.stream),
        "may_sync": thing.status not in Run.OPEN and may_start(caller, thing.stream),
        "may_decide": thing.status == Run.Status.HELD and may(require_loader, caller, thing.stream),
    }
    return render(request, "web/run_state.html" if is_part else "web/run.html", page)


@acts_on("dataset", "key")
@for_members
def upload(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """Load a file that the visitor brings; on to the page of its run."""
    dataset = get_object_or_404(visible_datasets(caller), key=key)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise Invalid("There is no file.", errors=[FieldError("file", "required", "Choose a file.")])
        missing = {"missing": [""]} if "missing" in request.POST else {}
        mode = request.POST.get("mode", "")
        started = bring_file(
            actor=caller, dataset=dataset, name=file.name or "", chunks=file.chunks(), mode=mode, **missing
        )
    except HubError as error:
        messages.error(request, said(error.message, error.hint))
        return redirect("dataset", key)
    return redirect("run", started.pk)


@acts_on("dataset", "key")
@for_members
def sync(request: HttpRequest, caller: Caller, key: str, stream: str) -> HttpResponseBase:
    """Start a run of one of the dataset's streams, or find the one that is open; on to its page."""
    mine = of_agency(caller, "source__agency__code", "dataset__agency__code")
    streams = Stream.objects.filter(mine, dataset__in=visible_datasets(caller), dataset__key=key)
    thing = found(streams.select_related("source", "dataset__agency"), stream)
    try:
        started = request_run(actor=caller, stream=thing)
    except HubError as error:
        messages.error(request, said(error.message, error.hint))
        return redirect("dataset", key)
    return redirect("run", started.pk)


@acts_on("run", "id")
@for_members
def decide(request: HttpRequest, caller: Caller, id: UUID, act: str) -> HttpResponseBase:
    """A person's word on a run: a held one goes on or is dropped, and what one kept out is tried again."""
    thing = get_object_or_404(_runs(caller), pk=id)
    command = {"release": release_run, "drop": drop_run, "retry": retry_records}.get(act)
    if command is None:
        raise Http404
    try:
        going_on = command(actor=caller, run=thing)
    except HubError as error:
        messages.error(request, said(error.message, error.hint))
        return redirect("run", id)
    return redirect("run", going_on.pk)


def _by_message(run: Run) -> QuerySet[Rejected, Any]:
    """What was wrong in which field, and how often, of the records that were told of."""
    told = Rejected.objects.filter(run=run.pk).values("field", "message").annotate(count=Count("pk"))
    return told.order_by("-count", "field", "message")[:_GROUPS]


def _is_kept(run: Run) -> bool:
    return Quarantined.objects.filter(run=run.pk, cells__isnull=False).exists()


def _runs(caller: Caller) -> QuerySet[Run]:
    latest = Run.objects.select_related("stream__source", "stream__dataset__agency").order_by("-created_at", "-id")
    if caller.has_role("system", "authority", "auditor"):
        return latest
    return latest.filter(stream__dataset__agency__code=caller.agency)
