"""When streams are due: a stream's own row holds its schedule and the next moment of it."""

from datetime import UTC, datetime

from croniter import croniter
from django.utils.timezone import now

from connectors.models import Run, Stream
from connectors.runs.pacing import next_open
from hub.errors import FieldError, Invalid


def check_schedule(schedule: str) -> None:
    """Raise ``Invalid`` unless ``schedule`` is empty or five fields of cron, in UTC."""
    if schedule and (len(schedule.split()) != 5 or not croniter.is_valid(schedule)):
        message = f"{schedule!r} is no schedule: five fields as in cron, such as */15 * * * *, in UTC."
        raise Invalid(message, code="schedule-invalid", errors=[FieldError("schedule", "schedule-invalid", message)])


def next_due(schedule: str, after: datetime) -> datetime | None:
    """The first moment of ``schedule`` later than ``after``; None without a schedule."""
    return croniter(schedule, after.astimezone(UTC)).get_next(datetime) if schedule else None


def due_streams(limit: int = 2000) -> list[tuple[Stream, datetime]]:
    """Streams whose moment has come, each with the slot to run, and moved on to their next moment.

    Call within a transaction. Slots missed while the hub was away are made up for by one run. A stream that still
    runs is passed over; one whose source is left alone for now is due when that is over.
    """
    moment = now()
    due = list(
        Stream.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(next_due_at__lte=moment, is_active=True, source__is_active=True)
        .exclude(schedule="")
        .select_related("source")
        .order_by("next_due_at")[:limit]
    )
    slots = []
    for stream in due:
        opening = next_open(stream.source, moment)
        if opening > moment:
            stream.next_due_at = opening
        else:
            slots.append((stream, stream.next_due_at))
            stream.next_due_at = next_due(stream.schedule, moment)
    Stream.objects.bulk_update(due, ["next_due_at"])
    busy = set(Run.objects.filter(stream__in=due, status__in=Run.OPEN).values_list("stream_id", flat=True))
    return [(stream, slot) for stream, slot in slots if stream.pk not in busy and slot is not None]
