"""The catalogue, and one dataset of it as the visitor may see it."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from connectors.models import Run, Stream
from connectors.permissions import may_start
from connectors.queries import next_at
from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.accounts.permissions import may_act
from hub.catalog.commands import approve_dataset, return_dataset, submit_dataset
from hub.catalog.models import SHARING_CLASSES, Dataset
from hub.catalog.permissions import require_dataset_reviewer, require_editor
from hub.errors import HubError, NotFound
from hub.operations.freshness import with_freshness
from hub.query.catalogue import visible_datasets, visible_wordings, with_access, worded_datasets
from hub.query.census import census
from hub.query.decisions import decision_for
from hub.query.door import Purpose, read_rows
from hub.query.formats import FORMATS
from hub.query.params import RowsQuery
from hub.query.search import Mentioning
from hub.web.examples import examples
from hub.web.member import acts_on, faults_of, for_members, may
from hub.web.templatetags.words import local, word
from policies.decision import Decision
from policies.explain import availability, explanation
from policies.queries import manages

_SHOWN: Final = 60
_PREVIEWED: Final = 10


@require_safe
@for_members
def home(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Every dataset that there is for the visitor, narrowed as they type."""
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "agency", "theme", "class")}
    words = Mentioning(asked["q"])
    is_part = request.headers.get("HX-Request") == "true"
    everything = {} if is_part else census(caller, lambda datasets: datasets, ["agency", "theme"], is_kept=True)
    is_all = everything and not any(asked.values())
    total = sum(everything["theme"].values()) if is_all else _count(caller, words, asked)
    page = {
        "asked": asked,
        "datasets": with_access(with_freshness(_first(caller, words, asked)), caller),
        "total": total,
        "is_cut": total > _SHOWN,
    }
    if is_part:
        return render(request, "web/results.html", page)
    agencies = Agency.objects.order_by("name").values("code", "name", "name_zh")
    choices = {
        "agencies": [(a["code"], local(a, "name")) for a in agencies if a["code"] in everything["agency"]],
        "themes": [(theme, theme) for theme in everything["theme"] if theme],
        "classes": [(sharing_class, word(sharing_class)) for sharing_class in SHARING_CLASSES],
    }
    return render(request, "web/home.html", {**page, **choices})


