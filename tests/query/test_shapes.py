"""Reads that differ in values alone have one statement, which is planned once; all others are planned by themselves."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, connections

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import create_client, issue_token
from hub.accounts.models import Agency, Token
from hub.accounts.queries import caller_for_token
from hub.catalog.models import Dataset
from hub.errors import NotFound, Unauthenticated
from hub.predicates import Comparison, Literal, Name
from hub.query import statements
from hub.query.door import RowsPage, read_row
from hub.query.params import parse_rows_query
from hub.query.views import open_view
from hub.store.models import Relation
from hub.store.select.gate import Reading

Read = Callable[..., RowsPage]
Planned = Callable[..., int]
READING = Reading(UUID(int=1), "rows.read", "ops", "ops/app", "dot.flights", {})


def ids(page: RowsPage) -> list[int]:
    return [row["id"] for row in json.loads(f"[{page.rows}]")]


@pytest.fixture
def planned(flights: Dataset, read: Read) -> Planned:
    """Read; answers how many statements were planned for it that the connection keeps."""

    def kept(**params: str) -> int:
        before = _known()
        read(**params)
        return len(_known() - before)

    return kept


@pytest.fixture
def keyed(flights: Dataset) -> Dataset:
    """The same rows by two fields, of which the first has no value in every third row."""
    Dataset.objects.filter(pk=flights.pk).update(primary_key=["tailnum", "id"])
    relation = Relation.objects.get(dataset=flights)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {relation.table} SET c5 = NULL WHERE c5 = 'N0'")
    Relation.objects.filter(pk=relation.pk).update(null_columns=["c5"])
    return flights


def test_values_of_the_key_and_of_positions_are_no_part_of_a_statement(read: Read, planned: Planned) -> None:
    first = read(limit="3")
    second = read(limit="3", cursor=first.next or "")

    assert planned(id="5") == 1
    assert planned(id="6") == planned(limit="3") == planned(limit="3", cursor=second.next or "") == 0
    assert planned(limit="4") == planned(limit="3", properties="id") == planned(limit="3", count="exact") == 1
    assert planned(limit="3", cursor=read(limit="3", count="exact").next or "", count="exact") == 1


def test_values_that_a_plan_should_look_at_are_part_of_it(planned: Planned) -> None:
    assert planned(filter="id > 3") == planned(sortby="-id") == planned(tailnum="N1") == 0
    assert planned(id="3", tailnum="N0") == planned(id="3", sortby="id") == planned(id="3", filter="id < 9") == 0


def test_where_the_key_is_not_seen_nothing_is_looked_up_by_it(
    rule: Callable[..., object], ops: Caller, planned: Planned
) -> None:
    rule(target_field="id", access={"kind": "round", "to": 10}, effect="")

    assert planned(id="10") == 0


def test_a_statement_is_made_once_for_a_view(ops: Caller) -> None:
    view, query = open_view(ops, "dot.flights"), parse_rows_query({"limit": ["3"]})
    shape, _ = statements._shaped(view, query) or pytest.fail("It has a shape.")

    made = statements._statement(view, query, shape)

    assert statements._statement(view, query, shape) is made
    assert statements._statement(view, query, shape._replace(limit=4)) is not made
    assert statements._statement(open_view(ops, "dot.flights", is_stale=True), query, shape) is not made


@pytest.mark.usefixtures("keyed")
def test_rows_are_found_by_each_part_of_their_key(ops: Caller) -> None:
    def found(*key: str | None) -> list[int]:
        return ids(read_row(ops, "dot.flights", key))

    for _ in range(2):
        assert (found("N1", "1"), found("N1", "4"), found("N2", "5")) == ([1], [4], [5])
        assert (found(None, "3"), found(None, "6")) == ([3], [6])
        for other in (("N1", "5"), ("N1", "3"), (None, "1"), ("1", "1")):
            with pytest.raises(NotFound):
                found(*other)


@pytest.mark.usefixtures("keyed")
def test_pages_go_on_behind_parts_of_a_key_without_a_value(read: Read) -> None:
    expected = sorted(range(1, 21), key=lambda id: (id % 3 == 0, id % 3, id))
    for limit in ("3", "7"):
        walked: list[int] = []
        cursor: dict[str, str] = {}
        while len(walked) < 20:
            page = read(limit=limit, **cursor)
            walked += ids(page)
            cursor = {"cursor": page.next or "there is no more"}
        assert walked == expected
        assert page.next is None


def test_each_shape_has_its_own_answer(read: Read) -> None:
    for _ in range(2):
        assert json.loads(read(id="4", properties="id,delay").rows) == {"id": 4, "delay": 6.0}
        for asked in ({"id": "4"}, {"filter": "id = 4"}):
            exact = read(**asked, properties="id,delay", numbers="string")
            assert json.loads(exact.rows) == {"id": "4", "delay": "6.00"}
        assert [read(limit="2", count=count).count for count in ("none", "exact")] == [None, 20]
        assert ids(read(limit="2")) == [1, 2]
        assert ids(read(limit="3")) == [1, 2, 3]


@pytest.mark.parametrize("asked", [{}, {"filter": ["id > 1"]}])
def test_an_estimate_counts_one_further_than_it_tells(
    ops: Caller, monkeypatch: pytest.MonkeyPatch, asked: dict[str, list[str]]
) -> None:
    monkeypatch.setattr(statements, "ESTIMATED", 5)
    view, query = open_view(ops, "dot.flights"), parse_rows_query({**asked, "count": ["estimate"]})

    *_, count = statements.read_page(view, query, READING) or pytest.fail("The pass holds.")

    assert count == 6


def test_a_token_that_ended_reads_nothing_by_a_statement_that_is_kept(flights: Dataset, read: Read) -> None:
    client = create_client(actor=HUB, agency=Agency.objects.get(code="ops"), name="app")
    caller = caller_for_token(issue_token(actor=HUB, client=client)[1])
    assert caller is not None
    assert ids(read(caller, limit="2")) == [1, 2]

    Token.objects.all().delete()

    with pytest.raises(Unauthenticated):
        read(caller, limit="2")


def test_what_is_no_equality_has_no_shape() -> None:
    with pytest.raises(TypeError, match="a read by the key asks for no Comparison"):
        statements._asked(Comparison("<", Name("id", "integer"), Literal(1, "integer")))


def _known() -> set[str]:
    with connections["serving"].cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}
