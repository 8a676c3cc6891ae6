"""What a field may declare; whatever passes, PostgreSQL takes as a bound, a pattern or a code."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from django.db import connection

from hub.catalog.fields import check_fields
from hub.store.tables import PHYSICAL_TYPES

pytestmark = pytest.mark.django_db


def _faults(**field: Any) -> list[tuple[str, str]]:
    return [(error.field, error.code) for error in check_fields([{"name": "x", "type": "string", **field}])]


@pytest.mark.parametrize("name", ["a", "A1", "wind_speed", "名字", "été", "x_1", "a" * 60, "Ω", "हिन्दी", "ชื่อ"])
def test_name_in_any_script_is_taken(name: str) -> None:
    assert _faults(name=name) == []


@pytest.mark.parametrize(
    "name", ["", "_a", "a_", "a__b", "1a", "a b", "a-b", "a.b", "a\n", "a" * 61, 'a"', "²", "x²", "e\u0301", None, 7]
)
def test_name_of_another_form_is_refused(name: object) -> None:
    assert _faults(name=name) == [("fields[0].name", "invalid")]


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ({"type": "text"}, ("type", "invalid")),
        ({"type": None}, ("type", "invalid")),
        ({"type": ["string"]}, ("type", "invalid")),
        ({"sensitivity": "secret"}, ("sensitivity", "invalid")),
        ({"title": 7}, ("title", "invalid")),
        ({"title": "x" * 201}, ("title", "too-long")),
        ({"unit": "x" * 61}, ("unit", "too-long")),
        ({"link": "a\0b"}, ("link", "invalid")),
        ({"secret": 1}, ("secret", "invalid")),
        ({"required": "no"}, ("required", "invalid")),
        ({"colour": "red"}, ("colour", "unknown")),
    ],
)
def test_key_is_refused_at_its_place(field: dict[str, Any], fault: tuple[str, str]) -> None:
    assert _faults(**field) == [(f"fields[0].{fault[0]}", fault[1])]


BOUNDS = [
    ("integer", 0),
    ("integer", -(2**63)),
    ("integer", 2**63 - 1),
    ("integer", "+7"),
    ("number", 1.5),
    ("number", 1e22),
    ("number", "5e-324"),
    ("number", "1.7976931348623157e308"),
    ("decimal", "123456789012345678901234567890.123456789"),
    ("decimal", ".5"),
    ("date", date(2024, 2, 29)),
    ("date", "0001-01-01"),
    ("datetime", datetime(2024, 1, 1, 12, tzinfo=UTC)),
    ("datetime", "2024-01-01T12:00Z"),
    ("datetime", "2024-01-01 12:00:00.123456+08:00"),
    ("time", time(23, 59, 59)),
    ("time", "00:00"),
]


@pytest.mark.parametrize(("type_", "bound"), BOUNDS)
def test_bound_that_is_taken_is_one_to_postgresql_too(type_: Any, bound: Any) -> None:
    assert _faults(type=type_, min=bound) == []

    text = bound.isoformat() if hasattr(bound, "isoformat") else str(bound)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{PHYSICAL_TYPES[type_]} IS NOT NULL", [text])
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize(
    ("type_", "bound"),
    [
        ("integer", 2**63),
        ("integer", 1.5),
        ("integer", "1_000"),
        ("integer", " 5"),
        ("integer", "５"),
        ("integer", True),
        ("integer", []),
        ("number", "inf"),
        ("number", "nan"),
        ("number", "1e400"),
        ("number", "1e-400"),
        ("decimal", "1e9999"),
        ("decimal", "1,5"),
        ("date", "20240101"),
        ("date", "2024-W01-1"),
        ("date", "2023-02-29"),
        ("date", "today"),
        ("datetime", "2024-01-01"),
        ("datetime", "now"),
        ("time", "24:00"),
        ("time", "12:00+01:00"),
        ("time", "noon"),
    ],
)
def test_bound_of_another_type_or_form_is_refused(type_: str, bound: Any) -> None:
    assert _faults(type=type_, max=bound) == [("fields[0].max", "invalid")]


@pytest.mark.parametrize("type_", ["string", "boolean", "json", "geometry"])
def test_type_without_an_order_has_no_bounds(type_: str) -> None:
    assert _faults(type=type_, min=1, max=2) == [("fields[0].min", "invalid"), ("fields[0].max", "invalid")]


@pytest.mark.parametrize(
    ("type_", "low", "high"),
    [
        ("integer", 2, 1),
        ("integer", 10, 9),
        ("decimal", "1.10", "1.09"),
        ("date", "2024-02-01", "2024-01-31"),
        ("datetime", "2024-01-01T12:00Z", "2024-01-01T12:00+01:00"),
    ],
)
def test_max_is_not_below_min(type_: str, low: Any, high: Any) -> None:
    assert _faults(type=type_, min=low, max=high) == [("fields[0].max", "invalid")]
    assert _faults(type=type_, min=high, max=low) == []
    assert _faults(type=type_, min=low, max=low) == []


@pytest.mark.parametrize("pattern", ["[A-Z]{3}", "a|b", "^x$", "(ab)+", r"\d{4}-\d{2}", "[一-龥]+"])
def test_pattern_is_taken(pattern: str) -> None:
    assert _faults(pattern=pattern) == []


@pytest.mark.parametrize("pattern", ["(", "a)|(b", "[", "*", "(?P<n>x)", "(?i)x", "a{2,1}", "x" * 501, "a\0b", 7])
def test_pattern_that_postgresql_does_not_read_is_refused(pattern: object) -> None:
    assert _faults(pattern=pattern) == [("fields[0].pattern", "invalid")]


def test_only_texts_have_a_pattern() -> None:
    assert _faults(type="integer", pattern="1") == [("fields[0].pattern", "invalid")]
    assert _faults(type="integer", pattern="") == []


@pytest.mark.parametrize(
    ("type_", "codes"),
    [("string", ["a", "b"]), ("string", []), ("integer", [1, 2]), ("decimal", ["1.10"]), ("date", ["2024-01-01"])],
)
def test_codes_of_the_type_are_taken(type_: str, codes: list[Any]) -> None:
    assert _faults(type=type_, codes=codes) == []


@pytest.mark.parametrize(
    ("type_", "codes"),
    [
        ("string", "ab"),
        ("string", {"a": 1}),
        ("string", ["a", "a"]),
        ("string", [None]),
        ("string", [True]),
        ("string", [["a"]]),
        ("string", ["a\0"]),
        ("integer", ["one"]),
        ("integer", [1, "1"]),
        ("boolean", [True]),
        ("json", [1]),
        ("geometry", ["x"]),
    ],
)
def test_codes_that_do_not_fit_are_refused(type_: str, codes: Any) -> None:
    assert _faults(type=type_, codes=codes) == [("fields[0].codes", "invalid")]
