"""An export's file on its way out: to its requester, for as long as what it may see is what stands in the file."""

from django.db.models import QuerySet

from hub.accounts.caller import Caller
from hub.errors import Conflict, Forbidden, Gone
from hub.exports.models import Export
from hub.exports.requester import query_of
from hub.query.catalogue import visible_datasets
from hub.query.door import Purpose, unsettled, views_for
from hub.query.files.kept import find
from hub.query.files.reading import FileRead, open_kept


def exports_of(caller: Caller) -> QuerySet[Export]:
    """The exports that the caller requested, of datasets that there are for it; nobody else's."""
    mine = Export.objects.filter(agency=caller.agency, actor=caller.name, is_client=bool(caller.client))
    return mine.filter(dataset__in=visible_datasets(caller)).select_related("dataset")


def read_export(caller: Caller, export: Export, purpose: Purpose, asked: str = "") -> FileRead:
    """The file, its event written.

    Raises ``Conflict`` (``export-not-ready``, ``export-failed``), ``Gone``, ``Forbidden`` (``view-changed`` where the
    caller sees something else by now), and what a read of the rows would raise.
    """
    _check_ready(export)
    under = Purpose(export.agreement, purpose.text or export.purpose)
    for view in views_for(caller, export.dataset.key, under, "export"):
        if view.decision.digest() != export.decision:
            raise Forbidden(
                "What you may see of this dataset has changed since the export was made.",
                code="view-changed",
                hint=f"POST /api/v1/datasets/{export.dataset.key}/exports asks for a new one.",
            )
        kept = find(export.file)
        if kept is None:
            raise _gone(export)
        read = open_kept(view, kept, query_of(export), under, asked, export=str(export.pk))
        if read is not None:
            return read
    raise unsettled()


def _check_ready(export: Export) -> None:
    match export.status:
        case Export.Status.QUEUED | Export.Status.RUNNING:
            raise Conflict(
                "The export is not ready yet.",
                code="export-not-ready",
                hint=f"GET /api/v1/exports/{export.pk} says how far it is.",
            )
        case Export.Status.FAILED:
            raise Conflict(export.error_message, code="export-failed", hint=export.error_hint)
        case Export.Status.EXPIRED:
            raise _gone(export)


def _gone(export: Export) -> Gone:
    return Gone(
        "The export's time is over, and its file is gone.",
        code="export-expired",
        hint=f"POST /api/v1/datasets/{export.dataset.key}/exports asks for a new one.",
    )
