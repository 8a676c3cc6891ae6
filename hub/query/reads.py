"""The reads that there were, taken from their events: who asked for what, and how often; no value of any query."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max, Q, QuerySet

from hub.audit.models import Event
from hub.predicates import FilterError, names, parse
from policies.facts import Mode

_KINDS: Final = ("rows.read", "rows.aggregated", "rows.stream", "rows.changes", "rows.refused", "file.read")
_SHAPE: Final = ("agency", "actor", "dataset", "kind")
_SAID: Final = ("agreement", "mode", "properties", "groupby", "agg", "sortby", "filter", "equals")
_MODES: Final[Mapping[str, Mode]] = {"rows.aggregated": "aggregate", "rows.changes": "changes", "file.read": "export"}
MAX_SHAPES: Final = 5_000
"""How many kinds of like reads are told apart; the rarest beyond are left out."""


@dataclass(frozen=True, slots=True)
class Read:
    """Like reads of one caller. ``names`` are the fields it named; ``is_whole`` says that it took all that it sees."""

    agency: str
    actor: str
    dataset: str
    mode: Mode
    agreement: str
    names: frozenset[str]
    is_whole: bool
    count: int
    last: datetime


def past_reads(which: Q, since: datetime) -> tuple[int, list[Read]]:
    """How many reads there were among the events ``which``, and their shapes, the commonest first."""
    events = Event.objects.filter(which, kind__in=_KINDS, at__gte=since)
    shapes: QuerySet[Any, dict[str, Any]] = (
        events.values(*_SHAPE, *(f"details__{word}" for word in _SAID))
        .annotate(count=Count("pk"), last=Max("at"))
        .order_by("-count", "-last")
    )
    return events.count(), list(map(_read, shapes[:MAX_SHAPES]))


def _read(shape: dict[str, Any]) -> Read:
    mode: Mode = _MODES.get(shape["kind"]) or shape["details__mode"] or "rows"
    properties = shape["details__properties"] or ()
    return Read(
        agency=shape["agency"],
        actor=shape["actor"],
        dataset=shape["dataset"],
        mode=mode,
        agreement=shape["details__agreement"] or "",
        names=frozenset((*properties, *_asked_by(shape))),
        is_whole=mode != "aggregate" and not properties,
        count=shape["count"],
        last=shape["last"],
    )


def _asked_by(shape: dict[str, Any]) -> Iterator[str]:
    """The fields by which rows were chosen, ordered and grouped, and those that were added up."""
    grouped_by: Iterable[str] = shape["details__groupby"] or ()
    measures: Iterable[tuple[str, str]] = shape["details__agg"] or ()
    columns = {function if not name else f"{function}_{name}" for function, name in measures}
    sorted_by: Iterable[str] = shape["details__sortby"] or ()
    yield from (name.removeprefix("-") for name in sorted_by if name.removeprefix("-") not in columns)
    yield from grouped_by
    yield from (name for _, name in measures if name)
    yield from shape["details__equals"] or ()
    try:
        yield from names(parse(shape["details__filter"])) if shape["details__filter"] else ()
    except FilterError:
        return
