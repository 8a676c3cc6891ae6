"""How fresh a dataset is, measured by how often its owner promised to bring it up to date."""

import json
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db.models import BooleanField, Case, CharField, F, Func, Q, QuerySet, Value, When
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

_SECONDS: Final = json.dumps(
    {frequency: f"{period.total_seconds():.0f} seconds" for frequency, period in PERIODS.items()}
)

OVERDUE_AFTER = 2
"""Periods without an update after which a dataset is overdue; between one and this many it is due."""


def with_freshness(datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """The same datasets with ``synced_at`` (None before the first run) and ``freshness``."""
    synced_at, moment = F("relation__synced_at"), now()
    freshness = Case(
        When(relation__synced_at=None, then=Value("never")),
        When(_Behind(synced_at, moment, OVERDUE_AFTER), then=Value("overdue")),
        When(_Behind(synced_at, moment, 1), then=Value("due")),
        default=Value("fresh"),
        output_field=CharField(),
    )
    return datasets.annotate(synced_at=synced_at, freshness=freshness)


class _Behind(Func):
    """Whether the rows are from so many periods before ``moment``, or longer ago."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, synced_at: F, moment: datetime, periods: int) -> None:
        super().__init__(synced_at, F("update_frequency"))
        self._moment, self._periods = moment, periods

    def as_sql(self, compiler: Any, connection: Any, *given: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        synced_at, frequency = (compiler.compile(column)[0] for column in self.get_source_expressions())
        late = f"{synced_at} < %s - %s * (%s::jsonb ->> {frequency})::interval"
        return f"({late})", (self._moment, self._periods, _SECONDS)


def having_freshness(datasets: QuerySet[Dataset], word: Freshness) -> QuerySet[Dataset]:
    """Those to which ``with_freshness`` gives this word."""
    return with_freshness(datasets).filter(Q(freshness=word))
