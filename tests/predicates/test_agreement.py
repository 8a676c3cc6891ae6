"""A filter means the same in Python and in SQL, and survives being written down, on any value of any row."""

import datetime as dt
import os
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.predicates import FieldType, Predicate, bind, evaluate, parse, to_text
from hub.store.select.conditions import condition
from hub.store.sql import Sql
from hub.store.tables import PHYSICAL_TYPES

TYPES: dict[str, FieldType] = {
    "s": "string",
    "i": "integer",
    "n": "number",
    "d": "decimal",
    "b": "boolean",
    "day": "date",
    "at": "datetime",
    "t": "time",
    "名": "string",
}
EXTREMES: dict[str, list[object]] = {
    "s": ["", " ", "a", "A", "Ä", "ß", "%", "_", "\\", "a%b", "浦东新区", "\U0001f600", "x" * 300, "it's", "\n"],
    "i": [0, -1, 1, 2**63 - 1, -(2**63), 9007199254740993],
    "n": [0.0, -0.0, 1.5, 1e308, -1e308, 5e-324, 0.1],
    "d": [Decimal(0), Decimal("0.10"), Decimal("333333333959500000"), Decimal("-1e-30"), Decimal(10) ** 200],
    "b": [True, False],
    "day": [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2020, 2, 29)],
    "at": [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(2020, 1, 1, 5)],
    "t": [dt.time(0), dt.time(23, 59, 59, 999999), dt.time(5, 30)],
    "名": ["值", "", "ab"],
}
ROWS = 24

text = st.one_of(st.sampled_from([str(value) for value in EXTREMES["s"]]), st.text(max_size=6)).map(
    lambda value: value.replace("\0", "")
)
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "string": text.map(lambda value: "'" + value.replace("'", "''") + "'"),
    "integer": st.one_of(st.integers(-(2**70), 2**70), st.sampled_from([0, 1, 2**63, -(2**63)])).map(str),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(
        lambda value: f"{value:f}"
    ),
    "number": st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda value: f"{Decimal(value):.6f}"),
    "boolean": st.sampled_from(["TRUE", "false"]),
    "date": st.dates().map(lambda value: f"DATE('{value.isoformat()}')"),
    "datetime": st.datetimes().map(lambda value: f"TIMESTAMP('{value.isoformat()}Z')"),
    "time": st.times().map(lambda value: f"'{value.isoformat()}'"),
}


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(list(TYPES)))
    literal = LITERALS[TYPES[name]]
    form = draw(st.sampled_from(["compare", "in", "between", "null", "like", "casei", "field"]))
    value, values = draw(literal), draw(st.lists(literal, min_size=1, max_size=3))
    word = f'"{name}"'
    has_order = TYPES[name] != "boolean"
    operator = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="] if has_order else ["=", "<>"]))
    if form == "in":
        return f"{word} IN ({', '.join(values)})"
    if form == "between" and has_order:
        return f"{word} {draw(st.sampled_from(['', 'NOT ']))}BETWEEN {value} AND {values[0]}"
    if form == "null":
        return f"{word} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    if TYPES[name] == "string" and form == "like":
        pattern = draw(st.text(alphabet="ab%_\\浦x", max_size=5))
        pattern = pattern.rstrip("\\").replace("'", "''")
        return f"{word} LIKE '{pattern}'"
    if TYPES[name] == "string" and form == "casei":
        return f"CASEI({word}) {operator} {draw(st.sampled_from([value, f'CASEI({value})']))}"
    if form == "field":
        other = draw(st.sampled_from([other for other in TYPES if TYPES[other] == TYPES[name]]))
        return f'{word} {operator} "{other}"'
    return f"{word} {operator} {value}"


filters = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(lambda one: f"NOT ({one})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
    ),
    max_leaves=5,
)


@pytest.fixture
def table(db: None) -> Iterator[list[dict[str, object]]]:
    """A table of extremes, each column with nulls too, and the same rows in Python."""
    rows = [{name: _cell(n, k, values) for k, (name, values) in enumerate(EXTREMES.items())} for n in range(ROWS)]
    columns = ", ".join(f"c{k} {PHYSICAL_TYPES[type_]}" for k, type_ in enumerate(TYPES.values()))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE extremes (n int, {columns})")
        for n, row in enumerate(rows):
            cursor.execute(f"INSERT INTO extremes VALUES ({', '.join(['%s'] * (len(TYPES) + 1))})", [n, *row.values()])
    yield [{**row, "at": _utc(row["at"])} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE extremes")


def _cell(n: int, k: int, values: list[object]) -> object:
    return None if (n + k) % 5 == 0 else values[(n * (k + 1)) % len(values)]


def _utc(moment: object) -> object:
    return moment.replace(tzinfo=dt.UTC) if isinstance(moment, dt.datetime) else moment


@settings(
    max_examples=5000 if os.environ.get("HUB_PROOF") == "long" else 300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(filters)
@example('"i" = -9223372036854775808')
def test_filter_means_the_same_in_python_and_in_sql(table: list[dict[str, object]], text: str) -> None:
    tree = bind(parse(text), TYPES)

    assert _in_sql(tree) == [evaluate(tree, row) for row in table]
    assert bind(parse(to_text(tree)), TYPES) == tree


def _in_sql(tree: Predicate) -> list[bool | None]:
    columns = {name: f"c{k}" for k, name in enumerate(TYPES)}
    where = condition(tree, lambda name: Sql(columns[name]))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {where.text} FROM extremes ORDER BY n", where.params)
        return [value for (value,) in cursor.fetchall()]
