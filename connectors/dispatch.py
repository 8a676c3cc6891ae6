"""Gets runs to workers: what the outbox holds is sent, and what was lost on the way is sent again."""

import logging
from datetime import timedelta
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from kombu.exceptions import OperationalError as BrokerDown

from connectors.models import Outbox, Run, Stream, Tick
from connectors.schedule import due_streams
from hub.store.intake import staging

RESENT_AFTER = timedelta(seconds=30)
_SWEPT_EVERY = 20
log = logging.getLogger(__name__)


def announce(run: UUID) -> None:
    """Send one run on its way as soon as the transaction at hand stands; the next tick does it where this fails."""
    transaction.on_commit(lambda: _send([run]))


def tick() -> int:
    """Make runs of what is due, then send all that waits; answers how many ticks there have been.

    Safe to run any number of times at once.
    """
    _open_due()
    _send(_waiting())
    count = _count_tick()
    if count % _SWEPT_EVERY == 0:
        _sweep()
    return count


@transaction.atomic
def _open_due() -> None:
    for stream, slot in due_streams():
        run, is_new = Run.objects.get_or_create(stream=stream, slot=slot, defaults={"requested_by": "schedule"})
        if is_new:
            Outbox.objects.create(run=run)


def _waiting() -> list[UUID]:
    """Runs never sent, sent long ago and not begun, or begun by a worker that has gone silent."""
    late = now() - RESENT_AFTER
    unsent = Q(status=Run.Status.QUEUED) & (Q(message__sent_at=None) | Q(message__sent_at__lt=late))
    silent = Q(status=Run.Status.RUNNING, lease_until__lt=now())
    return list(Run.objects.filter(unsent | silent).order_by("created_at").values_list("pk", flat=True)[:1000])


def _send(runs: list[UUID]) -> None:
    for run in runs:
        try:
            current_app.send_task("connectors.tasks.carry_out", args=[str(run)])
        except BrokerDown:
            log.warning("the broker does not answer; %s runs wait for the next tick", len(runs))
            return
        Outbox.objects.filter(run=run).update(sent_at=now())


def _count_tick() -> int:
    with transaction.atomic():
        row, _ = Tick.objects.select_for_update().get_or_create(pk=1)
        row.at, row.count = now(), row.count + 1
        row.save()
    return row.count


def _sweep() -> None:
    """Take away what dead attempts left in staging."""
    going_on = Run.objects.filter(status__in=Run.OPEN).values_list("pk", flat=True)
    staging.sweep([f"r{run.hex}_" for run in going_on])


def open_run(stream: Stream, requested_by: str) -> Run:
    """A run of ``stream`` on its way; the one that is open already, if there is one."""
    Stream.objects.select_for_update().get(pk=stream.pk)
    run = Run.objects.filter(stream=stream, status__in=Run.OPEN).first()
    if run is None:
        run = Run.objects.create(stream=stream, requested_by=requested_by)
        Outbox.objects.create(run=run)
        announce(run.pk)
    return run
