"""Each access shows each value as the policy says, in JSON, whatever the session's time zone."""

import json
from decimal import Decimal
from typing import Any

import pytest

from hub.predicates import FIELD_TYPES, FieldType
from hub.store.select.values import Masked, json_key, json_text, plain_text, seen
from hub.store.sql import Sql
from policies.access import Access, seen_type
from policies.facts import FieldFacts
from tests.proofs.cells import cell
from tests.proofs.cells import text as plain
from tests.store.select.conftest import ROWS, Ask

KEY = b"k" * 32
NUMBERS = (1, 2, 10, 1000, 10**29, Decimal("0.5"), Decimal("0.25"), Decimal("1e-29"))
ACCESSES = (
    *(Access(kind) for kind in ("clear", "redact", "null", "hash")),
    *(Access("partial", head, tail) for head, tail in ((0, 0), (1, 0), (0, 1), (2, 1), (1, 3), (40, 0))),
    *(Access("round", to=to) for to in (*NUMBERS, "year", "month", "day")),
)


@pytest.fixture
def keys(ask: Ask) -> None:
    """The key of ``KEY`` as the hub keeps it, among others."""
    ask('CREATE TEMP TABLE store_hashkey (name text, "inner" bytea, "outer" bytea)')
    for name, key in (("other", b"x"), ("mine", KEY)):
        pads = (bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
        ask(Sql("INSERT INTO store_hashkey VALUES (%s, %s, %s)", (name, *pads)))


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_each_access_shows_each_value_as_the_policy_says(ask: Ask, cells: str, type_: FieldType) -> None:
    field = FieldFacts("cell", type_)
    for access in (access for access in ACCESSES if access.fits(type_)):
        mask = Masked(access.kind, access.head, access.tail, access.to or 0, "mine")
        shown = seen(f'"{type_}"', type_, mask)

        found = ask(
            "SELECT json FROM (SELECT " + _json(shown, access, type_) + f" AS json, n FROM {cells}) v ORDER BY n"
        )

        expected = [cell(row[type_], field, access, KEY) for row in ROWS]
        assert [_same(json.loads(json_)) for (json_,) in found] == [_same(value) for value in expected], access


@pytest.mark.parametrize("to", [1, 7, 10**29, Decimal("1e-29"), Decimal("1.23456789012345678901234567891")])
def test_the_largest_doubles_are_rounded_without_overflow(ask: Ask, to: int | Decimal) -> None:
    largest = 1.7976931348623157e308
    shown = seen("f", "number", Masked("round", to=to))

    found = ask("SELECT " + shown + Sql(" FROM (VALUES (%s::float8), (%s)) t (f)", (largest, -largest)))

    assert found == [(largest,), (-largest,)]


def test_a_double_is_rounded_with_all_its_digits(ask: Ask) -> None:
    shown = seen("f", "number", Masked("round", to=2))

    assert ask("SELECT " + shown + " FROM (SELECT 9007199254740991::float8 AS f) v") == [(9007199254740992.0,)]


@pytest.mark.parametrize("kind", ["hidden", "later"])
def test_what_has_no_form_has_no_expression(kind: str) -> None:
    with pytest.raises(ValueError, match=rf"^no expression shows a field as {kind}$"):
        seen("c1", "string", Masked(kind))


def test_a_date_is_cut_to_units_of_dates_only() -> None:
    with pytest.raises(ValueError, match=r"^dates are not cut to week$"):
        seen("c1", "date", Masked("round", to="week"))


@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_json_writes_each_type_in_its_own_form(ask: Ask, cells: str, type_: FieldType) -> None:
    column = f'"{type_}"'
    both = f"{json_text(column, type_)}, {json_text(column, type_, numbers_as_strings=True)}"

    found = ask(f"SELECT {both} FROM {cells} ORDER BY n")

    is_bare = type_ in ("integer", "number", "decimal", "boolean")
    for row, (bare, exact) in zip(ROWS, found, strict=True):
        if row[type_] is None:
            assert (bare, exact) == ("null", "null")
        elif is_bare:
            assert bare == plain(row[type_], type_)
            assert exact == (f'"{bare}"' if type_ in ("integer", "decimal") else bare)
        else:
            assert bare == exact
            assert json.loads(bare) == (
                row[type_] if type_ in ("string", "json", "geometry") else plain(row[type_], type_)
            )


def test_trailing_zeros_go_from_decimals_alone_and_only_where_asked(ask: Ask) -> None:
    def told(value: str, type_: FieldType, **how: bool) -> str:
        return ask(f"SELECT {plain_text(value, type_, **how)}")[0][0]

    assert told("2.50", "decimal", trimmed=True) == "2.5"
    assert told("2.50", "decimal") == "2.50"
    assert told("'2.50'", "string", trimmed=True) == "2.50"
    assert told("100", "integer", trimmed=True) == "100"


@pytest.mark.parametrize("name", ["id", "名", 'a"b', "it's", "100%", "back\\slash"])
def test_a_name_goes_out_as_it_is(ask: Ask, name: str) -> None:
    found = ask(Sql(f"SELECT {json_key(name)} WHERE %s", (True,)))

    assert found == [(json.dumps(name, ensure_ascii=False) + ":",)]


def _json(shown: Sql, access: Access, type_: FieldType) -> Sql:
    """The cell as JSON; evaluated once, as a column of its own."""
    return (
        f"(SELECT {json_text('f0', seen_type(access, type_), numbers_as_strings=True)} FROM (SELECT "
        + shown
        + " AS f0) c)"
    )


def _same(value: Any) -> Any:
    """Where a number is written 25 or 25.0 makes no difference; true is no number."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
