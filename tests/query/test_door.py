"""Rows leave through one door: masked, filtered, paged and written down."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import bump_epoch, create_client, issue_token
from hub.accounts.models import Agency, Membership, Token, User
from hub.accounts.queries import caller_for_token, current_epoch
from hub.audit.models import Event
from hub.catalog.commands import set_fields
from hub.catalog.models import Dataset
from hub.errors import Forbidden, Invalid, NotFound, Unauthenticated
from hub.query import door
from hub.query.params import parse_rows_query
from hub.store.models import Relation
from policies.models import Rule

Read = Callable[..., door.RowsPage]
YESTERDAY = now() - timedelta(days=1)


def rows(page: door.RowsPage) -> list[dict[str, Any]]:
    return json.loads(f"[{page.rows}]")


def test_page_is_ordered_by_the_key_and_hides_what_is_personal(flights: Dataset, read: Read) -> None:
    page = read(limit="2")

    assert page.rows.startswith(
        '{"id":1,"名字":"名1","delay":1.50,"at":"2020-01-01T00:01:00Z","tailnum":"N1","ratio":0.25'
    )
    assert "secret" not in page.rows
    assert [row["id"] for row in rows(page)] == [1, 2]


def test_owner_sees_everything_in_clear(flights: Dataset, read: Read, ops: Caller) -> None:
    page = read(replace(ops, agency="dot"), limit="1")

    assert rows(page)[0]["ssn"] == "secret-1"


@pytest.mark.parametrize("sortby", ["", "-delay", "ok,-id", "-day,名字", "tailnum", "ratio"])
def test_pages_together_are_the_whole_view_once(flights: Dataset, read: Read, sortby: str) -> None:
    params = {"limit": "3", **({"sortby": sortby} if sortby else {})}
    seen, page = [], read(**params)
    seen += rows(page)
    while page.next:
        page = read(**params, cursor=page.next)
        seen += rows(page)

    assert [row["id"] for row in seen] == [row["id"] for row in rows(read(**{**params, "limit": "20"}))]
    assert sorted(row["id"] for row in seen) == list(range(1, 21))


def test_every_read_leaves_an_event_with_its_receipt(flights: Dataset, read: Read) -> None:
    page = read(filter="delay > 6", limit="5")

    event = Event.objects.get(kind="rows.read")
    assert event.id == page.receipt
    assert (event.agency, event.actor, event.dataset) == ("ops", "reader@ops.example", "dot.flights")
    assert event.details == {"format": "json", "limit": 5, "filter": "delay > 6", "rows": 5}


@pytest.mark.parametrize(
    "params",
    [
        {"ssn": "secret-1"},
        {"filter": "ssn = 'secret-1'"},
        {"filter": "ssn IS NULL"},
        {"filter": "CASEI(ssn) LIKE 's%'"},
        {"sortby": "ssn"},
        {"sortby": "-ssn"},
        {"properties": "id,ssn"},
    ],
)
def test_hidden_field_behaves_as_one_that_does_not_exist(flights: Dataset, read: Read, params: dict[str, str]) -> None:
    with pytest.raises(Invalid) as hidden:
        read(**params)
    with pytest.raises(Invalid) as unknown:
        read(**{name.replace("ssn", "xyz"): value.replace("ssn", "xyz") for name, value in params.items()})

    said = hidden.value
    assert (said.code, said.message.replace("ssn", "xyz"), said.hint) == (
        unknown.value.code,
        unknown.value.message,
        unknown.value.hint,
    )


def test_hashed_field_is_filtered_and_sorted_by_its_hash(
    flights: Dataset, rule: Callable[..., Rule], read: Read
) -> None:
    rule(target_field="tailnum", access="hash")

    masked = {row["id"]: row["tailnum"] for row in rows(read(limit="20"))}

    assert len(set(masked.values())) == 3
    assert all(len(value) == 32 for value in masked.values())
    assert rows(read(tailnum="N1")) == []
    assert [row["id"] for row in rows(read(tailnum=masked[1]))] == [1, 4, 7, 10, 13, 16, 19]
    assert [row["tailnum"] for row in rows(read(sortby="tailnum", limit="20"))] == sorted(masked.values())


def test_hash_is_another_one_for_each_agency(
    flights: Dataset, rule: Callable[..., Rule], read: Read, ops: Caller
) -> None:
    rule(target_field="tailnum", access="hash")

    assert rows(read(limit="1"))[0]["tailnum"] != rows(read(replace(ops, agency="met"), limit="1"))[0]["tailnum"]


def test_row_filter_holds_whatever_is_asked(flights: Dataset, rule: Callable[..., Rule], read: Read) -> None:
    rule(effect="prohibit", filter="id > 3 OR ssn = 'secret-2'")

    assert [row["id"] for row in rows(read())] == [1, 3]
    assert [row["id"] for row in rows(read(filter="id = 7 OR id = 1", count="exact"))] == [1]
    assert read(filter="id > 3", count="exact").count == 0
    assert read(count="exact").count == 2


def test_denied_dataset_gives_nothing_and_says_what_to_do(
    flights: Dataset, rule: Callable[..., Rule], read: Read
) -> None:
    rule(effect="prohibit")

    with pytest.raises(Forbidden) as denied:
        read()

    assert denied.value.code == "denied"
    assert "Because" in denied.value.message
    assert denied.value.hint == "Apply to dot for dot.flights, and say for what purpose."
    assert not Event.objects.filter(kind="rows.read").exists()


def test_unknown_dataset_and_draft_are_told_apart_by_nobody(flights: Dataset, ops: Caller, read: Read) -> None:
    Dataset.objects.update(status="draft")
    with pytest.raises(NotFound) as draft:
        read()
    with pytest.raises(NotFound) as unknown:
        door.read_rows(ops, "dot.nothing", parse_rows_query({}))

    assert draft.value.message.replace("flights", "nothing") == unknown.value.message


def test_change_of_rules_holds_from_the_next_read_on(flights: Dataset, rule: Callable[..., Rule], read: Read) -> None:
    agency = Agency.objects.get(code="ops")
    Membership.objects.create(user=User.objects.create_user("reader@ops.example"), agency=agency)
    assert len(rows(read())) == 20
    rule(effect="prohibit")
    bump_epoch()

    with pytest.raises(Forbidden):
        read()


def test_cursor_is_good_for_its_own_query_and_caller_only(flights: Dataset, read: Read, ops: Caller) -> None:
    cursor = read(limit="3").next
    assert cursor is not None

    for wrong in (
        lambda: read(limit="3", sortby="-id", cursor=cursor),
        lambda: read(replace(ops, agency="met"), limit="3", cursor=cursor),
        lambda: read(limit="3", cursor=cursor[:-2] + "xx"),
        lambda: read(limit="3", cursor="x"),
    ):
        with pytest.raises(Invalid) as refused:
            wrong()
        assert refused.value.code == "cursor-invalid"


def test_one_row_by_its_key(flights: Dataset, ops: Caller, rule: Callable[..., Rule]) -> None:
    assert json.loads(door.read_row(ops, "dot.flights", ("7",)).rows)["名字"] == "名7"
    for absent in (("99",), ("x",), ("7", "7")):
        with pytest.raises(NotFound):
            door.read_row(ops, "dot.flights", absent)

    rule(target_field="id", access="hash")
    with pytest.raises(NotFound):
        door.read_row(replace(ops, email="other@ops.example"), "dot.flights", ("7",))


@pytest.mark.parametrize("name", ["名字", "delay", "at", "ratio", "ok", "day", "tailnum"])
def test_equality_finds_every_value_that_was_shown(flights: Dataset, read: Read, name: str) -> None:
    for row in rows(read(limit="20", numbers="string")):
        shown = row[name]
        text = str(shown).lower() if isinstance(shown, bool) else str(shown)
        assert row["id"] in [found["id"] for found in rows(read(**{name: text}, limit="20", numbers="string"))]


def test_streams_carry_the_whole_view_and_close_their_event(
    flights: Dataset, ops: Caller, transactional_db: None
) -> None:
    query = parse_rows_query({"limit": ["all"], "f": ["csv"], "properties": ["id,名字,delay,at,ok"]})

    stream = door.stream_rows(ops, "dot.flights", query)
    body = b"".join(stream.chunks).decode()

    lines = body.split("\r\n")
    assert lines[0] == "id,名字,delay,at,ok"
    assert lines[1] == "1,名1,1.50,2020-01-01T00:01:00Z,false"
    assert len(lines) == 22
    closing = Event.objects.get(kind="rows.streamed")
    assert closing.details == {"opening": str(stream.receipt), "rows": 20, "outcome": "complete"}


def test_field_that_came_after_the_rows_is_there_at_once(flights: Dataset, ops: Caller, read: Read) -> None:
    assert len(rows(read())) == 20

    set_fields(actor=HUB, dataset=flights, fields=[{"name": "gate", "type": "string", "sensitivity": "public"}])
    page = read(replace(ops, epoch=current_epoch()), limit="1")

    assert rows(page)[0]["gate"] is None


@pytest.mark.parametrize(
    ("filter_", "ids"),
    [
        ("id BETWEEN 3 AND 4", [3, 4]),
        ("delay BETWEEN 3 AND 4.5", [2, 3]),
        ("名字 BETWEEN '名2' AND '名3'", [2, 20, 3]),
        ("day BETWEEN DATE('2020-01-02') AND DATE('2020-01-03')", [1, 2]),
        ("at BETWEEN TIMESTAMP('2020-01-01T00:01:00Z') AND TIMESTAMP('2020-01-01T00:02:00Z')", [1, 2]),
        ("CASEI(tailnum) BETWEEN 'n1' AND CASEI('N1')", [1, 4, 7, 10, 13, 16, 19]),
        ("NOT (id NOT BETWEEN 3 AND 4)", [3, 4]),
        ("CASEI(tailnum) = 'n1' AND id < 5", [1, 4]),
        ("CASEI(tailnum) IN ('n1', 'x') AND id < 5", [1, 4]),
        ("CASEI(tailnum) LIKE 'n1' AND id < 5", [1, 4]),
        ("ratio < 0.6 AND ok = TRUE", [2]),
        ("id IN (1, 9223372036854775807, 99999999999999999999)", [1]),
        ("id > 19.5 OR 名字 LIKE '%\\_%'", [20]),
        ("day > DATE('9999-12-31') OR id = 5", [5]),
        ("delay = 1.5000", [1]),
        ("extra IS NOT NULL AND id < 2", [1]),
    ],
)
def test_every_operator_answers(flights: Dataset, read: Read, filter_: str, ids: list[int]) -> None:
    assert sorted(row["id"] for row in rows(read(filter=filter_, limit="100"))) == sorted(ids)


@pytest.mark.parametrize("ended", [{"revoked_at": YESTERDAY}, {"expires_at": YESTERDAY}])
def test_token_that_ended_reads_nothing_even_where_nobody_was_told(flights: Dataset, ended: dict[str, Any]) -> None:
    client = create_client(actor=HUB, agency=Agency.objects.get(code="ops"), name="map")
    caller = caller_for_token(issue_token(actor=HUB, client=client)[1])
    assert caller is not None
    assert door.read_rows(caller, "dot.flights", parse_rows_query({})).rows

    Token.objects.update(**ended)

    with pytest.raises(Unauthenticated):
        door.read_rows(caller, "dot.flights", parse_rows_query({}))


@pytest.mark.parametrize("to", [10, "0.5"])
def test_a_number_that_is_null_stays_null_when_rounded(rule: Callable[..., Rule], read: Read, to: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {Relation.objects.get().table} SET c7 = NULL WHERE c1 = 1")
    rule(target_field="ratio", access={"kind": "round", "to": to})

    page = read(properties="ratio", limit="1")

    assert page.rows == '{"ratio":null}'
