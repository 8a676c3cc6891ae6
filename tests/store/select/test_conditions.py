"""A filter's SQL means on every row what the filter means in Python, unknown included."""

from typing import Any, cast

import pytest

from hub.predicates import (
    FIELD_TYPES,
    Comparison,
    FieldType,
    Literal,
    Name,
    Predicate,
    Value,
    bind,
    evaluate,
    parse,
)
from hub.store.select.conditions import condition
from hub.store.sql import Sql
from tests.store.select.conftest import ROWS, Ask

TYPES: dict[str, FieldType] = {type_: type_ for type_ in FIELD_TYPES}
EDGES = {
    "1" + "0" * 400: "beyond the largest double",
    "-1" + "0" * 400: "beyond the smallest",
    "0." + "0" * 400 + "1": "too small for a double",
    "-0." + "0" * 400 + "1": "too small below zero",
    str(2**1024 - 2**970): "the least that is nearer to infinity",
    str(2**1024 - 2**970 - 1): "the largest that is not",
    "0." + "0" * 323 + "24703282292062327208": "just below half of the smallest double",
    "0." + "0" * 323 + "24703282292062327210": "just above it",
    "0.1": "no double exactly",
    "25": "a double",
}
"""Decimals beside doubles."""

FILTERS = (
    *("string = 'ab'", "string <> 'A'", "string < 'b'", "string >= '浦'", "'a' < string", "string > 'it''s'"),
    *("string LIKE 'a%'", "string LIKE 'a\\%%'", "string NOT LIKE '%b%'", "CASEI(string) LIKE CASEI('A_')"),
    *(
        "CASEI(string) = 'a'",
        "CASEI(string) = CASEI('ẞ')",
        "CASEI(string) < CASEI('AB')",
        "CASEI(string) IN ('ab', 'x')",
    ),
    *(
        "string IN ('a', 'ab', '')",
        "string NOT IN ('a')",
        "string BETWEEN 'A' AND 'a'",
        "string NOT BETWEEN 'a' AND 'b'",
    ),
    *("integer = 9223372036854775807", "integer < 9223372036854775808", "integer >= -9223372036854775808"),
    *("integer > -9223372036854775809", "integer IN (5, 15, 99999999999999999999)", "integer BETWEEN -1 AND 5"),
    *("integer = 9007199254740993", "integer > 0.5", "decimal = 2.5", "decimal > 1e29", "decimal IN (0.1, 0.75)"),
    *("number = 0.1", "number < 25", "number IN (1.5, 100)", "number >= -1e308", "number BETWEEN 0 AND 25"),
    *("number < decimal", "decimal <= number", "integer = number", "integer <= decimal", "number = number"),
    *("number BETWEEN decimal AND 25", "number < integer", "integer BETWEEN number AND decimal"),
    *("boolean = TRUE", "boolean <> TRUE", "boolean", "NOT boolean", "boolean IN (FALSE)"),
    *("date = DATE('2020-02-29')", "date < DATE('9999-12-31')", "date <= datetime", "date IN (DATE('0001-01-01'))"),
    *("datetime > TIMESTAMP('2020-03-01T04:59:59Z')", "datetime <= TIMESTAMP('2020-03-01T05:00:00Z')"),
    *("datetime = TIMESTAMP('9999-12-31T00:00:00Z')", "datetime > DATE('2020-03-01')", "datetime < date"),
    *("time = '05:30'", "time < '23:59:59.999999'", "time BETWEEN '00:00' AND '05:30'"),
    *(f"{type_} IS NULL" for type_ in TYPES),
    *("json IS NOT NULL", "NOT (integer = 1)", "integer = 1 OR string = 'a'", "integer = 1 AND string = 'A'"),
    *("integer = 1 AND decimal = 1 OR boolean", "integer < 0 OR string IS NULL OR boolean = FALSE"),
    *(
        "NOT (string = 'a' AND integer = 0)",
        "NOT (number < 1 OR decimal < 1)",
        "string = 'nowhere' AND geometry IS NULL",
    ),
)


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_means_the_same_in_sql(ask: Ask, cells: str, text: str) -> None:
    tree = bind(parse(text), TYPES)

    assert _found(ask, cells, tree) == [evaluate(tree, cast(dict[str, object], row)) for row in ROWS]


