"""Groups over any field behind any access, and all aggregates of them, are those that Python makes of what is shown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import pytest

from hub.catalog.models import Dataset
from hub.predicates import FIELD_TYPES, FieldType
from hub.query.door import RowsPage, read_rows
from hub.query.params import parse_aggregate_query
from hub.store.intake.load import Outcome
from hub.store.select.aggregates import TAKES
from hub.store.select.relation import SORTABLE
from policies.access import CLEAR, Access, seen_type
from tests.totality import oracle
from tests.totality.conftest import KEY, reader
from tests.totality.extremes import ACCESSES, FEW, IS_LONG, fitting, named

pytestmark = pytest.mark.django_db(transaction=True)

_MEASURES = [(function, type_) for function, types in TAKES.items() for type_ in FIELD_TYPES if type_ in types]


def grouped(**params: str) -> RowsPage:
    return read_rows(reader("ops"), KEY, parse_aggregate_query({name: [value] for name, value in params.items()}))


@pytest.mark.parametrize("access", ACCESSES if IS_LONG else FEW, ids=named)
def test_groups_are_those_of_what_is_shown(
    extremes: Dataset,
    mask: Callable[[Mapping[str, Access]], None],
    stream: Callable[..., str],
    access: Access,
) -> None:
    accesses = fitting(access)
    mask(accesses)
    types: dict[str, FieldType] = {t: seen_type(accesses.get(t, CLEAR), t) for t in FIELD_TYPES}
    shown = [_typed(row, types) for row in oracle.table(stream(f="csv"))]
    measures = [(function, name) for function, name in _MEASURES if types[name] in TAKES[function]]

    for group in ("", *(name for name in FIELD_TYPES if types[name] in SORTABLE)):
        by_value: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for row in shown:
            by_value[row[group] if group else ()].append(row)
        agg = ",".join(["count", *(f"{function}:{name}" for function, name in measures)])
        found = list(_walk(groupby=group, agg=agg) if group else _walk(agg=agg))

        assert len(found) == len(by_value)
        for answer in found:
            rows = by_value[_value(answer[group], types[group]) if group else ()]
            assert answer["count"] == len(rows), group
            for function, name in measures:
                told = _value(answer[f"{function}_{name}"], _type_of(function, types[name]))
                values = [row[name] for row in rows if row[name] is not None]
                assert _is_right(told, function, values), (group, function, name)


def test_sum_of_doubles_goes_beyond_the_largest(dataset: Dataset, load: Callable[..., Outcome]) -> None:
    load([{"id": "1", "number": "1.7e308"}, {"id": "2", "number": "1.7e308"}, {"id": "3", "number": "-1e300"}])

    (answer,) = oracle.exact(f"[{grouped(agg='sum:number,avg:number').rows}]")

    assert answer["sum_number"] == 34 * 10**307 - 10**300
    assert round(answer["avg_number"] * 3) == answer["sum_number"]


def _typed(row: Mapping[str, str | None], types: Mapping[str, FieldType]) -> dict[str, Any]:
    return {name: None if row[name] is None else oracle.typed(type_, row[name] or "") for name, type_ in types.items()}


def _walk(**params: str) -> Iterable[dict[str, Any]]:
    cursor = {}
    while True:
        page = grouped(**params, limit="7", **cursor)
        yield from oracle.exact(f"[{page.rows}]")
        if page.next is None:
            return
        cursor = {"cursor": page.next}


def _value(told: Any, type_: FieldType) -> Any:
    return None if told is None else oracle.typed(type_, str(told).lower() if isinstance(told, bool) else str(told))


def _type_of(function: str, type_: FieldType) -> FieldType:
    if function == "distinct":
        return "integer"
    return "decimal" if function in ("sum", "avg") else type_


def _is_right(told: Any, function: str, values: list[Any]) -> bool:
    """Sums of integers and decimals are exact; of doubles, and in means, only the last digits may differ."""
    if function == "distinct":
        return bool(told == len(set(values)))
    if not values:
        return told is None
    if function in ("min", "max"):
        return bool(told == (min(values) if function == "min" else max(values)))
    numbers = [Fraction(repr(value)) if isinstance(value, float) else value for value in values]
    expected = sum(numbers) / (len(numbers) if function == "avg" else 1)
    is_exact = function == "sum" and not isinstance(values[0], float)
    return abs(told - expected) <= (0 if is_exact else sum(map(abs, numbers)) / 10**14)
