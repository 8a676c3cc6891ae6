"""Runs: what goes right, and each way in which a source can fail; the dataset stays as it was, the next run works."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection, connections
from django.utils.timezone import now

from connectors.commands import cancel_run, edit_stream, register_source, request_run
from connectors.models import Outbox, Run, Source, Stream
from connectors.runs import runner
from connectors.runs.lease import claim
from connectors.runs.runner import MAX_ATTEMPTS, carry_out
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.errors import Conflict
from hub.store.models import Rejected, Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import staged

GOOD = "id,name,at\n1,one,2020-01-01T00:00:00Z\n2,,2020-01-02T00:00:00Z\n"
HOLDING = ("too-many-rejects", "shrinks-too-much", "columns-changed")
CHINESE = "数据共享交换平台" * 7 + "字段名称"


def rows(dataset: Dataset) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c1, c2 FROM {Relation.objects.get(dataset=dataset).table} ORDER BY 1")
        return cursor.fetchall()


def test_run_brings_rows_in_and_tells_what_it_did(stream: Stream, folder: Path, run_of: RunOf) -> None:
    (folder / "things.csv").write_text(GOOD)

    run = run_of(stream)

    counters = (run.rows_read, run.inserted, run.updated, run.deleted, run.unchanged, run.rejected)
    assert (run.status, run.error_message) == ("succeeded", "")
    assert counters == (2, 2, 0, 0, 0, 0)
    assert run.version == 1
    assert set(run.timings) == {"extract", "check", "publish"}
    assert rows(stream.dataset) == [(1, "one"), (2, None)]
    assert staged() == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "source-empty"),
        ("id,name,name\n1,a,b\n", "source-duplicate-column"),
        ("id,name\n1,a\n", "columns-changed"),
        ("name,at\na,2020-01-01T00:00:00Z\n", "source-no-column"),
        ("<!doctype html><html><body>Sign in</body></html>", "source-not-csv"),
        ('id,name,at\n1,"a', "source-truncated"),
        ("id,name,at\nx,one,2020-01-01T00:00:00Z\n", "too-many-rejects"),
        ("id,name,at\n", "shrinks-too-much"),
    ],
)
def test_bad_file_changes_nothing_says_why_and_the_next_run_works(
    stream: Stream, folder: Path, run_of: RunOf, content: str, code: str
) -> None:
    (folder / "things.csv").write_text(GOOD)
    run_of(stream)
    (folder / "things.csv").write_text(content)

    failed = run_of(stream)
    after = rows(stream.dataset)
    (folder / "things.csv").write_text(GOOD + "3,three,2020-01-03T00:00:00Z\n")
    again = run_of(stream)

    assert failed.error_code == code
    assert failed.status == ("held" if code in HOLDING else "failed")
    assert failed.error_message
    assert failed.error_hint
    assert after == [(1, "one"), (2, None)]
    assert (again.status, again.inserted, again.unchanged) == ("succeeded", 1, 2)
    assert staged() == []


def test_missing_file_is_named(stream: Stream, run_of: RunOf) -> None:
    run = run_of(stream)

    assert run.status == "failed"
    assert "things.csv" in run.error_message


def test_value_of_the_wrong_type_is_kept_out_where_the_contract_allows(
    stream: Stream, folder: Path, run_of: RunOf
) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"max_rejects": "50%"})
    (folder / "things.csv").write_text("id,name,at\n1,one,2020-01-01T00:00:00Z\nx,two,yesterday\n3,three,4,5\n4,d,\n")

    run = run_of(stream)

    assert (run.status, run.rows_read, run.inserted, run.rejected) == ("partial", 4, 2, 2)
    assert list(Rejected.objects.order_by("position", "id").values_list("position", "field", "rule", "value")) == [
        (3, "id", "type", "x"),
        (3, "at", "type", "yesterday"),
        (4, "", "cells", "3,three,4,5"),
    ]


def test_rows_whose_order_cannot_be_told_are_read_again_and_counted_once(
    stream: Stream, folder: Path, run_of: RunOf
) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"max_rejects": "50%"})
    day = "2020-01-01T00:00:00Z"
    (folder / "things.csv").write_text(f"id,name,at\n+1,first,{day}\n1,second,{day}\n2,two,{day}\n3,three\n")

    run = run_of(stream)

    assert (run.status, run.rows_read, run.inserted, run.rejected) == ("partial", 4, 2, 2)
    assert rows(stream.dataset) == [(1, "first"), (2, "two")]
    assert sorted(Rejected.objects.values_list("position", "rule")) == [(3, "duplicate-key"), (5, "cells")]


def test_names_in_chinese_with_sixty_characters_come_through(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    fields = [{"name": "id", "type": "integer"}, {"name": CHINESE, "type": "string"}]
    named = register_dataset(
        actor=HUB, agency=dataset.agency, key="met.named", title="N", fields=fields, primary_key=["id"]
    )
    (folder / "named.csv").write_text(f"id,{CHINESE}\n1,值\n")

    run = run_of(stream_of(files, named, key="named", select={"path": "named.csv"}))

    assert len(CHINESE) == 60
    assert run.status == "succeeded"
    assert rows(named) == [(1, "值")]


def test_dataset_can_take_its_fields_from_the_source(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    found = register_dataset(
        actor=HUB, agency=dataset.agency, key="met.found", title="F", discover=True, sensitivity="internal"
    )
    publish_dataset(actor=HUB, dataset=found)
    (folder / "found.csv").write_text("code,count,day\n007,5,2020-01-01\n")

    run = run_of(stream_of(files, found, key="found", select={"path": "found.csv"}))

    assert run.status == "succeeded"
    assert list(found.fields.values_list("name", "type", "sensitivity")) == [
        ("code", "string", "internal"),
        ("count", "integer", "internal"),
        ("day", "date", "internal"),
    ]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), "source-not-json"),
        (Reply(b"{}", status=401), "source-refused"),
        (Reply(b'{"data": [{"id": 1'), "source-not-json"),
        (Reply(b'{"data": []}', length=500), "source-truncated"),
    ],
)
def test_api_that_fails_is_told_apart(
    dataset: Dataset, run_of: RunOf, reply: Reply, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda asked: reply) as served:
        run = run_of(_rest_stream(dataset, served.url))

    assert run.status == "failed"
    assert run.error_code == code
    assert run.error_hint


def test_source_that_is_down_is_told(dataset: Dataset, run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kinds.rest.Rest.sleep", staticmethod(lambda seconds: None))

    run = run_of(_rest_stream(dataset, "http://127.0.0.1:1/"))

    assert (run.status, run.error_code) == ("failed", "source-down")


def test_incremental_run_goes_on_from_the_greatest_value(dataset: Dataset, run_of: RunOf) -> None:
    asked_since: list[str | None] = []
    observations = [{"id": i, "name": str(i), "at": f"2020-01-0{i}T00:00:00Z"} for i in range(1, 4)]

    def answer(asked: Asked) -> Reply:
        since = asked.params.get("updated_since")
        asked_since.append(since)
        return Reply(json.dumps({"data": [o for o in observations if not since or o["at"] >= since]}).encode())

    with serving(answer) as served:
        stream = _rest_stream(dataset, served.url, mode="merge", cursor="at")
        first = run_of(stream)
        observations.append({"id": 4, "name": "4", "at": "2020-01-09T00:00:00Z"})
        stream.refresh_from_db()
        second = run_of(stream)

    assert asked_since == [None, "2020-01-03T00:00:00Z"]
    assert (first.inserted, second.inserted, second.unchanged) == (3, 1, 1)


def test_run_that_lost_its_worker_is_taken_over_and_the_old_one_writes_nothing(
    stream: Stream, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "things.csv").write_text(GOOD)
    run = Run.objects.create(stream=stream)

    def taken_meanwhile() -> None:
        Run.objects.filter(pk=run.pk).update(lease_until=now() - timedelta(seconds=1))
        carry_out(run.pk)

    _between_check_and_publish(monkeypatch, taken_meanwhile)
    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.fence, run.attempts, run.version) == ("succeeded", 2, 2, 1)
    assert Relation.objects.get(dataset=stream.dataset).version == 1
    assert len(rows(stream.dataset)) == 2


def test_worker_that_was_overtaken_publishes_nothing_while_the_other_still_works(
    stream: Stream, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "things.csv").write_text(GOOD)
    run = Run.objects.create(stream=stream)

    def taken_meanwhile() -> None:
        Run.objects.filter(pk=run.pk).update(lease_until=now() - timedelta(seconds=1))
        assert claim(run.pk) is not None

    _between_check_and_publish(monkeypatch, taken_meanwhile)
    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.fence, run.version) == ("running", 2, None)
    assert Relation.objects.get(dataset=stream.dataset).version == 0
    assert rows(stream.dataset) == []


def test_run_whose_worker_dies_each_time_is_set_aside(stream: Stream, folder: Path) -> None:
    (folder / "things.csv").write_text(GOOD)
    run = Run.objects.create(
        stream=stream, status="running", attempts=MAX_ATTEMPTS, lease_until=now() - timedelta(seconds=1)
    )

    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "worker-died")
    assert not Relation.objects.filter(dataset=stream.dataset, version__gt=0).exists()


def test_run_is_asked_for_once_while_it_is_open(stream: Stream) -> None:
    first = request_run(actor=HUB, stream=stream)

    assert request_run(actor=HUB, stream=stream) == first
    assert Outbox.objects.count() == 1


def test_cancelled_run_changes_nothing_and_is_over(stream: Stream, folder: Path) -> None:
    (folder / "things.csv").write_text(GOOD)
    run = request_run(actor=HUB, stream=stream)

    cancel_run(actor=HUB, run=run)
    carry_out(run.pk)

    run.refresh_from_db()
    assert run.status == "cancelled"
    with pytest.raises(Conflict):
        cancel_run(actor=HUB, run=run)


def _rest_stream(dataset: Dataset, url: str, **values: str) -> Stream:
    config = {"url": url.rstrip("/") + "/", "allow_loopback": True}
    source = register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)
    return stream_of(source, dataset, select={"path": "things", "records": "data", "since": "updated_since"}, **values)


def _between_check_and_publish(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let another worker do something once, at the moment in which a slow one is overtaken."""
    publish, acts = runner.publish, [act]

    def overtaken(*args: object) -> object:
        if acts:
            other = Thread(target=with_a_connection_of_its_own, args=(acts.pop(),))
            other.start()
            other.join()
        return publish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "publish", overtaken)


def with_a_connection_of_its_own(act: Callable[[], None]) -> None:
    try:
        act()
    finally:
        connections.close_all()
