"""APIs and files that change between pages, answer nothing, or end in the middle."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.commands import register_source
from connectors.models import Source
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.models import Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import logged, shown

AT = "2020-01-01T00:00:00Z"
DAY = "2020-01-01 00:00:00"
CSV = f"id,name,at\n1,one,{AT}\n2,two,{AT}\n"
LONG = "".join(f"{key},{'x' * 60},{AT}\n" for key in range(3, 40_000))
"""More rows than come at once, so that what is wrong behind them is met in the middle of the load."""


def record(key: int, name: str = "n") -> dict[str, Any]:
    return {"id": key, "name": name, "at": AT}


def source_of(dataset: Dataset, url: str, kind: str = "rest", **config: Any) -> Source:
    values = {"url": url, "allow_loopback": True, **config}
    return register_source(actor=HUB, key="api", agency=dataset.agency, kind=kind, config=values)


def between_pages(records: dict[int, dict[str, Any]], change: Callable[[], None], *, by_key: bool) -> Any:
    """Answers pages of two, after the key asked for or by number; ``change`` happens once, after the first."""
    changes = [change]

    def answer(asked: Asked) -> Reply:
        rest = sorted(records)
        if by_key:
            rest = [key for key in rest if key > int(asked.params.get("cursor", -100))]
        else:
            rest = rest[2 * (int(asked.params["page"]) - 1) :]
        page = [records[key] for key in rest[:2]]
        body = {"data": page, "cursor": str(page[-1]["id"]) if len(rest) > 2 else ""}
        reply = Reply(json.dumps(body).encode())
        while changes:
            changes.pop()()
        return reply

    return answer


def test_pages_by_key_give_each_record_that_was_there_all_along(dataset: Dataset, run_of: RunOf) -> None:
    records = {key: record(key) for key in range(1, 8)}

    def change() -> None:
        del records[1], records[5]
        records.update({0: record(0), 9: record(9), 7: record(7, "changed")})

    with serving(between_pages(records, change, by_key=True)) as served:
        source = source_of(dataset, served.url, paging={"kind": "cursor"})
        stream = stream_of(source, dataset, select={"path": "t", "records": "data"})
        first = run_of(stream)
        seen = shown(dataset)
        second = run_of(stream)

    assert (first.status, first.rejected) == ("succeeded", 0)
    assert {key: row[0] for key, row in seen.items()} == {**dict.fromkeys((1, 2, 3, 4, 6, 9), "n"), 7: "changed"}
    assert (second.inserted, second.deleted, second.unchanged) == (1, 1, 6)
    assert {key: row[0] for key, row in shown(dataset).items()} == {k: r["name"] for k, r in records.items()}
    assert logged(dataset) == [("delete", 1, "n")]


@pytest.mark.parametrize(("mode", "rejected"), [("merge", 0), ("replace", 1)])
def test_pages_by_number_that_shift_give_a_record_twice_and_it_counts_once(
    dataset: Dataset, run_of: RunOf, mode: str, rejected: int
) -> None:
    records = {key: record(key) for key in range(1, 5)}
    with serving(between_pages(records, lambda: records.update({0: record(0)}), by_key=False)) as served:
        source = source_of(dataset, served.url, paging={"kind": "page"})
        select = {"path": "t", "records": "data"}
        stream = stream_of(source, dataset, select=select, mode=mode, contract={"max_rejects": "50%"})
        first = run_of(stream)
        seen = set(shown(dataset))
        second = run_of(stream)

    assert (first.inserted, first.rejected, seen) == (4, rejected, {1, 2, 3, 4})
    assert (second.inserted, set(shown(dataset))) == (1, {0, 1, 2, 3, 4})
    assert logged(dataset) == []


def test_record_that_slips_between_pages_is_back_with_the_next_run_and_a_merge_never_loses_it(
    dataset: Dataset, run_of: RunOf
) -> None:
    records = {key: record(key) for key in range(1, 6)}
    changes = [lambda: None, lambda: records.pop(1)]
    with serving(lambda asked: answering(asked)) as served:
        source = source_of(dataset, served.url, paging={"kind": "page"})
        stream = stream_of(source, dataset, select={"path": "t", "records": "data"}, mode="merge")
        for change in changes:
            answering = between_pages(records, change, by_key=False)
            run = run_of(stream)

    assert (run.status, run.rows_read, run.deleted) == ("succeeded", 4, 0)
    assert set(shown(dataset)) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("mode", "said"),
    [("replace", ("held", "shrinks-too-much")), ("merge", ("succeeded", "")), ("append", ("succeeded", ""))],
)
def test_empty_answer_takes_nothing_away(dataset: Dataset, run_of: RunOf, mode: str, said: tuple[str, str]) -> None:
    answers = [[record(1), record(2)], []]
    with serving(lambda asked: Reply(json.dumps(answers[0]).encode())) as served:
        incremental = {} if mode == "replace" else {"cursor": "at"}
        select = {"path": "t", "since": "since"}
        stream = stream_of(source_of(dataset, served.url), dataset, select=select, mode=mode, **incremental)
        run_of(stream)
        stream.refresh_from_db()
        answers.pop(0)
        run = run_of(stream)
        reached = stream.cursor_value
        stream.refresh_from_db()

    assert (run.status, run.error_code) == said
    assert shown(dataset) == {1: ("n", DAY), 2: ("n", DAY)}
    assert logged(dataset) == []
    assert stream.cursor_value == reached == ("" if mode == "replace" else AT)


@pytest.mark.parametrize(
    ("kind", "good", "broken", "code"),
    [
        ("rest", Reply(json.dumps([record(1), record(2)]).encode()), Reply(b'[{"id": 1, "na'), "source-not-json"),
        ("rest", Reply(json.dumps([record(1), record(2)]).encode()), Reply(b"[]", length=900), "source-truncated"),
        (
            "file",
            Reply(CSV.encode(), type="text/csv"),
            Reply(b'id,name,at\n1,"on', type="text/csv"),
            "source-truncated",
        ),
        (
            "file",
            Reply(CSV.encode(), type="text/csv"),
            Reply(f'{CSV}{LONG}40000,"on'.encode(), type="text/csv"),
            "source-truncated",
        ),
        (
            "file",
            Reply(CSV.encode(), type="text/csv"),
            Reply(CSV.replace("one", "uno").encode(), type="text/csv", length=900),
            "source-truncated",
        ),
    ],
)
def test_answer_that_ends_in_the_middle_changes_nothing(
    dataset: Dataset, run_of: RunOf, kind: str, good: Reply, broken: Reply, code: str
) -> None:
    replies = [good, broken]
    with serving(lambda asked: replies[0]) as served:
        stream = stream_of(source_of(dataset, served.url, kind), dataset, select={"path": "things.csv"})
        first = run_of(stream)
        before = shown(dataset)
        replies.pop(0)
        run = run_of(stream)
        replies[0] = good
        again = run_of(stream)

    assert (first.inserted, run.status, run.error_code, run.version) == (2, "failed", code, None)
    assert shown(dataset) == before
    assert (again.status, again.unchanged, logged(dataset)) == ("succeeded", 2, [])
    assert Relation.objects.get(dataset=dataset).version == 2


def test_last_page_that_is_cut_leaves_out_the_first_ones_too(dataset: Dataset, run_of: RunOf) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.params["page"] == "1":
            return Reply(json.dumps([record(key, "x" * 60) for key in range(20_000)]).encode())
        return Reply(json.dumps([record(-1)]).encode()[:-4])

    with serving(answer) as served:
        source = source_of(dataset, served.url, paging={"kind": "page"})
        run = run_of(stream_of(source, dataset, select={"path": "t"}, mode="merge"))

    assert (run.status, run.error_code) == ("failed", "source-not-json")
    assert Relation.objects.get(dataset=dataset).version == 0
    assert shown(dataset) == {}
