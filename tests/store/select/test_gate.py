"""A read under a pass that is void gives no row and leaves no event; one that holds gives both, in one statement."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from hub.store.select.gate import (
    MAX_PAGE,
    PASSED,
    Pass,
    Reading,
    audited,
    audited_page,
    closing,
    gate_sql,
    opening,
    still_open,
    unrecorded,
)
from hub.store.select.relation import Order, Selection, Shown, rows_sql
from hub.store.sql import Sql
from tests.store.select.conftest import Ask, plain_row

TOKEN = UUID(int=1)
HELD = Pass(relation=7, generation=3, epoch=40, token=TOKEN)
READING = Reading(
    id=UUID(int=9),
    kind="rows.read",
    agency="bb",
    actor="bb/app",
    dataset="aa.d1",
    details={"filter": "名 = 'a%'", "rows": -1},
)
VERSION = 12
N = Shown("n", "integer", Sql("n"), is_plain=True, never_null=True)
VOID = {
    "relation": "UPDATE store_relation SET id = 8",
    "generation": "UPDATE store_relation SET generation = 4",
    "epoch": "UPDATE accounts_epoch SET value = 41",
    "token": f"UPDATE accounts_token SET id = '{UUID(int=2)}'",
    "revoked": "UPDATE accounts_token SET revoked_at = now()",
    "expired": "UPDATE accounts_token SET expires_at = statement_timestamp()",
}


@pytest.fixture(autouse=True)
def state(ask: Ask) -> None:
    """The state under which ``HELD`` holds, and another dataset's."""
    ask("CREATE TEMP TABLE store_relation (id bigint, generation int, version int, synced_at timestamptz)")
    ask("CREATE TEMP TABLE accounts_epoch (value bigint)")
    ask("CREATE TEMP TABLE accounts_token (id uuid, revoked_at timestamptz, expires_at timestamptz)")
    ask("CREATE TEMP TABLE audit_event (id uuid, kind text, agency text, actor text, dataset text, details jsonb)")
    ask(Sql("INSERT INTO store_relation VALUES (7, 3, %s), (9, 3, 99)", (VERSION,)))
    ask("INSERT INTO accounts_epoch VALUES (40)")
    ask(Sql("INSERT INTO accounts_token VALUES (%s, NULL, now() + interval '1 hour')", (str(TOKEN),)))


@pytest.fixture
def view(cells: str) -> Selection:
    """Eight rows."""
    return Selection(cells, (N,), where=(Sql("n < %s", (8,)),), order=(Order(N),), limit=3)


@pytest.fixture
def page(ask: Ask, view: Selection) -> Callable[..., list[tuple[Any, ...]]]:
    def asked(held: Pass = HELD, count_to: int | None = None, **changed: Any) -> list[tuple[Any, ...]]:
        selection = replace(view, **changed)
        return ask(audited(held, READING, selection, plain_row(selection.fields), count_to))

    return asked


def test_a_page_tells_its_rows_whether_there_are_more_and_where_it_ends(page: Callable[..., Any]) -> None:
    assert page() == [(VERSION, True, "0,1,2", 4, ["2"], None)]
    assert page(after=("2",)) == [(VERSION, True, "3,4,5", 4, ["5"], None)]
    assert page(after=("5",)) == [(VERSION, True, "6,7", 2, ["7"], None)]
    assert page(limit=1) == [(VERSION, True, "0", 2, ["0"], None)]
    assert page(limit=8) == [(VERSION, True, "0,1,2,3,4,5,6,7", 8, ["7"], None)]


def test_a_page_beyond_the_end_is_empty(page: Callable[..., Any]) -> None:
    assert page(after=("7",)) == [(VERSION, True, None, 0, None, None)]


@pytest.mark.parametrize("limit", [0, None])
def test_a_page_of_no_rows_tells_whether_there_are_any(ask: Ask, page: Callable[..., Any], limit: int | None) -> None:
    assert page(limit=limit)[0][:4] == (VERSION, True, None, 1)
    assert ask("SELECT details->'rows' FROM audit_event") == [(0,)]


def test_a_page_that_is_too_large_tells_so_and_shows_nothing(ask: Ask, view: Selection) -> None:
    row = f"repeat('x', {MAX_PAGE // 2 + 1})"

    assert ask(audited(HELD, READING, replace(view, limit=2), row, None)) == [(VERSION, False, None, 3, ["1"], None)]
    assert [details["rows"] for *_, details in _events(ask)] == [0]


def test_a_count_goes_as_far_as_asked(page: Callable[..., Any]) -> None:
    assert page(count_to=0)[0][5] == 8
    assert page(count_to=5)[0][5] == 5
    assert page(count_to=1)[0][5] == 1
    assert page(count_to=0, after=("5",))[0][5] == 8


