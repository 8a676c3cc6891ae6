"""Asking for an export, and what becomes of it: each step is written only by the one who holds the export."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.errors import HubError, TooMany
from hub.exports.dispatch import announce
from hub.exports.models import Export
from hub.query import wishes
from hub.query.door import NO_PURPOSE, Purpose, unsettled, views_for
from hub.query.files.building import file_name
from hub.query.files.kept import KeptFile, find
from hub.query.files.reading import state_of
from hub.query.formats import Form
from hub.query.params import RowsQuery
from hub.query.views import View

LEASE: Final = timedelta(seconds=30)
MOST_OPEN: Final = 10
"""Exports of one requester that are on their way at once."""


class LeaseLost(Exception):
    """Another worker has the export by now."""


def request_export(
    *,
    actor: Caller,
    key: str,
    form: Form,
    filter: str = "",
    properties: Sequence[str] = (),
    purpose: Purpose = NO_PURPOSE,
) -> Export:
    """An export on its way, or ready at once where a file of the same view is kept.

    The one that is on its way already, if the same was asked for. Raises what a read of these rows would raise, and
    ``TooMany``.
    """
    query = RowsQuery(filter=filter, properties=tuple(properties), limit=None)
    asked = {
        "agency": actor.agency,
        "actor": actor.name,
        "is_client": bool(actor.client),
        "token": actor.token,
        "agreement": purpose.agreement,
        "purpose": purpose.text[:500],
        "format": form.name,
        "filter": filter,
        "properties": list(properties),
    }
    view, kept = _looked_up(actor, key, form, query, purpose)
    under_way = Export.objects.filter(**asked, dataset__key=key, status__in=Export.OPEN).first()
    if under_way is not None:
        return under_way
    _check_open(actor)
    with transaction.atomic():
        export = Export.objects.create(
            dataset=Dataset.objects.get(key=key), scopes=sorted(actor.scopes), bound_to=actor.agreement, **asked
        )
        said = wishes.recorded(query, purpose.text, view.agreement) | {"format": form.name}
        event = record(actor=actor, kind="export.requested", dataset=key, subject=str(export.pk), **said)
        export.receipt = event.pk
        export.save(update_fields=["receipt"])
        if kept is None:
            announce(export.pk)
        else:
            finish(export, view, kept)
    export.refresh_from_db()
    return export


def _check_open(actor: Caller) -> None:
    mine = Export.objects.filter(agency=actor.agency, actor=actor.name, status__in=Export.OPEN)
    if mine.count() >= MOST_OPEN:
        raise TooMany(
            f"{MOST_OPEN} exports of yours are on their way.",
            retry_after=30,
            code="too-many-exports",
            hint="Wait until one of them is ready.",
        )


def _looked_up(
    caller: Caller, key: str, form: Form, query: RowsQuery, purpose: Purpose
) -> tuple[View, KeptFile | None]:
    """The caller's view, its query checked, and the file of it that is kept."""
    for view in views_for(caller, key, purpose, "export"):
        wishes.select(view, query)
        state = state_of(view)
        if state is not None:
            return view, find(file_name(view, state, query, form))
    raise unsettled()


def claim(export: UUID) -> Export | None:
    """The export with a new fence, if it waits for a worker or its worker has gone silent; else None."""
    is_free = Q(status=Export.Status.QUEUED) | Q(status=Export.Status.RUNNING, lease_until__lt=now())
    taken = Export.objects.filter(is_free, pk=export).update(
        status=Export.Status.RUNNING,
        fence=F("fence") + 1,
        attempts=F("attempts") + 1,
        lease_until=now() + LEASE,
        started_at=now(),
        rows_written=0,
    )
    return Export.objects.select_related("dataset").get(pk=export) if taken else None


def renew(export: Export, rows: int) -> None:
    """Show how far the export is, and hold it for longer; raises ``LeaseLost``."""
    _write(export, rows_written=rows, lease_until=now() + LEASE)


def finish(export: Export, view: View, kept: KeptFile) -> None:
    """The export is there; raises ``LeaseLost``."""
    contents = kept.contents
    _write(
        export,
        status=Export.Status.READY,
        finished_at=now(),
        expires_at=kept.expires_at,
        lease_until=None,
        decision=view.decision.digest(),
        epoch=view.caller.epoch,
        agreement=view.agreement,
        file=kept.name,
        version=contents.version,
        rows=contents.rows,
        rows_written=contents.rows,
        size=contents.size,
        sha256=contents.sha256,
    )


def fail(export: Export, error: HubError) -> None:
    """There will be no file; the export says why. Raises ``LeaseLost``."""
    told = {"error_code": error.code, "error_message": error.message, "error_hint": error.hint}
    _write(export, status=Export.Status.FAILED, finished_at=now(), lease_until=None, **told)


def expire_exports() -> None:
    """Let go of files whose time is over."""
    over = Export.objects.filter(status=Export.Status.READY, expires_at__lte=now())
    over.update(status=Export.Status.EXPIRED, file="")


def _write(export: Export, **values: Any) -> None:
    mine = Export.objects.filter(pk=export.pk, fence=export.fence, status__in=Export.OPEN)
    if not mine.update(**values):
        raise LeaseLost
