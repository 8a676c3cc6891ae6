"""A cursor asks again for a while before it, never goes back, and takes a length that fits its field's type."""

import json
from typing import Any

import pytest

from connectors.commands import edit_stream, register_source
from connectors.models import Source, Stream
from connectors.runs.overlap import since
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.commands import edit_dataset, publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.errors import HubError, Invalid
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import Begin, Execute, logged, shown


@pytest.mark.parametrize(
    ("value", "overlap", "type_", "asked"),
    [
        ("2020-01-03T00:00:00Z", "2 hours", "datetime", "2020-01-02T22:00:00Z"),
        ("2020-01-03T00:00:00.25Z", "1 second", "datetime", "2020-01-02T23:59:59.250000Z"),
        ("0001-01-02T00:00:00Z", "999999 weeks", "datetime", "0001-01-01T00:00:00Z"),
        ("2020-03-01", "1 day", "date", "2020-02-29"),
        ("0001-01-05", "1 week", "date", "0001-01-01"),
        ("9007199254740993", "2", "integer", "9007199254740991"),
        ("-5", "1000", "integer", "-1005"),
        ("100.25", "0.75", "decimal", "99.50"),
        ("1e+20", "1", "number", "99999999999999999999"),
        ("2020-03-01", "", "date", "2020-03-01"),
        ("b", "", "string", "b"),
    ],
)
def test_reading_begins_that_much_earlier(value: str, overlap: str, type_: str, asked: str) -> None:
    assert since(value, overlap, type_) == asked


@pytest.mark.parametrize(
    ("cursor", "overlap"),
    [
        ("at", "2"),
        ("at", "two hours"),
        ("at", "2 months"),
        ("at", "-1 day"),
        ("at", "1 day\n"),
        ("id", "1 day"),
        ("id", "1.5"),
        ("id", "1e3"),
        ("name", "1"),
        ("name", "1 day"),
        ("", "1 day"),
    ],
)
def test_overlap_that_does_not_fit_is_refused_when_it_is_saved(stream: Stream, cursor: str, overlap: str) -> None:
    with pytest.raises(Invalid) as caught:
        edit_stream(actor=HUB, stream=stream, mode="merge", cursor=cursor, overlap=overlap)

    assert [error.field for error in caught.value.errors] == ["overlap"]
    assert Stream.objects.get().overlap == ""


@pytest.mark.parametrize(("cursor", "overlap"), [("at", "90 minutes"), ("at", "1 week"), ("id", "1000")])
def test_overlap_that_fits_is_kept_and_asks_for_nothing_again(stream: Stream, cursor: str, overlap: str) -> None:
    edit_stream(actor=HUB, stream=stream, mode="merge", cursor=cursor)
    Stream.objects.update(cursor_value="7")
    stream.refresh_from_db()

    edit_stream(actor=HUB, stream=stream, overlap=overlap)

    assert Stream.objects.values_list("overlap", "cursor_value").get() == (overlap, "7")


def test_overlap_of_a_type_that_is_found_later_fails_the_run_that_would_use_it() -> None:
    with pytest.raises(HubError) as caught:
        since("2020-01-01", "2 hours", "date")

    assert caught.value.code == "overlap-invalid"


def test_row_committed_late_comes_in_and_the_cursor_stays(
    dataset: Dataset, registry: Source, execute: Execute, begin: Begin, run_of: RunOf
) -> None:
    execute("CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz)")
    execute("INSERT INTO things VALUES (1, 'one', '2020-01-01 10:00Z'), (3, 'three', '2020-01-01 12:00Z')")
    values = {"mode": "merge", "cursor": "at"}
    plain = stream_of(registry, dataset, key="plain", select={"table": "things"}, **values)
    with begin() as slow:
        slow.cursor().execute("INSERT INTO things VALUES (2, 'late', '2020-01-01 11:00Z')")
        run_of(plain)
        slow.commit()
    plain.refresh_from_db()
    without = run_of(plain)
    missed = set(shown(dataset))

    edit_stream(actor=HUB, stream=plain, overlap="2 hours")
    within = run_of(plain)
    execute("DELETE FROM things WHERE id = 3; UPDATE things SET name = 'uno' WHERE id = 1")
    plain.refresh_from_db()
    after = run_of(plain)
    plain.refresh_from_db()

    assert (without.status, missed) == ("succeeded", {1, 3})
    assert (within.inserted, within.unchanged) == (1, 2)
    assert (after.updated, after.unchanged, after.deleted) == (1, 1, 0)
    assert plain.cursor_value == "2020-01-01T12:00:00Z"
    assert {key: row[0] for key, row in shown(dataset).items()} == {1: "uno", 2: "late", 3: "three"}
    assert logged(dataset) == [("update", 1, "one")]


