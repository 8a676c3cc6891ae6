"""How many of the datasets found there are of each kind, in one pass over them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.catalog.queries import mark_of_wordings
from hub.query.catalogue import visible_parts, worded_parts
from hub.query.kept import Kept

FACETS: Final[Mapping[str, str]] = {"agency": "agency_id", "theme": "theme", "class": "sharing_class"}
"""Columns of datasets, never null."""

Narrow = Callable[[QuerySet[Any]], QuerySet[Any]]
"""Says which datasets count, told by themselves or by their wordings: the facets have the same names in both."""


def census(
    caller: Caller, narrow: Narrow, names: Sequence[str], *, by_words: bool = False, is_kept: bool = False
) -> dict[str, dict[str, int]]:
    """By facet, the values there are in order, and how many of the datasets visible to ``caller`` have each.

    An agency's value is its code. ``by_words``: ``narrow`` asks for words, and for nothing that wordings do not tell,
    so that all are counted where their words stand. ``is_kept``: it asks for nothing but words, owner, theme, class
    and status, so that of what exists for everyone a count holds until a wording changes.
    """
    columns = [FACETS[name] for name in names]
    plain, guarded = worded_parts(caller) if by_words else visible_parts(caller)
    grouped = _kept(narrow(plain), columns) if is_kept else _grouped(*_statement(narrow(plain), columns))
    counts: dict[str, Counter[Any]] = {name: Counter() for name in names}
    for *values, count in [*grouped, *_grouped(*_statement(narrow(guarded), columns))]:
        name, value = next((n, v) for n, v in zip(names, values, strict=True) if v is not None)
        counts[name][value] += count
    if "agency" in counts:
        codes = dict(Agency.objects.values_list("pk", "code"))
        counts["agency"] = Counter({codes[pk]: count for pk, count in counts["agency"].items()})
    return {name: dict(sorted(counted.items())) for name, counted in counts.items()}


def _statement(things: QuerySet[Any], columns: Sequence[str]) -> tuple[str, tuple[Any, ...]]:
    """For a row for each value of each column, null in all other columns, and its count last."""
    found, params = things.order_by().values(*columns).query.sql_with_params()
    names, sets = ", ".join(columns), ", ".join(f"({column})" for column in columns)
    kinds = f"SELECT {names}, count(*) AS count FROM ({found}) found GROUP BY {names}"  # few, by all processors
    return f"SELECT {names}, sum(count)::bigint FROM ({kinds}) kinds GROUP BY GROUPING SETS ({sets})", params


def _grouped(statement: str, params: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _kept(things: QuerySet[Any], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The same for everyone who asks in the same words. The mark is looked at first: what is counted is no older."""
    statement, mark = _statement(things, columns), mark_of_wordings()
    counted = _counted.get(statement)
    if counted is None or counted.mark != mark:
        counted = _Counted(mark, _grouped(*statement))
        _counted.put(statement, counted)
    return counted.rows


class _Counted(NamedTuple):
    mark: tuple[int | None, ...]
    rows: list[tuple[Any, ...]]


_counted: Final[Kept[_Counted]] = Kept(500)
