"""What a read may cost, decided by its shape and the number of rows: no statistics, which tell of rows one may not see.

A read is refused where no index can serve it and the table has more rows than one statement may look at. What it would
have gained is noted, and so is the time that reads take which an index would shorten.
"""

from typing import Final

from django.conf import settings

from hub.audit.commands import record
from hub.errors import Invalid
from hub.predicates import Predicate
from hub.query import demand, wishes
from hub.query.params import AggregateQuery, RowsQuery
from hub.query.shapes import Terms, compared, follows, wished_index
from hub.query.views import View
from hub.store.indexing.measuring import is_covered
from hub.waiting import aside

TOO_COSTLY: Final = "too-costly"
_REFUSED_SECONDS: Final = 10.0
"""What a read that was refused is taken to have cost."""
_SLOW_SECONDS: Final = 0.02
"""A read that takes less gains nothing worth an index."""


def check_cost(view: View, query: RowsQuery | AggregateQuery) -> None:
    """Raises ``Invalid`` (``too-costly``) where answering ``query`` would mean to look at all rows of a large table."""
    if view.place.rows <= settings.HUB_SCAN_ROWS:
        return
    if not _leading(view).isdisjoint(name for name, _ in query.equals):
        return  # told without reading any text again: most lookups end here
    wishes.select(view, query)  # a name that is not there is told before what it would cost
    trees = wishes.asked_of(view, query)
    if _is_served(view, query, trees):
        return
    note_time(view, query, _REFUSED_SECONDS)
    refusal = {"dataset": view.key, "code": TOO_COSTLY, "mode": query.mode}
    aside(lambda: record(actor=view.caller, kind="rows.refused", **refusal))
    raise Invalid(
        f"{_what(query, trees)} would look at every row of {view.key}, which has more than one request may.",
        code=TOO_COSTLY,
        hint=_hint(view, query),
    )


def note_time(view: View, query: RowsQuery | AggregateQuery, seconds: float) -> None:
    """Note what a read took that an index would have served, the decision's own row filter included."""
    if seconds < _SLOW_SECONDS or view.place.rows <= settings.HUB_INDEX_ROWS:
        return
    terms = _wished(view, query)
    if terms and not is_covered(terms, (view.primary_key, *view.place.indexes)):
        demand.note(view.place.relation, terms, seconds)


def _is_served(view: View, query: RowsQuery | AggregateQuery, trees: tuple[Predicate, ...]) -> bool:
    leading = _leading(view)

    def finds(*, only_equal: bool = False) -> bool:
        return any(follows(tree, leading.__contains__, only_equal=only_equal) for tree in trees)

    if finds(only_equal=True):
        return True
    if isinstance(query, AggregateQuery) or query.count == "exact":
        return finds() and _is_ordered(view, query)
    if query.limit is None and not query.sortby:
        return True  # the whole in its natural order is read once, from one end to the other
    return _is_ordered(view, query) and (not trees or finds())


def _is_ordered(view: View, query: RowsQuery | AggregateQuery) -> bool:
    """Whether an index, or the key, holds the rows in the order that is asked for."""
    if isinstance(query, AggregateQuery) or not query.sortby:
        return True
    terms = _sorted(query)
    plain = {field.name for field in view.fields if field.is_plain}
    if not {term.removeprefix("-") for term in terms} <= plain:
        return False
    return is_covered(terms, _keys(view) + view.place.indexes)


def _sorted(query: RowsQuery) -> Terms:
    return tuple("-" * key.descending + key.name for key in query.sortby)


def _keys(view: View) -> tuple[Terms, ...]:
    return (view.primary_key,) if view.primary_key else ()


def _leading(view: View) -> set[str]:
    """The fields of the reader's own view with which some index begins."""
    plain = {field.name for field in view.fields if field.is_plain}
    return plain.intersection(terms[0].removeprefix("-") for terms in _keys(view) + view.place.indexes)


def _wished(view: View, query: RowsQuery | AggregateQuery) -> Terms:
    """The index on raw columns that the read would gain most by; empty where none would do."""
    plain = {field.name for field in view.fields if field.is_plain}
    found = [pair for pair in compared(wishes.asked_of(view, query)) if pair[0] in plain]
    rows = view.decision.rows
    if rows.any_of != "all" and len(rows.any_of) == 1:
        found += compared(rows.any_of)
    ordered = () if isinstance(query, AggregateQuery) else _sorted(query)
    if not {term.removeprefix("-") for term in ordered} <= plain:
        ordered = ()
    equal = [name for name, is_equal in found if is_equal]
    return wished_index(equal, ordered, [name for name, is_equal in found if not is_equal])


def _what(query: RowsQuery | AggregateQuery, trees: tuple[Predicate, ...]) -> str:
    if isinstance(query, AggregateQuery):
        return "Groups of these rows"
    if query.count == "exact":
        return "Counting exactly"
    return "This filter" if trees else "This order"


def _hint(view: View, query: RowsQuery | AggregateQuery) -> str:
    """What would do instead, by names of the reader's own view alone."""
    leading = _leading(view)
    names = ", ".join(field.name for field in view.fields if field.name in leading)
    ways = [f"filter by {names}"] if names else []
    if isinstance(query, RowsQuery):
        if query.count == "exact":
            ways.append("count with count=estimate")
        if query.sortby:
            ways.append("leave the order to the hub (no sortby)")
        ways.append("take all of it with limit=all&f=ndjson")
    ways.append(f"have a file made (POST /api/v1/datasets/{view.key}/exports)")
    return "You can: " + "; ".join(ways) + ". The dataset's owner can have an index built."
