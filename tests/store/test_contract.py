"""Which texts are values of which type, decided in SQL."""

import pytest
from django.db import connection

from hub.predicates import FieldType
from hub.store.intake.contract import FieldContract

GOOD: dict[FieldType, list[str]] = {
    "string": ["", " ", "x" * 5000, "浦东新区", "a\tb\nc"],
    "integer": ["0", "-7", "+5", "9223372036854775807", "-9223372036854775808", "007"],
    "number": ["1.5", "-2e10", ".5", "3.", "1e308", "0"],
    "decimal": ["333333333959500000", "9007199254740993", "0.10", "-.5", "1e3"],
    "boolean": ["true", "FALSE", "t", "0", "1"],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "datetime": [
        "2013-01-01T05:00:00Z",
        "2013-01-01 05:00",
        "2013-01-01T05:00:00.123456+08:00",
        "2013-01-01T05:00-0330",
    ],
    "time": ["00:00", "23:59:59.999999"],
    "json": ['{"a": [1, 2.50]}', '"x"'],
    "geometry": ['{"type": "Point", "coordinates": [1, 2]}'],
}
BAD: dict[FieldType, list[str]] = {
    "integer": ["", "+", "1-2", "--1", " 1", "1.0", "1e3", "0x1F", "9223372036854775808", "1_000", "١"],
    "number": ["", "NaN", "infinity", "1e999", "0x1p3", "1,5"],
    "decimal": ["", "NaN", "Infinity", "1e9999", "1_0", "."],
    "boolean": ["", "y", "yes", "on", "2"],
    "date": [
        "",
        "-001-01-01",
        "20-3-02-29",
        "--------01",
        "today",
        "infinity",
        "01/02/2020",
        "2023-02-29",
        "2020-1-1",
        "20200101",
        "2020-01-01 BC",
    ],
    "datetime": [
        "",
        "2013-01-01TTT:TT:TTZ",
        "2013-01-01 05:00:00+00Z",
        "----------T05:00:00Z",
        "2013-01-01 05:0+:00",
        "now",
        "2013-01-01",
        "2013-13-01T00:00",
        "2013-01-01T25:00",
        "2013-01-01T00:00 PST",
    ],
    "time": ["", "24:61", "5:00", "noon", "allballs"],
    "json": ["", "{", "{'a': 1}", '"\\u0000"'],
    "geometry": ["", "1", "[]", '{"coordinates": []}', '{"type": 1}'],
}


@pytest.mark.django_db
@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, texts in GOOD.items() for text in texts])
def test_value_of_its_type_is_taken_and_typed(type_: FieldType, text: str) -> None:
    field = FieldContract("x", "c1", type_)

    assert _fault(field, text) is None
    assert _typed(field, text) is not None


@pytest.mark.django_db
@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, texts in BAD.items() for text in texts])
def test_text_that_is_no_value_of_the_type_is_a_fault(type_: FieldType, text: str) -> None:
    assert _fault(FieldContract("x", "c1", type_), text) == "type"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "text", "rule"),
    [
        (FieldContract("x", "c1", "decimal", maximum="200"), "1048.36", "max"),
        (FieldContract("x", "c1", "decimal", maximum="200"), "200", None),
        (FieldContract("x", "c1", "integer", minimum="0"), "-1", "min"),
        (FieldContract("x", "c1", "date", minimum="2000-01-01"), "1999-12-31", "min"),
        (FieldContract("x", "c1", "datetime", maximum="2020-01-01T00:00:00Z"), "2020-01-01T01:00+00:30", "max"),
        (FieldContract("x", "c1", "string", pattern="[A-Z]{3}"), "JFKX", "pattern"),
        (FieldContract("x", "c1", "string", pattern="A|B"), "AB", "pattern"),
        (FieldContract("x", "c1", "string", pattern="A|B"), "B", None),
        (FieldContract("x", "c1", "string", codes=("N", "S")), "E", "codes"),
        (FieldContract("x", "c1", "string", codes=("N", "S")), "S", None),
        (FieldContract("x", "c1", "string", is_required=True), None, "required"),
        (FieldContract("x", "c1", "integer"), None, None),
        (FieldContract("x", "c1", "json"), "null", None),
        (FieldContract("x", "c1", "json", is_required=True), "null", "required"),
        (FieldContract("x", "c1", "json", is_required=True), "{", "type"),
    ],
)
def test_first_rule_broken_is_named(field: FieldContract, text: str | None, rule: str | None) -> None:
    assert _fault(field, text) == rule


@pytest.mark.django_db
def test_datetimes_are_stored_in_utc() -> None:
    field = FieldContract("x", "c1", "datetime")

    assert str(_typed(field, "2013-01-01T05:00:00+08:00")) == "2012-12-31 21:00:00"
    assert str(_typed(field, "2013-01-01 05:00:00")) == "2013-01-01 05:00:00"


def _fault(field: FieldContract, text: str | None) -> str | None:
    fault = field.fault()
    return _one(f"SELECT {fault.text} FROM (SELECT %s::text AS c1 OFFSET 0) s", (*fault.params, text))  # type: ignore[return-value]


def _typed(field: FieldContract, text: str) -> object:
    return _one(f"SELECT {field.typed()} FROM (SELECT %s::text AS c1 OFFSET 0) s", (text,))


def _one(statement: str, params: tuple[object, ...]) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()[0]