@pytest.mark.parametrize(("text", "nearest"), [(text, float(text)) for text in EDGES], ids=EDGES.values())
def test_a_stored_decimal_beside_a_double_is_its_nearest(ask: Ask, text: str, nearest: float) -> None:
    tree = bind(parse("decimal = number"), TYPES)
    where = condition(tree, lambda name: Sql(name))

    found = ask(
        Sql(f"SELECT {where.text} FROM (SELECT %s::numeric AS decimal, %s::float8 AS number) v", (text, nearest))
    )

    assert found == [(True,)]


def test_an_infinite_decimal_keeps_its_sign(ask: Ask) -> None:
    where = condition(bind(parse("decimal < number"), TYPES), lambda name: Sql(name))

    found = ask(
        f"SELECT {where.text} FROM (SELECT (s || '1e400')::numeric AS decimal, 0::float8 AS number"
        " FROM (VALUES ('-'), ('')) AS t (s)) v"
    )

    assert found == [(True,), (False,)]


def test_a_name_is_asked_for_as_the_reader_sees_it(ask: Ask, cells: str) -> None:
    tree = bind(parse("string = '***' AND CASEI(string) LIKE '*%' AND string BETWEEN '*' AND '+'"), TYPES)

    where = condition(tree, lambda name: Sql("%s::text", ("***",)))

    assert ask(Sql(f"SELECT count(*) FROM {cells} WHERE ") + where) == [(len(ROWS),)]


def test_parts_are_bound_together(ask: Ask) -> None:
    """Whatever stands beside the condition, and however its parts nest."""
    for text in ("boolean OR boolean", "NOT (boolean)", "boolean AND NOT (boolean AND boolean)"):
        where = condition(bind(parse(text), TYPES), lambda name: Sql("FALSE"))

        assert ask("SELECT false AND " + where) == [(False,)]
        assert ask("SELECT (" + where + ") IS NOT DISTINCT FROM " + where) == [(True,)]


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("integer = 5", "integer = '5'::bigint"),
        ("string < 'b'", "string < 'b'::text"),
        ("decimal = 0.1", "decimal = 0.1"),
    ],
)
def test_an_index_on_a_column_finds_what_a_literal_names(ask: Ask, cells: str, text: str, compared: str) -> None:
    ask(f'CREATE INDEX ON {cells} ("{text.partition(" ")[0]}")')
    ask("SET LOCAL enable_seqscan = off")
    ask("SET LOCAL enable_bitmapscan = off")
    where = condition(bind(parse(text), TYPES), lambda name: Sql(f'"{name}"'))

    plan = "\n".join(line for (line,) in ask(f"EXPLAIN SELECT FROM {cells} WHERE " + where))

    assert f"Index Cond: ({compared}" in plan.replace('"', "")


@pytest.mark.parametrize("tree", [None, "id = 1", Literal(1, "integer")])
def test_what_is_no_filter_has_no_sql(tree: object) -> None:
    with pytest.raises(TypeError, match=rf"^no SQL for {type(tree).__name__}$"):
        condition(cast(Predicate, tree), lambda name: Sql(name))


def test_what_is_no_value_has_no_sql() -> None:
    with pytest.raises(TypeError, match=r"^no SQL for Typed$"):
        condition(Comparison("=", Name("n", "integer"), cast(Value, Typed("x"))), lambda name: Sql(name))


@pytest.mark.parametrize("type_", ["json", "geometry"])
def test_there_are_no_literals_of_objects(type_: FieldType) -> None:
    with pytest.raises(TypeError, match=rf"^no literal has the type {type_}$"):
        condition(Comparison("=", Name("n", type_), Literal("{}", type_)), lambda name: Sql(name))


class Typed(str):
    type = "string"


def _found(ask: Ask, cells: str, tree: Predicate) -> list[Any]:
    where = condition(tree, lambda name: Sql(f'"{name}"'))
    return [value for (value,) in ask("SELECT " + where + f" FROM {cells} ORDER BY n")]
