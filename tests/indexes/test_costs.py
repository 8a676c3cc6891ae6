"""What would look at every row of a large table is refused by its shape, with what to do instead."""

from collections.abc import Callable

import pytest
from django.db import connection

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.query import door
from hub.query.params import parse_rows_query
from hub.store.models import Index, Relation
from policies.models import Rule
from tests.indexes.conftest import ROWS, Read


def indexed(dataset: Dataset, *fields: str) -> None:
    """An index as it is once it is built; what is decided looks no further."""
    Index.objects.create(dataset=dataset, fields=list(fields), origin="asked", status="ready", generation=1)
    bump_epoch()


def refusal(read: Read, **params: object) -> Invalid:
    with pytest.raises(Invalid) as refused:
        read(**params)
    return refused.value


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "flight > 10"},
        {"flight": "10"},
        {"sortby": "flight"},
        {"sortby": "-id"},
        {"sortby": "-origin"},
        {"filter": "origin = 'O7' OR flight = 3"},
        {"filter": "NOT origin = 'O7'"},
        {"filter": "CASEI(origin) = CASEI('o7')"},
        {"filter": "origin LIKE '%7'"},
        {"filter": "origin > 'O7'", "sortby": "flight"},
        {"filter": "flight > 10", "sortby": "origin"},
        {"count": "exact"},
        {"of_groups": True},
        {"of_groups": True, "groupby": "origin"},
        {"of_groups": True, "filter": "flight = 3"},
    ],
)
def test_what_no_index_serves_is_refused(flights: Dataset, read: Read, params: dict[str, object]) -> None:
    indexed(flights, "origin", "-dep_delay")

    error = refusal(read, **params)

    assert (error.status, error.code) == (400, "too-costly")
    assert Event.objects.filter(kind="rows.refused", dataset="dot.flights", details__code="too-costly").count() == 1


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"sortby": "id"},
        {"count": "estimate"},
        {"id": "7"},
        {"filter": "id BETWEEN 7 AND 9"},
        {"origin": "O7"},
        {"origin": "O7", "sortby": "flight"},
        {"origin": "O7", "count": "exact"},
        {"filter": "origin IN ('O7','O8') AND flight > 3"},
        {"filter": "origin = 'O7' OR id = 3"},
        {"filter": "origin LIKE 'O7%'"},
        {"filter": "origin >= 'O7'", "sortby": "origin,-dep_delay"},
        {"of_groups": True, "origin": "O7", "groupby": "flight"},
        {"of_groups": True, "filter": "id < 100"},
    ],
)
def test_what_an_index_or_the_key_serves_is_answered(flights: Dataset, read: Read, params: dict[str, object]) -> None:
    indexed(flights, "origin", "-dep_delay")

    assert read(**params)


def test_a_small_table_is_read_in_any_way(flights: Dataset, read: Read, settings: object) -> None:
    settings.HUB_SCAN_ROWS = ROWS  # type: ignore[attr-defined]

    assert read(filter="flight > 10")
    assert read(of_groups=True)[0]["count"] == ROWS


def test_the_whole_is_streamed_in_its_natural_order_and_in_no_other(
    flights: Dataset, ops: Callable[[], Caller], transactional_db: None
) -> None:
    whole = parse_rows_query({"limit": ["all"], "f": ["ndjson"], "filter": ["flight = 3"]})
    stream = door.stream_rows(ops(), "dot.flights", whole)
    assert b"".join(stream.chunks).count(b"\n") == 100

    for more in ({"sortby": ["flight"]}, {"limit": ["10"]}):
        part = {"limit": ["all"], "f": ["ndjson"], "filter": ["flight = 3"], **more}
        with pytest.raises(Invalid) as refused:
            door.stream_rows(ops(), "dot.flights", parse_rows_query(part))
        assert refused.value.code == "too-costly"


def test_the_hint_names_what_would_do_and_nothing_hidden(flights: Dataset, read: Read) -> None:
    indexed(flights, "ssn", "origin")
    indexed(flights, "origin")

    error = refusal(read, filter="flight > 10")

    assert error.hint == (
        "You can: filter by id, origin; take all of it with limit=all&f=ndjson; have a file made"
        " (POST /api/v1/datasets/dot.flights/exports). The dataset's owner can have an index built."
    )
    assert "ssn" not in error.message + error.hint


def test_a_hidden_field_is_unknown_whether_it_is_indexed_or_not(flights: Dataset, read: Read) -> None:
    for fields in ((), ("ssn",)):
        if fields:
            indexed(flights, *fields)
        assert refusal(read, filter="ssn = 'secret-1'").code == "unknown-field"
        assert refusal(read, filter="nothing = 'secret-1'").code == "unknown-field"


def test_what_is_refused_does_not_depend_on_cells(flights: Dataset, read: Read) -> None:
    """The same answer for a value that no row has, one that a hidden row has, and one that every row has."""
    words = {"reason": "x", "author": "a", "approver": "b", "status": "approved"}
    Rule.objects.create(key="apart", target_dataset=flights, effect="prohibit", filter="origin = 'O7'", **words)
    told = {(e.message, e.hint) for e in (refusal(read, filter=f"flight = {n}") for n in (7, 49, 10_000_000))}
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {Relation.objects.get(dataset=flights).table} SET c4 = 7")

    assert told == {(refusal(read, filter="flight = 7").message, refusal(read, filter="flight = 7").hint)}


def test_a_masked_field_is_served_by_no_index(flights: Dataset, read: Read) -> None:
    indexed(flights, "origin")
    assert read(origin="O7")
    mask = {"kind": "partial", "head": 1, "tail": 0}
    words = {"reason": "x", "author": "a", "approver": "b", "status": "approved"}
    Rule.objects.create(key="short", target_dataset=flights, target_field="origin", access=mask, **words)
    bump_epoch()

    error = refusal(read, origin="O*")

    assert error.code == "too-costly"
    assert "filter by id;" in error.hint
