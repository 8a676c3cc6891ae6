"""How fresh a dataset is, measured by how often its owner promised to bring it up to date."""

from datetime import timedelta
from typing import Final, Literal, cast

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.utils.timezone import now

from hub.catalog.models import Dataset

Freshness = Literal["fresh", "due", "overdue", "never"]

PERIODS: Final[dict[str, timedelta]] = {
    "continuous": timedelta(minutes=5),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92),
    "yearly": timedelta(days=366),
}
"""The time between two updates; ``irregular`` promises none and never falls due."""

OVERDUE_AFTER = 2
"""Periods without an update after which a dataset is overdue; between one and this many it is due."""


def with_freshness(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """The same datasets with ``synced_at`` (None before the first run) and ``freshness``."""
    moment = now()
    late = [
        When(update_frequency=frequency, synced_at__lt=moment - period * periods, then=Value(word))
        for word, periods in (("overdue", OVERDUE_AFTER), ("due", 1))
        for frequency, period in PERIODS.items()
    ]
    freshness = Case(
        When(synced_at__isnull=True, then=Value("never")),
        *late,
        default=Value("fresh"),
        output_field=CharField(),
    )
    return cast(QuerySet[Dataset], datasets.annotate(synced_at=F("relation__synced_at")).annotate(freshness=freshness))


def having_freshness(datasets: QuerySet[Dataset], word: Freshness) -> QuerySet[Dataset]:
    """Those to which ``with_freshness`` gives this word."""
    return with_freshness(datasets).filter(Q(freshness=word))
