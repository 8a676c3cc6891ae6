"""How many of the datasets found there are of each kind, in one pass over them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.query.catalogue import visible_parts, visible_wordings

FACETS: Final[Mapping[str, str]] = {"agency": "agency_id", "theme": "theme", "class": "sharing_class"}
"""Columns of datasets, never null."""

Narrow = Callable[[QuerySet[Any]], QuerySet[Any]]
"""Says which datasets count, told by themselves or by their wordings: the facets have the same names in both."""


def census(
    caller: Caller, narrow: Narrow, names: Sequence[str], *, by_words: bool = False
) -> dict[str, dict[str, int]]:
    """By facet, the values there are in order, and how many of the datasets visible to ``caller`` have each.

    An agency's value is its code. ``by_words``: ``narrow`` asks for words, and for nothing that wordings do not tell,
    so that all are counted where their words stand.
    """
    counts: dict[str, Counter[Any]] = {name: Counter() for name in names}
    for part in [visible_wordings(caller)] if by_words else visible_parts(caller):
        for *values, count in _grouped(narrow(part), [FACETS[name] for name in names]):
            name, value = next((n, v) for n, v in zip(names, values, strict=True) if v is not None)
            counts[name][value] += count
    if "agency" in counts:
        codes = dict(Agency.objects.values_list("pk", "code"))
        counts["agency"] = Counter({codes[pk]: count for pk, count in counts["agency"].items()})
    return {name: dict(sorted(counted.items())) for name, counted in counts.items()}


def _grouped(things: QuerySet[Any], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """A row for each value of each column, null in all other columns, and its count last."""
    found, params = things.order_by().values(*columns).query.sql_with_params()
    names, sets = ", ".join(columns), ", ".join(f"({column})" for column in columns)
    kinds = f"SELECT {names}, count(*) AS count FROM ({found}) found GROUP BY {names}"  # few, by all processors
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {names}, sum(count)::bigint FROM ({kinds}) kinds GROUP BY GROUPING SETS ({sets})", params
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
