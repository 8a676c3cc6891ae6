"""Aggregates of awkward values of every type, against Python's; a group without values has null, or counts none."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from hub.predicates import FieldType
from hub.store.select.aggregates import TAKES, Function, aggregate, count_of_rows
from hub.store.select.relation import SORTABLE, Shown
from hub.store.sql import Sql
from tests.store.select.conftest import ROWS, Ask

NUMBERS: tuple[FieldType, ...] = ("integer", "decimal", "number")
OF_SOME: dict[str, Any] = {"distinct": lambda values: len(set(values)), "min": min, "max": max}
NEAR = Fraction("1e-9")


def shown(function: Function, type_: FieldType) -> Shown:
    return aggregate(function, Shown("x", type_, Sql(f'"{type_}"')), "made")


def values(type_: FieldType) -> list[Any]:
    found = [row[type_] for row in ROWS if row[type_] is not None]
    return [value.replace(tzinfo=None) for value in found] if type_ == "datetime" else found


@pytest.mark.parametrize("type_", sorted(SORTABLE - {"string"}))
@pytest.mark.parametrize("function", OF_SOME)
def test_least_greatest_and_how_many_of_every_type(ask: Ask, cells: str, function: Function, type_: FieldType) -> None:
    made = shown(function, type_)

    assert ask("SELECT " + made.expression + f" FROM {cells}") == [(OF_SOME[function](values(type_)),)]
    assert (made.name, made.type) == ("made", "integer" if function == "distinct" else type_)


def test_texts_are_ordered_as_rows_are(ask: Ask, cells: str) -> None:
    ordered = [text for (text,) in ask(f"SELECT string FROM {cells} WHERE string IS NOT NULL ORDER BY string")]

    found = [ask("SELECT " + shown(f, "string").expression + f" FROM {cells}")[0][0] for f in ("min", "max")]

    assert found == [ordered[0], ordered[-1]]


@pytest.mark.parametrize("type_", NUMBERS)
@pytest.mark.parametrize("where", ["true", "abs(number) < 1e300", "abs(number) > 1e300", "number = 1e308"])
def test_sums_and_means_are_decimals_and_never_too_large(ask: Ask, cells: str, type_: FieldType, where: str) -> None:
    total, mean, rows = shown("sum", type_), shown("avg", type_), f" FROM {cells} WHERE {where}"
    taken = [Fraction(str(value)) for (value,) in ask(f'SELECT "{type_}"{rows} AND "{type_}" IS NOT NULL')]

    ((summed, averaged),) = ask("SELECT " + total.expression + ", " + mean.expression + rows)

    assert isinstance(summed, Decimal)
    assert abs(Fraction(summed) - sum(taken)) <= (NEAR if type_ == "number" else 0)
    assert abs(Fraction(averaged) - Fraction(summed) / len(taken)) <= NEAR * max(1, abs(Fraction(averaged)))
    assert (total.name, total.type) == ("made", "integer" if type_ == "integer" else "decimal")
    assert (mean.name, mean.type) == ("made", "decimal")


def test_a_sum_of_doubles_is_the_doubles_own_and_a_mean_has_no_zeros_behind(ask: Ask) -> None:
    some = " FROM (VALUES (0.1::float8), (0.2)) v (number)"

    assert ask("SELECT " + shown("sum", "number").expression + "::text" + some) == [("0.30000000000000004",)]
    assert ask("SELECT " + shown("avg", "integer").expression + "::text FROM (VALUES (1), (2)) v (integer)") == [
        ("1.5",)
    ]


@pytest.mark.parametrize("function", TAKES)
def test_a_group_without_values_has_none(ask: Ask, cells: str, function: Function) -> None:
    for type_ in sorted(TAKES[function]):
        made = shown(function, type_)
        (found,) = ask("SELECT " + made.expression + f' FROM {cells} WHERE "{type_}" IS NULL')[0]

        assert found == (0 if function == "distinct" else None), type_
        assert made.never_null is (function == "distinct")


def test_rows_are_counted_with_and_without_values(ask: Ask, cells: str) -> None:
    counted = count_of_rows("rows")

    assert ask("SELECT " + counted.expression + f" FROM {cells}") == [(len(ROWS),)]
    assert (counted.name, counted.type, counted.never_null) == ("rows", "integer", True)