def test_a_page_of_any_other_statement_tells_the_same(ask: Ask, view: Selection) -> None:
    """So do those of a change feed."""
    page = rows_sql(replace(view, limit=4), plain_row(view.fields), PASSED)

    assert ask(audited_page(HELD, READING, page, 1, 3)) == [(VERSION, True, "0,1,2", 4, ["2"], None)]
    assert ask(audited_page(HELD, READING, page, 1, 9, Sql("%s::bigint", (5,)))) == [
        (VERSION, True, "0,1,2,3", 4, ["3"], 5)
    ]
    assert [(who, details["rows"]) for *who, details in _events(ask)] == [([*_who("rows.read")], n) for n in (3, 4)]


def test_a_page_whose_event_follows_tells_the_same_and_leaves_none(ask: Ask, view: Selection) -> None:
    without = replace(HELD, token=None)

    assert ask(unrecorded(HELD, view, plain_row(view.fields), 0)) == [(VERSION, True, "0,1,2", 4, ["2"], 8)]
    assert ask(unrecorded(without, view, plain_row(view.fields), None)) == [(VERSION, True, "0,1,2", 4, ["2"], None)]
    ask("DELETE FROM accounts_token")
    assert ask(unrecorded(HELD, view, plain_row(view.fields), 0)) == []
    assert ask(unrecorded(without, view, plain_row(view.fields), 0)) == [(VERSION, True, "0,1,2", 4, ["2"], 8)]
    assert _events(ask) == []


def test_a_page_leaves_the_event_of_what_was_shown(ask: Ask, page: Callable[..., Any]) -> None:
    page()

    assert _events(ask) == [(*_who("rows.read"), {"filter": "名 = 'a%'", "rows": 3})]


def test_the_last_pages_event_says_how_many_rows_it_had(ask: Ask, page: Callable[..., Any]) -> None:
    page(after=("5",))

    assert [details["rows"] for *_, details in _events(ask)] == [2]


@pytest.mark.parametrize("void", VOID)
def test_a_void_pass_gives_no_row_and_leaves_no_event(
    ask: Ask, page: Callable[..., Any], view: Selection, void: str
) -> None:
    ask(VOID[void])

    assert page(count_to=0) == []
    assert ask(unrecorded(HELD, view, plain_row(view.fields), 0)) == []
    assert ask(audited_page(HELD, READING, rows_sql(view, plain_row(view.fields), PASSED), 1, 3)) == []
    assert ask(opening(HELD, READING)) == []
    assert ask(gate_sql(HELD)) == []
    assert ask(still_open(HELD, pointer=True)) == []
    assert _events(ask) == []


def test_a_caller_without_a_token_needs_none(ask: Ask, page: Callable[..., Any]) -> None:
    ask("DELETE FROM accounts_token")

    assert page() == []
    two = Sql("SELECT 'x' AS row, 1 AS o0, NULL::date AS o1")
    assert ask(audited_page(replace(HELD, token=None), READING, two, 2, 1)) == [
        (VERSION, True, "x", 1, ["1", None], None)
    ]
    assert page(replace(HELD, token=None)) == [(VERSION, True, "0,1,2", 4, ["2"], None)]


def test_a_stream_opens_with_its_event(ask: Ask) -> None:
    assert ask(opening(HELD, READING)) == [(VERSION,)]
    assert _events(ask) == [(*_who("rows.read"), {"filter": "名 = 'a%'", "rows": -1})]
    assert ask(gate_sql(HELD)) == [(VERSION, None)]


def test_a_stream_goes_on_over_the_rows_that_it_began_with(ask: Ask) -> None:
    assert ask(still_open(HELD)) == ask(still_open(HELD, pointer=True)) == [(True,)]

    ask(VOID["generation"])

    assert ask(still_open(HELD)) == [(True,)]
    assert ask(still_open(HELD, pointer=True)) == []


@pytest.mark.parametrize("void", [void for void in VOID if void != "generation"])
def test_a_stream_ends_when_its_pass_is_void(ask: Ask, void: str) -> None:
    ask(VOID[void])

    assert ask(still_open(HELD)) == []


def test_a_stream_closes_with_its_event_whatever_has_become_of_its_pass(ask: Ask) -> None:
    ask(VOID["epoch"])

    assert ask(closing(replace(READING, kind="rows.streamed", details={"outcome": "revoked"}))) == [(True,)]
    assert _events(ask) == [(*_who("rows.streamed"), {"outcome": "revoked"})]


def _who(kind: str) -> tuple[str, ...]:
    return (str(READING.id), kind, "bb", "bb/app", "aa.d1")


def _events(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT id::text, kind, agency, actor, dataset, details FROM audit_event")
