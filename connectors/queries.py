"""What is known of sources, streams and runs; and what a source says when it is asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.timezone import now

from connectors import registry
from connectors.base import Connector, Found
from connectors.models import Run, Source, Stream, Tick, Upload
from connectors.runs.pacing import next_open, slots
from connectors.secrets import unseal
from connectors.uploads import Uploaded
from hub.catalog.models import Dataset
from hub.store.models import Quarantined, Rejected


def last_tick() -> datetime | None:
    """When the scheduler's last tick was carried out by a worker; None before the first."""
    return Tick.objects.filter(pk=1).values_list("at", flat=True).first()


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run goes on: rows a second, and seconds until it has read as many rows as the last good one of its stream.

    Both are None where there is nothing to tell by; ``waits_for`` says what a queued run waits for.
    """

    rate: float | None = None
    remaining: float | None = None
    waits_for: str = ""


def pace_of(run: Run) -> Pace:
    """The pace of a run that is open; of one that is over, how many rows a second it read."""
    if run.status == Run.Status.QUEUED:
        return Pace(waits_for=_waits_for(run))
    if run.started_at is None or not run.rows_read:
        return Pace()
    seconds = ((run.finished_at or now()) - run.started_at).total_seconds()
    rate = run.rows_read / seconds if seconds > 0 else None
    if rate is None or run.status != Run.Status.RUNNING:
        return Pace(rate)
    earlier = Run.objects.filter(stream=run.stream_id, status__in=Run.GOOD).order_by("-created_at")
    expected = earlier.values_list("rows_read", flat=True).first() or 0
    return Pace(rate, (expected - run.rows_read) / rate if expected > run.rows_read else None)


def next_at(stream: Stream) -> datetime | None:
    """When the stream is next read by itself, by its schedule and its source's pause and hours; None for never."""
    if stream.next_due_at is None or not (stream.is_active and stream.source.is_active):
        return None
    return next_open(stream.source, stream.next_due_at)


def quality_of(dataset: Dataset) -> dict[str, Any] | None:
    """How good the rows of the last completed run were, and which rules kept records in quarantine; None before.

    For whoever administers the dataset: what others may not see counts in it.
    """
    run = Run.objects.filter(stream__dataset=dataset, status__in=Run.GOOD).order_by("-finished_at").first()
    if run is None:
        return None
    kept = Rejected.objects.filter(run__in=_quarantined(dataset)).values_list("rule").annotate(count=Count("pk"))
    return {
        "run": run.pk,
        "rows_read": run.rows_read,
        "rejected": run.rejected,
        "good": round(1 - run.rejected / run.rows_read, 6) if run.rows_read else None,
        "quarantine": dict(kept.order_by("rule")),
    }


def _quarantined(dataset: Dataset) -> QuerySet[Quarantined, Any]:
    return Quarantined.objects.filter(dataset=dataset).values("run").distinct()


def _waits_for(run: Run) -> str:
    source = run.stream.source
    at_work = Run.objects.filter(stream__source=source, status=Run.Status.RUNNING, lease_until__gte=now()).count()
    return "source" if at_work >= slots(source) else "worker"


def connector_of(source: Source) -> Connector:
    """The connector that reads ``source``, with its secrets."""
    return registry.load(source.kind)(source.config, unseal(source.secrets, source.pk))


def connector_for(run: Run) -> Connector:
    """The connector that reads for ``run``: its upload's, where it has one, else its source's."""
    connector = connector_of(run.stream.source)
    upload: Upload | None = getattr(run, "upload", None)
    if upload is not None and isinstance(connector, Uploaded):
        connector.upload = upload
    return connector


def source_test(source: Source) -> None:
    """Reach the source and sign in; raises a ``SourceError`` that says what failed and what to do."""
    connector_of(source).test()


def source_discover(source: Source) -> list[Found]:
    """The tables or files that the source offers, with inferred fields, keys and samples; raises ``SourceError``."""
    return list(connector_of(source).discover())
