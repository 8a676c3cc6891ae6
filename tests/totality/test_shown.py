"""Every access shows every extreme exactly, in every format, and the intake lets in nothing that it could not show."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from connectors.batches import MISSING, batches
from hub.catalog.models import Dataset, Field
from hub.predicates import FIELD_TYPES, FieldType
from hub.query.door import RowsPage
from hub.store.intake.load import Outcome
from hub.store.models import Rejected
from hub.store.pseudonyms import hash_key_name
from policies.access import CLEAR, Access, seen_type
from tests.totality import oracle
from tests.totality.conftest import KEY
from tests.totality.extremes import ACCESSES, NULLS, REFUSED, STORED, TOO_MUCH, fitting, named, rows

pytestmark = pytest.mark.django_db(transaction=True)

Row = dict[str, Any]
_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def test_what_cannot_be_shown_is_refused(dataset: Dataset, load: Callable[..., Outcome]) -> None:
    cells = [(type_, text) for type_, texts in REFUSED.items() for text in texts]

    outcome = load([{"id": str(n), type_: text} for n, (type_, text) in enumerate(cells)])

    assert outcome.inserted == 0
    assert list(Rejected.objects.order_by("position").values_list("field", "rule")) == [(t, "type") for t, _ in cells]


def test_one_cell_too_large_or_too_deep_is_kept_out_and_the_rest_comes_in(
    dataset: Dataset, load: Callable[..., Outcome], read: Callable[..., RowsPage]
) -> None:
    cells = [{"id": str(n), type_: text} for n, (type_, text, _) in enumerate(TOO_MUCH)]

    outcome = load([*cells, {"id": "-1", "json": "[1e99]", "string": "x"}])

    assert outcome.inserted == 1
    assert list(Rejected.objects.order_by("position").values_list("field", "rule")) == [
        (type_, rule) for type_, _, rule in TOO_MUCH
    ]
    assert [row["id"] for row in oracle.exact(f"[{read().rows}]")] == [-1]


def test_null_of_json_is_a_missing_value_everywhere(
    dataset: Dataset, load: Callable[..., Outcome], read: Callable[..., RowsPage], stream: Callable[..., str]
) -> None:
    texts = [*NULLS["json"], None, '"null"', "[null]"]
    load([{"id": str(n), "json": text} for n, text in enumerate(texts)])

    (missing, present) = (read(filter=f"json IS {word}", properties="id").rows for word in ("NULL", "NOT NULL"))

    assert [row["id"] for row in oracle.exact(f"[{missing}]")] == [0, 1, 2]
    assert [row["id"] for row in oracle.exact(f"[{present}]")] == [3, 4]
    assert stream("dot", f="csv", properties="json").split("\r\n")[1:-1] == ["", "", "", '"""null"""', "[null]"]
    Field.objects.filter(name="json").update(is_required=True)
    assert load([{"id": str(n), "json": text} for n, text in enumerate(texts, start=10)]).inserted == 2
    assert {*Rejected.objects.values_list("field", "rule")} == {("json", "required")}


@pytest.mark.parametrize("text", ["\0", "a\0", "a\0b", MISSING + "x", "\0" + MISSING])
def test_nul_is_refused_before_it_reaches_the_database(text: str) -> None:
    (batch,) = batches(("string", "json"), [(1, (text, "{}")), (2, ("{}", text)), (3, ("x", "{}"))])

    assert [(reject.position, reject.code) for reject in batch.rejects] == [(1, "nul"), (2, "nul")]


def test_stored_values_are_those_that_were_sent(extremes: Dataset, stream: Callable[..., str]) -> None:
    plain = _plain(stream)

    for row, sent in zip(plain, rows(), strict=True):
        for type_ in FIELD_TYPES:
            assert _typed(type_, row[type_]) == _typed(type_, sent[type_]), (type_, row["id"])


@pytest.mark.parametrize("access", ACCESSES, ids=named)
def test_every_format_shows_exactly_what_the_access_says(
    extremes: Dataset,
    mask: Callable[[Mapping[str, Access]], None],
    read: Callable[..., RowsPage],
    stream: Callable[..., str],
    access: Access,
) -> None:
    accesses = fitting(access)
    mask(accesses)
    types: dict[str, FieldType] = {type_: seen_type(accesses.get(type_, CLEAR), type_) for type_ in FIELD_TYPES}
    expected = [_shown(row, accesses) for row in _plain(stream)]

    page, strings = read(), read(numbers="string")
    given = {
        "json": [_read(row, types, _value) for row in oracle.exact(f"[{page.rows}]")],
        "strings": [_read(row, types, _value) for row in oracle.exact(f"[{strings.rows}]")],
        "ndjson": [_read(oracle.exact(line), types, _value) for line in stream(f="ndjson").split("\n")[:-1]],
        "csv": [_read(row, types, _typed) for row in oracle.table(stream(f="csv"))],
        "safe": [_read(row, types, _typed) for row in oracle.table(stream(f="csv", csv="safe"))],
    }

    for form in given:
        wanted = [_defused(row, types) for row in expected] if form == "safe" else expected
        assert given[form] == wanted, form
    assert all(
        isinstance(row[type_], str | None)
        for row in oracle.exact(f"[{strings.rows}]")
        for type_ in ("integer", "decimal")
    )


@pytest.mark.parametrize("to", ["1.23456789012345678901234567891", "0." + "0" * 28 + "123456789012345678901234567891"])
def test_step_keeps_all_its_digits(to: str) -> None:
    access = Access.parse({"kind": "round", "to": to})

    assert access.to == Decimal(to)
    assert Access.parse(access.as_json()) == access


@pytest.mark.parametrize("type_", ["boolean", "time", "json", "geometry", "integer"])
def test_field_is_hidden_behind_a_rounding_that_its_type_has_not(
    dataset: Dataset,
    load: Callable[..., Outcome],
    mask: Callable[[Mapping[str, Access]], None],
    read: Callable[..., RowsPage],
    type_: FieldType,
) -> None:
    load([{"id": "1", type_: STORED[type_][1]}])
    mask({type_: Access("round", to=Decimal("2.5"))})

    (row,) = oracle.exact(f"[{read().rows}]")

    assert set(row) == {"id", *FIELD_TYPES} - {type_}


def test_every_field_has_its_extremes_and_a_null() -> None:
    assert set(STORED) == set(FIELD_TYPES)
    assert all(rows()[-1][type_] is None for type_ in FIELD_TYPES)


def _plain(stream: Callable[..., str]) -> list[dict[str, str | None]]:
    """The rows as their owner sees them, as texts: what masks are made from."""
    return oracle.table(stream("dot", f="csv"))


def _shown(row: Mapping[str, str | None], accesses: Mapping[str, Access]) -> Row:
    return {
        type_: oracle.shown(type_, row[type_], accesses.get(type_, CLEAR), hash_key_name("ops", KEY, type_, ""))
        for type_ in FIELD_TYPES
    }


def _read(row: Mapping[str, Any], types: Mapping[str, FieldType], cell: Callable[[FieldType, Any], Any]) -> Row:
    return {name: cell(type_, row[name]) for name, type_ in types.items()}


def _value(type_: FieldType, cell: Any) -> Any:
    """A cell of JSON, where some types are JSON's own."""
    return cell if type_ in ("json", "geometry") or isinstance(cell, bool) else _typed(type_, cell)


def _typed(type_: FieldType, text: Any) -> Any:
    return None if text is None else oracle.typed(type_, str(text))


def _defused(row: Row, types: Mapping[str, FieldType]) -> Row:
    """Texts that a spreadsheet would run begin with an apostrophe."""
    return {
        name: f"'{value}" if types[name] == "string" and value and value.startswith(_SPREADSHEET) else value
        for name, value in row.items()
    }
