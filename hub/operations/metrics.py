"""What the hub measures of itself, in the text format that Prometheus reads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils.timezone import now

from connectors.models import Run
from connectors.queries import last_tick
from hub.accounts.models import Token
from hub.catalog.models import Dataset
from hub.operations.freshness import with_freshness

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One measured value per set of labels."""

    name: str
    description: str
    samples: tuple[tuple[Labels, float], ...] = field(default=())


def own_state(dependencies: Mapping[str, str]) -> tuple[Gauge, ...]:
    """What says nothing of anybody's data, and may be read by whoever watches the server."""
    up = tuple(({"dependency": name}, float(state == "ok")) for name, state in dependencies.items())
    return (
        Gauge("hub_up", "The hub answers.", (({}, 1.0),)),
        Gauge("hub_dependency_up", "Whether a dependency answers.", up),
    )


def contents() -> Iterator[Gauge]:
    """Counts over everybody's datasets, runs and tokens, for those who look after the whole hub."""
    datasets = with_freshness(Dataset.objects.order_by())
    runs = Run.objects.order_by()
    yield Gauge("hub_datasets", "Datasets by status.", _counted(datasets, "status"))
    published = datasets.filter(status=Dataset.Status.PUBLISHED)
    yield Gauge("hub_freshness", "Published datasets by freshness.", _counted(published, "freshness"))
    yield Gauge("hub_runs", "Runs by status.", _counted(runs, "status"))
    waiting = runs.filter(status=Run.Status.QUEUED).aggregate(since=Min("created_at"))["since"]
    yield _age("hub_oldest_queued_run_seconds", "How long the oldest queued run has waited.", waiting)
    yield _age("hub_last_tick_seconds", "How long ago the scheduler's last tick was carried out.", last_tick())
    tokens = Token.objects.filter(revoked_at=None, expires_at__gt=now()).count()
    yield Gauge("hub_tokens", "Tokens in force.", (({}, float(tokens)),))


def _counted(things: QuerySet[Any], by: str) -> tuple[tuple[Labels, float], ...]:
    counts = things.values_list(by).annotate(Count("pk")).order_by(by)
    return tuple(({by: word}, float(count)) for word, count in counts)


def _age(name: str, description: str, moment: datetime | None) -> Gauge:
    if moment is None:
        return Gauge(name, description)
    return Gauge(name, description, (({}, (now() - moment).total_seconds()),))


def as_text(gauges: Iterable[Gauge]) -> str:
    """The exposition format, version 0.0.4."""
    return "".join(f"{line}\n" for gauge in gauges for line in _lines(gauge))


def _lines(gauge: Gauge) -> Iterator[str]:
    yield f"# HELP {gauge.name} {gauge.description}"
    yield f"# TYPE {gauge.name} gauge"
    for labels, value in gauge.samples:
        inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{gauge.name}{{{inner}}} {value:g}" if inner else f"{gauge.name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
