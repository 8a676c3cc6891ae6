"""How gently a source is read: in which hours, how many runs at once, and how long it is left alone when it is down."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Least
from django.utils.timezone import now

from connectors.base import Limits
from connectors.models import Run, Source, Stream
from hub.errors import FieldError, Invalid, SourceDown

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of every day in which a source is read, half-open; over midnight where it closes before it opens."""

    opens: time
    closes: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> "Window":
        """From ``22:00-06:00 Asia/Shanghai``; raises ``ValueError``."""
        hours, _, zone = text.partition(" ")
        opens, _, closes = hours.partition("-")
        try:
            return cls(time.fromisoformat(opens), time.fromisoformat(closes), ZoneInfo(zone or "UTC"))
        except (KeyError, OSError) as error:
            raise ValueError(f"There is no time zone {zone}.") from error

    def next_open(self, at: datetime) -> datetime:
        """The first moment from ``at`` on in which it is open."""
        local = at.astimezone(self.zone)
        clock = local.time()
        is_over_midnight = self.closes <= self.opens
        is_open = (
            (clock >= self.opens or clock < self.closes) if is_over_midnight else self.opens <= clock < self.closes
        )
        if is_open:
            return at
        days = timedelta(days=int(clock >= self.opens))
        return datetime.combine(local.date() + days, self.opens, self.zone).astimezone(UTC)


def check_windows(config: Mapping[str, object]) -> None:
    """Raise ``Invalid`` where a window of a source's configuration cannot be read."""
    for text in Limits.of(config).windows:
        try:
            Window.parse(text)
        except ValueError as error:
            message = f"{text!r} is no window of hours: {error}"
            raise Invalid(message, errors=[FieldError("config.windows", "invalid", message)]) from error


def next_open(source: Source, at: datetime) -> datetime:
    """The first moment from ``at`` on in which the source may be read by the clock: its hours, and its pause."""
    at = max(at, source.paused_until or at)
    windows = Limits.of(source.config).windows
    return min((Window.parse(text).next_open(at) for text in windows), default=at)


def slots(source: Source) -> int:
    """How many runs may read the source at once; one feels its way while it is down."""
    return 1 if source.failures else Limits.of(source.config).max_concurrent_runs


def free_slots(sources: Iterable[Source], sent_since: datetime) -> dict[UUID, int]:
    """For each source, how many more runs may go to a worker: runs at work count, and those sent since then."""
    busy = Q(status=Run.Status.RUNNING, lease_until__gte=now())
    busy |= Q(status=Run.Status.QUEUED, message__sent_at__gte=sent_since)
    by_id = {source.pk: source for source in sources}
    found = Run.objects.filter(busy, stream__source__in=by_id).values_list("stream__source").annotate(Count("pk"))
    counts = dict(found)
    return {pk: slots(source) - counts.get(pk, 0) for pk, source in by_id.items()}


@transaction.atomic
def note_down(stream: Stream, error: SourceDown) -> None:
    """Leave the stream's source alone: as long as it asks for, else longer with each failure, never quite alike.

    A stream with a schedule is due again when the pause is over, and does not wait for its next slot.
    """
    source = Source.objects.select_for_update().get(pk=stream.source_id)
    pause = min(_FIRST_PAUSE * 2 ** min(source.failures, 20), _LONGEST_PAUSE) * random.uniform(0.5, 1)
    if error.retry_after is not None:
        pause = timedelta(seconds=min(error.retry_after, timedelta(days=7).total_seconds()))
    source.failures += 1
    source.paused_until = now() + pause
    source.save(update_fields=["failures", "paused_until"])
    scheduled = Stream.objects.filter(pk=stream.pk, next_due_at__isnull=False)
    scheduled.update(next_due_at=Least("next_due_at", source.paused_until))


def note_answer(stream: Stream) -> None:
    """The source answered, whatever it said: it is asked as usual again."""
    Source.objects.filter(pk=stream.source_id, failures__gt=0).update(failures=0, paused_until=None)
