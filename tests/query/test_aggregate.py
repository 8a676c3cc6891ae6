"""Aggregates: what is told of groups, what is refused, and that they say no more than the rows would."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.db.models import F

from hub.accounts.caller import Caller
from hub.accounts.models import Epoch
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import Forbidden, Invalid, NotFound, Unauthenticated
from hub.query import door
from hub.query.params import parse_aggregate_query
from hub.store.select import gate
from policies.models import Rule

Groups = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def page(ops: Caller) -> Callable[..., door.RowsPage]:
    def asked(caller: Caller = ops, **params: str) -> door.RowsPage:
        return door.read_rows(caller, "dot.flights", parse_aggregate_query({n: [v] for n, v in params.items()}))

    return asked


@pytest.fixture
def groups(page: Callable[..., door.RowsPage]) -> Groups:
    return lambda *caller, **params: json.loads(f"[{page(*caller, **params).rows}]")


def test_counts_and_measures_of_each_group_in_order(flights: Dataset, groups: Groups) -> None:
    assert groups(groupby="tailnum", agg="count,sum:delay,avg:id,min:at,max:id,distinct:ok") == [
        {"tailnum": "N0", "count": 6, "sum_delay": 94.5, "avg_id": 10.5, "min_at": "2020-01-01T00:03:00Z", "max_id": 18,
         "distinct_ok": 2},
        {"tailnum": "N1", "count": 7, "sum_delay": 105.0, "avg_id": 10, "min_at": "2020-01-01T00:01:00Z", "max_id": 19,
         "distinct_ok": 2},
        {"tailnum": "N2", "count": 7, "sum_delay": 115.5, "avg_id": 11, "min_at": "2020-01-01T00:02:00Z", "max_id": 20,
         "distinct_ok": 2},
    ]  # fmt: skip


def test_all_rows_are_one_group_without_groupby_even_none(flights: Dataset, groups: Groups) -> None:
    assert groups() == [{"count": 20}]
    assert groups(agg="count,max:id", filter="id > 99") == [{"count": 0, "max_id": None}]
    assert groups(groupby="tailnum", filter="id > 99") == []


def test_sorts_and_pages_by_any_column_of_the_answer(
    flights: Dataset, groups: Groups, page: Callable[..., door.RowsPage]
) -> None:
    assert [g["tailnum"] for g in groups(groupby="tailnum", agg="sum:delay", sortby="-sum_delay")] == ["N2", "N1", "N0"]
    assert [g["ok"] for g in groups(groupby="ok,tailnum", sortby="-ok,-tailnum")] == [True] * 3 + [False] * 3

    walked, cursor = [], {}
    while cursor is not None:
        one = page(groupby="tailnum,ok", sortby="-count", limit="1", count="exact", **cursor)
        walked += json.loads(f"[{one.rows}]")
        assert one.count == 6
        cursor = {"cursor": one.next} if one.next else None
    assert walked == groups(groupby="tailnum,ok", sortby="-count")


def test_cursor_holds_for_these_groups_alone(flights: Dataset, page: Callable[..., door.RowsPage]) -> None:
    cursor = page(groupby="tailnum", limit="1").next or ""
    for other in ({"groupby": "ok"}, {"groupby": "tailnum", "agg": "sum:id"}, {"groupby": "tailnum", "ok": "true"}):
        with pytest.raises(Invalid) as refused:
            page(cursor=cursor, **other)
        assert refused.value.code == "cursor-invalid"


def test_filters_and_equality_choose_the_rows_first(flights: Dataset, groups: Groups) -> None:
    assert groups(filter="id <= 10", tailnum="N1") == [{"count": 4}]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"groupby": "nothing"}, "groupby"),
        ({"groupby": "ssn"}, "groupby"),
        ({"agg": "sum:ssn"}, "agg"),
        ({"agg": "max:nothing"}, "agg"),
        ({"agg": "median:id"}, "agg"),
        ({"agg": "sum"}, "agg"),
        ({"agg": "count:id"}, "agg"),
        ({"agg": ""}, "agg"),
        ({"agg": "sum:tailnum"}, "agg"),
        ({"agg": "max:extra"}, "agg"),
        ({"groupby": "extra"}, "groupby"),
        ({"groupby": "ok,ok", "agg": "max:id"}, "groupby"),
        ({"agg": "count,count"}, "agg"),
        ({"groupby": "ok", "sortby": "id"}, "sortby"),
        ({"groupby": "ok", "sortby": "ssn"}, "sortby"),
        ({"limit": "all"}, "limit"),
        ({"properties": "id"}, "properties"),
        ({"filter": "ssn = 'x'"}, "filter"),
        ({"filter": " "}, "filter"),
    ],
)
def test_refuses_by_name(flights: Dataset, groups: Groups, params: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        groups(**params)
    assert [error.field for error in refused.value.errors] == [field]


def test_hidden_field_is_refused_as_one_that_does_not_exist(flights: Dataset, groups: Groups) -> None:
    def told(name: str) -> list[str]:
        answers = []
        for params in ({"groupby": name}, {"agg": f"max:{name}"}, {"groupby": "ok", "sortby": name}, {name: "x"}):
            with pytest.raises(Invalid) as refused:
                groups(**params)
            error = refused.value
            answers.append(repr((error.code, error.message, error.hint, error.errors)).replace(name, "NAME"))
        return answers

    assert told("ssn") == told("absent")


def test_masks_come_before_groups(flights: Dataset, groups: Groups, rule: Callable[..., Rule]) -> None:
    rule(target_field="tailnum", access={"kind": "partial", "head": 1, "tail": 0})
    rule(target_field="id", access={"kind": "round", "to": 100})
    rule(target_field="ratio", access="null")

    assert groups(groupby="tailnum", agg="count,sum:id,max:ratio") == [
        {"tailnum": "N*", "count": 20, "sum_id": 0, "max_ratio": None}
    ]


def test_pseudonyms_and_blacked_out_cells_are_grouped_as_they_are_seen(
    flights: Dataset, groups: Groups, rule: Callable[..., Rule]
) -> None:
    rule(target_field="tailnum", access="hash")
    rule(target_field="名字", access="redact")

    found = groups(groupby="tailnum,名字", sortby="-count,tailnum")

    assert sorted(g["count"] for g in found) == [6, 7, 7]
    assert {g["名字"] for g in found} == {"***"}
    assert all(len(g["tailnum"]) == 32 for g in found)


def test_row_filter_of_a_rule_leaves_the_same_rows_out(
    flights: Dataset, groups: Groups, rule: Callable[..., Rule]
) -> None:
    rule(effect="prohibit", filter="tailnum = 'N1'")
    assert groups(groupby="tailnum") == [{"tailnum": "N0", "count": 6}, {"tailnum": "N2", "count": 7}]


def test_permit_for_aggregates_alone_gives_no_rows_and_one_for_rows_no_aggregates(
    flights: Dataset, groups: Groups, read: Callable[..., Any], rule: Callable[..., Rule]
) -> None:
    flights.sharing_class, flights.reason = "closed", "Because"
    flights.save()
    for forbidden in (groups, read):
        with pytest.raises((Forbidden, NotFound)):
            forbidden()
    rule(effect="permit", modes=["aggregate"])
    with pytest.raises((Forbidden, NotFound)):
        read()


def test_every_aggregate_leaves_its_event(flights: Dataset, page: Callable[..., door.RowsPage]) -> None:
    answer = page(groupby="tailnum", agg="sum:delay", filter="id > 3")

    event = Event.objects.get(pk=answer.receipt)
    assert (event.kind, event.agency, event.dataset) == ("rows.aggregated", "ops", "dot.flights")
    assert event.details["groupby"] == ["tailnum"]
    assert event.details["agg"] == [["sum", "delay"]]
    assert event.details["rows"] == 3


def test_event_says_how_many_groups_were_told(
    flights: Dataset, page: Callable[..., door.RowsPage], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = page(groupby="tailnum", limit="2")
    monkeypatch.setattr(gate, "MAX_PAGE", 10)
    with pytest.raises(Invalid, match="larger than"):
        page(groupby="tailnum")

    first, then = Event.objects.filter(kind="rows.aggregated").order_by("at")
    assert (str(first.pk), first.details["rows"], then.details["rows"]) == (str(some.receipt), 2, 0)


def test_groups_are_told_only_where_their_event_stands(flights: Dataset, page: Callable[..., door.RowsPage]) -> None:
    """A right that ends after the rows were looked at, and before the event of it: nothing is told, and no event."""
    asked: list[str] = []

    def end(execute: Any, text: str, *rest: Any) -> Any:
        asked.append(text)
        if "INSERT INTO audit_event" in text:
            Epoch.objects.update(value=F("value") + 1)
        return execute(text, *rest)

    assert page().size == 1
    with connections["serving"].execute_wrapper(end), pytest.raises(Unauthenticated):
        page()

    assert Event.objects.filter(kind="rows.aggregated").count() == 1
    looked = [text for text in asked if "string_agg" in text]
    assert len(looked) == 1
    assert "INSERT" not in looked[0]
