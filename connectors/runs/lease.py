"""Who works on a run: a lease that is renewed while the worker lives, and a fence that shuts out who lost it."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, connections, transaction
from django.db.models import F, Q
from django.utils.timezone import now

from connectors.base import Limits
from connectors.models import Outbox, Run, Source
from connectors.runs.ending import LeaseLost, Progress, end_early
from connectors.runs.pacing import slots
from hub.errors import Conflict, HubError
from hub.store.connection import canceller

LEASE = timedelta(seconds=30)
RENEWED_EVERY = timedelta(seconds=10)
_BEAT_SECONDS = 1.0
_GRACE_BEATS = 3


@transaction.atomic
def claim(run: UUID) -> Run | None:
    """The run with a new fence, if it waits for a worker or its worker has gone silent; else None.

    None too where its source takes no more runs at once: it is sent again when one of them has ended.
    """
    source = Source.objects.select_for_update(of=("self",)).filter(streams__runs=run).first()
    if source is None or _is_busy(source, run):
        Outbox.objects.filter(run=run).update(sent_at=None)
        return None
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


def _is_busy(source: Source, run: UUID) -> bool:
    at_work = Run.objects.filter(stream__source=source, status=Run.Status.RUNNING, lease_until__gte=now())
    return at_work.exclude(pk=run).count() >= slots(source)


class Heartbeat(threading.Thread):
    """Renews the lease of ``run`` and shows its progress, on a connection of its own, until stopped.

    It also sees to it that a run ends when it is cancelled or its time is over, wherever the worker is just then:
    it cancels the statement at hand and ends what reads, then calls ``interrupt`` to wake a worker that waits for its
    source, and after a moment says itself that the run is over, from when on nothing of it counts.
    """

    stop_reading: Callable[[], None] | None = None
    """Ends at once what the worker waits for at its source, from this thread."""

    def __init__(self, run: Run, progress: Progress, interrupt: Callable[[], None] | None = None) -> None:
        super().__init__(name=f"heartbeat {run.pk}", daemon=True)
        self._run = run
        self._progress = progress
        self._interrupt = interrupt
        self._stopping = threading.Event()
        self._held_until = now() + LEASE
        self._renew_at = now() + RENEWED_EVERY
        self._time_over = now() + timedelta(seconds=Limits.of(run.stream.source.config).max_run_seconds)
        self._cancel_statement = canceller()
        self._beats_left = _GRACE_BEATS
        self.is_lost = False
        self.ended_by: HubError | None = None

    def __enter__(self) -> "Heartbeat":
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stopping.set()
        self.join()

    @property
    def is_over(self) -> bool:
        """Whether the run is no longer this worker's, or is to end."""
        return self.is_lost or self.ended_by is not None

    def check(self) -> None:
        """Raise ``LeaseLost`` where the worker is to stop."""
        if self.is_over:
            raise LeaseLost

    def run(self) -> None:
        try:
            while not self._stopping.wait(_BEAT_SECONDS) and not self.is_lost:
                self._beat()
        finally:
            connections.close_all()

    def _beat(self) -> None:
        try:
            self._renew()
        except DatabaseError:
            connections.close_all()
            self.is_lost = now() > self._held_until
        if self.is_over:
            self._stop_worker()

    def _renew(self) -> None:
        """Show the progress, extend the lease when its time has come, and look whether the run is to end."""
        moment = now()
        mine = Run.objects.filter(pk=self._run.pk, fence=self._run.fence, status=Run.Status.RUNNING)
        progress = self._progress
        values: dict[str, object] = {
            "stage": progress.stage,
            "rows_read": progress.rows_read,
            "bytes": progress.bytes,
            "rejected": progress.rejected,
        }
        if moment >= self._renew_at:
            values["lease_until"] = moment + LEASE
        self.is_lost = not mine.update(**values)
        if "lease_until" in values:
            self._held_until, self._renew_at = moment + LEASE, moment + RENEWED_EVERY
        if not self.is_lost and self.ended_by is None:
            self.ended_by = self._reason_to_end(moment, is_cancelled=mine.filter(is_cancel_requested=True).exists())

    def _reason_to_end(self, moment: datetime, *, is_cancelled: bool) -> HubError | None:
        if is_cancelled:
            return Conflict("The run was cancelled; nothing was changed.", code="cancelled")
        if moment < self._time_over:
            return None
        return HubError(
            f"The run took longer than {Limits.of(self._run.stream.source.config).max_run_seconds} seconds.",
            code="run-too-long",
            hint="Nothing was changed. Read less at a time, or raise max_run_seconds in the source's config.",
        )

    def _stop_worker(self) -> None:
        self._cancel_statement()
        if self.stop_reading is not None:
            self.stop_reading()
        if self._beats_left == _GRACE_BEATS - 1 and self._interrupt is not None:
            self._interrupt()
        if self._beats_left == 0:
            self._say_so()
        self._beats_left -= 1

    def _say_so(self) -> None:
        """The worker has not answered."""
        if self.ended_by is None:
            return
        try:
            end_early(self._run, self._progress, self.ended_by)
        except (DatabaseError, LeaseLost):
            connections.close_all()
