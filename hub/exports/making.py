"""Makes the file of an export: with the requester's rights of this moment, held by a lease, once."""

import logging
from contextlib import suppress
from threading import Event, Thread
from typing import Final
from uuid import UUID

from django.db import DatabaseError, connections

from hub.errors import HubError
from hub.exports.commands import LeaseLost, claim, fail, finish, renew
from hub.exports.models import Export
from hub.exports.requester import purpose_of, query_of, requester
from hub.query.door import unsettled, views_for
from hub.query.files.building import build, file_name
from hub.query.files.kept import KeptFile, find
from hub.query.files.reading import state_of
from hub.query.formats import form_of
from hub.query.views import View

MAX_ATTEMPTS: Final = 3
_RENEWED_EVERY: Final = 5.0
"""Seconds; the lease is several times as long."""
log = logging.getLogger(__name__)


def make(export_id: UUID) -> None:
    """Work on the export if it is free; whatever happens, it says how it ended."""
    export = claim(export_id)
    if export is None:
        return
    with suppress(LeaseLost):  # its end is told by whoever has it now
        try:
            _carry_out(export)
        except LeaseLost:
            raise
        except HubError as error:
            fail(export, error)
        except Exception as error:
            log.error("export %s of %s failed", export.pk, export, exc_info=error)
            hint = "Ask for it again; the worker's log has more."
            fail(export, HubError(f"The hub failed with {type(error).__name__}.", hint=hint))


def _carry_out(export: Export) -> None:
    if export.attempts > MAX_ATTEMPTS:
        raise HubError(
            f"The export ended its worker {MAX_ATTEMPTS} times.",
            code="poisonous",
            hint="Take another format, or ask for less with a filter or properties.",
        )
    with _Hold(export) as hold:
        view, kept = _made(export, hold)
    finish(export, view, kept)


def _made(export: Export, hold: "_Hold") -> tuple[View, KeptFile]:
    """The file of what the requester sees now; found where somebody with the same view was first."""
    query, form = query_of(export), form_of(export.format)
    for view in views_for(requester(export), export.dataset.key, purpose_of(export), "export"):
        state = state_of(view)
        if state is None:
            continue
        kept = find(file_name(view, state, query, form)) or build(view, state, query, form, hold.check)
        if kept is not None:
            return view, kept
    raise unsettled()


class _Hold:
    """Renews the export's lease and shows its progress while this worker lives, on a connection of its own."""

    def __init__(self, export: Export) -> None:
        self._export, self._rows = export, 0
        self._is_lost, self._over = False, Event()
        self._thread = Thread(target=self._run, name=f"hold {export.pk}", daemon=True)

    def __enter__(self) -> "_Hold":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def check(self, rows: int) -> None:
        """Note how many rows are written; raises ``LeaseLost`` where the export is another worker's."""
        self._rows = rows
        if self._is_lost:
            raise LeaseLost

    def _run(self) -> None:
        try:
            while not self._over.wait(_RENEWED_EVERY) and not self._is_lost:
                self._renew()
        finally:
            connections.close_all()

    def _renew(self) -> None:
        try:
            renew(self._export, self._rows)
        except LeaseLost:
            self._is_lost = True
        except DatabaseError:
            connections.close_all()