@require_safe
@for_members
def dataset(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """What the dataset is, what the visitor may see of it and why, and its first rows."""
    return dataset_page(request, caller, key, request.GET.get("agreement", ""))


@acts_on("dataset", "key")
@for_members
def review(request: HttpRequest, caller: Caller, key: str, act: str) -> HttpResponseBase:
    """Submit a draft; as another person approve it, or return it with what is to be changed."""
    returned = partial(return_dataset, note=request.POST.get("note", ""))
    acts: dict[str, Callable[..., Dataset]] = {"submit": submit_dataset, "approve": approve_dataset, "return": returned}
    if act not in acts:
        raise Http404
    thing = get_object_or_404(visible_datasets(caller), key=key)
    try:
        acts[act](actor=caller, dataset=thing)
    except HubError as error:
        return dataset_page(request, caller, key, "", status=error.status, review_faults=faults_of(error))
    return redirect("dataset", key)


def dataset_page(
    request: HttpRequest, caller: Caller, key: str, agreement: str, *, status: int = 200, **more: object
) -> HttpResponseBase:
    """The page, with the faults and words of a form on it that was refused."""
    thing = with_freshness(visible_datasets(caller).filter(key=key)).select_related("relation").first()
    if thing is None:
        raise Http404
    try:
        decision = decision_for(caller, key, agreement=agreement)
    except NotFound:
        raise Http404 from None
    told = explanation(decision, full=manages(caller, thing))
    described = {field.name: field for field in thing.fields.all()}
    preview = _preview(caller, key, agreement) if decision.permit else None
    page = {
        "dataset": thing,
        "relation": getattr(thing, "relation", None),
        "told": told,
        "access": availability(decision),
        "fields": [{**field, "field": described[field["name"]]} for field in told["fields"]],
        "preview": preview,
        "may_load": thing.status != Dataset.Status.RETIRED and may_act(caller, "load", thing.agency.code, thing),
        "streams": _streams(caller, thing),
        **_steps(caller, thing),
        "agreement": agreement,
        **(_ways_out(caller, thing, decision, agreement, preview) if preview is not None else {}),
        **more,
    }
    return render(request, "web/dataset.html", page, status=status)


def _steps(caller: Caller, thing: Dataset) -> dict[str, bool]:
    """What the visitor can do so that others find the dataset."""
    is_draft, is_submitted = thing.status == Dataset.Status.DRAFT, thing.status == Dataset.Status.SUBMITTED
    reviews = is_submitted and may(require_dataset_reviewer, caller, thing, "")
    return {
        "may_submit": is_draft and may(require_editor, caller, thing, "", "publish"),
        "may_review": reviews and thing.submitter != caller.name,
        "waits_for_another": is_submitted and thing.submitter == caller.name,
    }


def _streams(caller: Caller, thing: Dataset) -> list[tuple[Stream, Run | None, datetime | None]]:
    """The streams into the dataset that the visitor may have read now, each with its latest run and its next time."""
    streams = Stream.objects.filter(dataset=thing).select_related("source", "dataset__agency").order_by("key")
    latest = Run.objects.filter(stream__dataset=thing).order_by("stream", "-created_at").distinct("stream")
    runs = {run.stream_id: run for run in latest}
    return [(one, runs.get(one.pk), next_at(one)) for one in streams if may_start(caller, one)]


def _first(caller: Caller, words: Mentioning, asked: dict[str, str]) -> QuerySet[Dataset]:
    """What the page shows; a search looks through wordings alone for it."""
    if not asked["q"]:
        return _narrowed(visible_datasets(caller), asked).order_by("key")[:_SHOWN]
    found = _narrowed(words.among(visible_wordings(caller)), asked)
    return worded_datasets(found.order_by("key")[:_SHOWN]).order_by("key")


def _count(caller: Caller, words: Mentioning, asked: dict[str, str]) -> int:
    def sought(things: QuerySet[Any]) -> QuerySet[Any]:
        return _narrowed(words.throughout(things), asked)

    return sum(census(caller, sought, ["class"], by_words=bool(asked["q"]), is_kept=True)["class"].values())


def _narrowed(datasets: QuerySet[Any], asked: dict[str, str]) -> QuerySet[Any]:
    columns = {"agency": "agency__code", "theme": "theme", "class": "sharing_class"}
    return datasets.filter(**{column: asked[name] for name, column in columns.items() if asked[name]})


def _preview(caller: Caller, key: str, agreement: str) -> dict[str, Any] | None:
    """The first rows of the visitor's view, and their names; a read like any other, with its record."""
    try:
        page = read_rows(caller, key, RowsQuery(limit=_PREVIEWED, numbers_as_strings=True), Purpose(agreement))
    except HubError:
        return None
    rows = json.loads(f"[{page.rows}]")
    return {"names": list(rows[0]) if rows else [], "rows": rows, "receipt": page.receipt}


def _ways_out(
    caller: Caller, thing: Dataset, decision: Decision, agreement: str, preview: dict[str, Any]
) -> dict[str, Any]:
    """How the visitor takes the rows along: as files, where that is permitted, and by programs."""
    has_files = decision_for(caller, thing.key, "export", agreement).permit
    seen = [
        {"name": field.name, "type": field.seen_type, "access": field.access.kind} for field in decision.seen_fields
    ]
    row = preview["rows"][0] if preview["rows"] else None
    address = f"{settings.HUB_URL}/api/v1/datasets/{thing.key}"
    told = examples(address, agreement, seen, row, key=thing.primary_key, has_files=has_files)
    return {
        "examples": told,
        "address": address,
        "names": [field["name"] for field in seen],
        "formats": FORMATS if has_files else (),
    }