@pytest.mark.parametrize("mode", ["merge", "append"])
def test_ties_that_come_after_the_run_are_not_missed_and_none_comes_twice(
    dataset: Dataset, registry: Source, execute: Execute, run_of: RunOf, mode: str
) -> None:
    execute("CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz)")
    stream = stream_of(registry, dataset, select={"table": "things"}, mode=mode, cursor="at", overlap="1 hour")
    came = []
    for key in (5, 1, 9):
        execute(f"INSERT INTO things VALUES ({key}, 'n', '2020-01-01Z')")
        came.append(run_of(stream))
        stream.refresh_from_db()

    assert [(run.inserted, run.unchanged, run.rejected) for run in came] == [(1, 0, 0), (1, 1, 0), (1, 2, 0)]
    assert set(shown(dataset)) == {1, 5, 9}


def test_api_that_gives_only_what_is_newer_gives_ties_by_the_overlap(dataset: Dataset, run_of: RunOf) -> None:
    records = [{"id": 1, "name": "a", "at": "2020-01-01T12:00:00Z"}]

    def answer(asked: Asked) -> Reply:
        return Reply(json.dumps([r for r in records if str(r["at"]) > asked.params.get("since", "")]).encode())

    with serving(answer) as served:
        stream = stream_of(api(dataset, served.url), dataset, **incremental(overlap="1 second"))
        run_of(stream)
        records.append({"id": 2, "name": "b", "at": "2020-01-01T12:00:00Z"})
        stream.refresh_from_db()
        second = run_of(stream)

    assert [asked.params for asked in served.asked] == [{}, {"since": "2020-01-01T11:59:59Z"}]
    assert (second.inserted, second.unchanged) == (1, 1)


def test_cursor_never_goes_back_whatever_the_source_gives(dataset: Dataset, run_of: RunOf) -> None:
    given = ["2020-01-09T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-10T00:00:00.5Z"]
    reached = []
    with serving(lambda asked: Reply(json.dumps([{"id": 1, "name": "n", "at": given[0]}]).encode())) as served:
        stream = stream_of(api(dataset, served.url), dataset, **incremental())
        while given:
            assert run_of(stream).status == "succeeded"
            stream.refresh_from_db()
            reached.append(stream.cursor_value)
            given.pop(0)

    assert reached == ["2020-01-09T00:00:00Z", "2020-01-09T00:00:00Z", "2020-01-10T00:00:00.5Z"]


@pytest.mark.parametrize("mode", ["merge", "append"])
def test_going_on_from_a_cursor_without_a_key_is_refused_before_it_doubles_rows(
    dataset: Dataset, registry: Source, execute: Execute, run_of: RunOf, mode: str
) -> None:
    edit_dataset(actor=HUB, dataset=dataset, primary_key=[])
    values: dict[str, Any] = {"select": {"table": "things"}, "mode": mode, "cursor": "at", "overlap": "1 day"}
    with pytest.raises(Invalid) as caught:
        stream_of(registry, dataset, **values)
    assert [error.field for error in caught.value.errors] == ["mode"]

    execute("CREATE TABLE things (id int, at timestamptz); INSERT INTO things VALUES (1, '2020-01-01Z')")
    found = register_dataset(actor=HUB, agency=dataset.agency, key="met.found", title="Found", discover=True)
    publish_dataset(actor=HUB, dataset=found)
    run = run_of(stream_of(registry, found, **values))
    assert (run.status, run.error_code) == ("failed", "no-key")


def api(dataset: Dataset, url: str) -> Source:
    config = {"url": url, "allow_loopback": True}
    return register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)


def incremental(**values: Any) -> dict[str, Any]:
    return {"select": {"path": "t", "since": "since"}, "mode": "merge", "cursor": "at", **values}
