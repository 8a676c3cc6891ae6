"""Gets runs to workers: what the outbox holds is sent, and what was lost on the way is sent again."""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from kombu import Queue
from kombu.exceptions import ChannelError
from kombu.exceptions import OperationalError as BrokerDown

from connectors.models import Checkpoint, Outbox, Run, Source, Stream, Tick, UploadPart
from connectors.runs.pacing import free_slots
from connectors.runs.schedule import due_streams
from hub.store.intake import staging

RESENT_AFTER = timedelta(seconds=30)
_SWEPT_EVERY = 20
_MOST = 2000
log = logging.getLogger(__name__)


def announce(run: UUID) -> None:
    """Send one run on its way as soon as the transaction at hand stands; the next tick does it where this fails."""
    transaction.on_commit(lambda: _send([run]))


def tick() -> int:
    """Make runs of what is due, then send all that waits; answers how many ticks there have been.

    Safe to run any number of times at once.
    """
    _open_due()
    send_waiting()
    count = _count_tick()
    if count % _SWEPT_EVERY == 0:
        _sweep()
    return count


@transaction.atomic
def _open_due() -> None:
    """A slot that has its run already, or a stream that got one meanwhile, is left as it is."""
    runs = [Run(stream=stream, slot=slot, requested_by="schedule") for stream, slot in due_streams()]
    Run.objects.bulk_create(runs, ignore_conflicts=True)
    made = Run.objects.filter(pk__in=[run.pk for run in runs])
    Outbox.objects.bulk_create(Outbox(run=run) for run in made)


def send_waiting(source: Source | None = None) -> None:
    """Send what waits, of one source or all: runs never sent, lost on the way, or begun by a worker gone silent.

    Of each source no more than it takes at once; the rest waits for one of them to end.
    """
    late = now() - RESENT_AFTER
    unsent = Q(status=Run.Status.QUEUED, message__sent_at=None)
    lost = Q(status=Run.Status.QUEUED, message__sent_at__lt=late) if _is_something_lost() else Q(pk=None)
    silent = Q(status=Run.Status.RUNNING, lease_until__lt=now(), message__sent_at__lt=late)
    waiting = Run.objects.filter(unsent | lost | silent).select_related("stream__source")
    if source is not None:
        waiting = waiting.filter(stream__source=source)
    runs = list(waiting.order_by("created_at")[:_MOST])
    free = free_slots([run.stream.source for run in runs], sent_since=late)
    picked = []
    for run in runs:
        if free[run.stream.source_id] > 0:
            free[run.stream.source_id] -= 1
            picked.append(run.pk)
    _send(picked)


def _is_something_lost() -> bool:
    """Whether fewer messages wait at the broker than runs were sent and not begun: those there are not sent twice."""
    sent = Run.objects.filter(status=Run.Status.QUEUED, message__sent_at__isnull=False).count()
    return sent > 0 and _on_the_way() < sent


def _on_the_way() -> int:
    """How many messages wait at the broker."""
    with current_app.connection_for_read() as connection, connection.channel() as channel:
        try:
            queue: Any = Queue(current_app.conf.task_default_queue, channel=channel)
            return int(queue.queue_declare(passive=True).message_count)
        except (BrokerDown, ChannelError):
            return 0


def _send(runs: list[UUID]) -> None:
    """Send the messages that nobody else is sending: each is marked first, and the mark taken back where that fails."""
    moment = now()
    with transaction.atomic():
        mine = Outbox.objects.select_for_update(skip_locked=True).filter(run__in=runs)
        free = Q(sent_at=None) | Q(sent_at__lt=moment - RESENT_AFTER)
        waiting = list(mine.filter(free).order_by("created_at").values_list("run", flat=True))
        Outbox.objects.filter(run__in=waiting).update(sent_at=moment)
    unsent = dict.fromkeys(waiting)
    try:
        with current_app.producer_pool.acquire(block=True) as producer:
            for run in waiting:
                current_app.send_task("connectors.tasks.carry_out", args=[str(run)], producer=producer)
                del unsent[run]
    except BrokerDown:
        log.warning("the broker does not answer; %s runs wait for the next tick", len(unsent))
        Outbox.objects.filter(run__in=unsent, sent_at=moment).update(sent_at=None)


def _count_tick() -> int:
    with transaction.atomic():
        row, _ = Tick.objects.select_for_update().get_or_create(pk=1)
        row.at, row.count = now(), row.count + 1
        row.save()
    return row.count


def _sweep() -> None:
    """Take away what dead attempts left in staging, and ended runs of their uploads."""
    UploadPart.objects.exclude(upload__run__status__in=(*Run.OPEN, Run.Status.HELD)).delete()
    Checkpoint.objects.exclude(run__status__in=(*Run.OPEN, Run.Status.HELD)).delete()
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
