"""Who works on a run: a lease that is renewed while the worker lives, and a fence that shuts out who lost it."""

import threading
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connections
from django.db.models import F, Q
from django.utils.timezone import now

from connectors.models import Run

LEASE = timedelta(seconds=15)
_RENEWED_EVERY = 1.0


class LeaseLost(Exception):
    """Another worker has the run by now, or it was cancelled: stop, and write nothing more."""


@dataclass
class Progress:
    """What a run has done so far, as it is shown while it works."""

    stage: str = "starting"
    rows_read: int = 0
    bytes: int = 0
    rejected: int = 0


def claim(run: UUID) -> Run | None:
    """The run with a new fence, if it waits for a worker or its worker has gone silent; else None."""
    is_free = Q(status=Run.Status.QUEUED) | Q(status=Run.Status.RUNNING, lease_until__lt=now())
    taken = Run.objects.filter(is_free, pk=run).update(
        status=Run.Status.RUNNING,
        fence=F("fence") + 1,
        attempts=F("attempts") + 1,
        lease_until=now() + LEASE,
        started_at=now(),
    )
    related = ("stream__source", "stream__dataset__agency")
    return Run.objects.select_related(*related).get(pk=run) if taken else None


class Heartbeat(threading.Thread):
    """Renews the lease of ``run`` and shows its progress, on a connection of its own, until stopped."""

    def __init__(self, run: Run, progress: Progress) -> None:
        super().__init__(name=f"heartbeat {run.pk}", daemon=True)
        self._run = run
        self._progress = progress
        self._stopping = threading.Event()
        self._held_until = now() + LEASE
        self.is_lost = False
        self.is_cancelled = False

    def __enter__(self) -> "Heartbeat":
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stopping.set()
        self.join()

    def check(self) -> None:
        """Raise ``LeaseLost`` where the run is no longer this worker's, or is to be cancelled."""
        if self.is_lost or self.is_cancelled:
            raise LeaseLost

    def run(self) -> None:
        try:
            while not self._stopping.wait(_RENEWED_EVERY) and not self.is_lost:
                self._beat()
        finally:
            connections.close_all()

    def _beat(self) -> None:
        try:
            mine = Run.objects.filter(pk=self._run.pk, fence=self._run.fence, status=Run.Status.RUNNING)
            progress = self._progress
            renewed = mine.update(
                lease_until=now() + LEASE,
                stage=progress.stage,
                rows_read=progress.rows_read,
                bytes=progress.bytes,
                rejected=progress.rejected,
            )
            self.is_lost = not renewed
            self._held_until = now() + LEASE
            self.is_cancelled = mine.filter(is_cancel_requested=True).exists()
        except DatabaseError:
            connections.close_all()
            self.is_lost = now() > self._held_until
