"""The visitor's exports: asked for on a dataset's page, watched while they are made, fetched when they are ready."""

from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from hub.accounts.caller import Caller
from hub.errors import HubError
from hub.exports.commands import request_export
from hub.exports.models import Export
from hub.exports.reading import exports_of
from hub.query.door import Purpose
from hub.query.formats import form_of
from hub.web.member import acts_on, faults_of, for_members
from hub.web.views.catalogue import dataset_page

_SHOWN: Final = 50


@require_safe
@for_members
def exports(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """The latest exports of the visitor."""
    shown = list(exports_of(caller).order_by("-created_at", "-id")[:_SHOWN])
    is_part = request.headers.get("HX-Request") == "true"
    page = {"exports": shown, "is_moving": any(export.status in Export.OPEN for export in shown)}
    return render(request, "web/exports_table.html" if is_part else "web/exports.html", page)


@acts_on("dataset", "key")
@for_members
def ask(request: HttpRequest, caller: Caller, key: str) -> HttpResponseBase:
    """Ask for an export of a dataset; on to the list of exports, in which it moves."""
    words = request.POST
    try:
        request_export(
            actor=caller,
            key=key,
            form=form_of(words.get("format", "")),
            filter=words.get("filter", "").strip(),
            properties=words.getlist("properties"),
            purpose=Purpose(words.get("agreement", "").strip(), words.get("purpose", "").strip()),
        )
    except HubError as error:
        faults = faults_of(error)
        return dataset_page(request, caller, key, "", faults=faults, words=words, status=error.status)
    return redirect("exports")
