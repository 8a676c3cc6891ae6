"""Runs that are cancelled or take too long: over within seconds, wherever their worker is."""

import time
from pathlib import Path
from threading import Event, Thread

import pytest
from django.db import connection

from connectors.commands import cancel_run, edit_source, register_source, request_run
from connectors.models import Run, Source, Stream
from connectors.runs import runner
from connectors.runs.runner import carry_out
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.connection import canceller
from hub.store.models import Relation
from tests.connectors.conftest import stream_of
from tests.connectors.hostile import workbooks
from tests.connectors.runs.test_runner import with_a_connection_of_its_own

GOOD = "id,name,at\n1,one,2020-01-01T00:00:00Z\n2,,2020-01-02T00:00:00Z\n"


@pytest.mark.parametrize("ending", ["cancelled", "too long"])
def test_run_ends_within_seconds_in_the_middle_of_a_statement(
    stream: Stream, folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    (folder / "things.csv").write_text(GOOD)
    if ending == "too long":
        edit_source(actor=HUB, source=stream.source, config={**stream.source.config, "max_run_seconds": 1})
    run = request_run(actor=HUB, stream=stream)
    publish, working = runner.publish, Event()

    def slow(*args: object) -> object:
        with connection.cursor() as cursor:
            working.set()
            cursor.execute("SELECT pg_sleep(30)")
        return publish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "publish", slow)
    took, run = _ended_while_at_work(run, working, is_asked=ending == "cancelled")

    assert took < 5
    expected = ("cancelled", "cancelled") if ending == "cancelled" else ("failed", "run-too-long")
    assert (run.status, run.error_code) == expected
    assert Relation.objects.get(dataset=stream.dataset).version == 0


@pytest.mark.timeout(60)
def test_run_ends_within_seconds_while_its_source_says_nothing(dataset: Dataset) -> None:
    asked, goes_on = Event(), Event()

    def answer(_: Asked) -> Reply:
        asked.set()
        goes_on.wait(20)
        return Reply(body=b'[{"id": 1, "name": "one", "at": "2020-01-01T00:00:00Z"}]')

    with serving(answer) as served:
        config = {"url": served.url, "allow_loopback": True}
        source = register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)
        run = request_run(actor=HUB, stream=stream_of(source, dataset, select={"path": "things"}))
        worker = Thread(target=with_a_connection_of_its_own, args=(lambda: carry_out(run.pk),))
        worker.start()
        assert asked.wait(20)
        cancel_run(actor=HUB, run=run)
        took = _until_over(run)
        goes_on.set()
        worker.join()

    run.refresh_from_db()
    assert took < 5.5
    assert (run.status, run.rows_read) == ("cancelled", 0)
    assert Relation.objects.get(dataset=dataset).version == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ending", ["cancelled", "too long"])
def test_run_ends_within_seconds_while_a_file_is_looked_into(
    files: Source, dataset: Dataset, folder: Path, ending: str
) -> None:
    (folder / "a.xlsx").write_bytes(workbooks.of_empty_rows(400_000))
    if ending == "too long":
        edit_source(actor=HUB, source=files, config={**files.config, "max_run_seconds": 4})
    run = request_run(actor=HUB, stream=stream_of(files, dataset, select={"path": "a.xlsx"}))
    worker, before = Thread(target=with_a_connection_of_its_own, args=(lambda: carry_out(run.pk),)), _begun()
    worker.start()
    time.sleep(2.5)  # until it is at work
    readers = _begun() - before
    began = time.monotonic()
    if ending == "cancelled":
        cancel_run(actor=HUB, run=run)
    worker.join()

    run.refresh_from_db()
    expected = ("cancelled", "cancelled") if ending == "cancelled" else ("failed", "run-too-long")
    assert (run.status, run.error_code) == expected
    assert time.monotonic() - began < (5 if ending == "cancelled" else 7)
    assert len(readers) == 1
    assert _begun() - before == set()
    assert Relation.objects.get(dataset=dataset).version == 0


def _begun() -> set[str]:
    """The processes that any thread of this one has begun."""
    return {pid for entry in Path("/proc/self/task").iterdir() for pid in (entry / "children").read_text().split()}


def _ended_while_at_work(run: Run, working: Event, *, is_asked: bool) -> tuple[float, Run]:
    worker = Thread(target=with_a_connection_of_its_own, args=(lambda: carry_out(run.pk),))
    worker.start()
    assert working.wait(20)
    began = time.monotonic()
    if is_asked:
        cancel_run(actor=HUB, run=run)
    worker.join()
    run.refresh_from_db()
    return time.monotonic() - began, run


def _until_over(run: Run) -> float:
    began = time.monotonic()
    while Run.objects.filter(pk=run.pk, status__in=Run.OPEN).exists():
        assert time.monotonic() - began < 20
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.django_db(transaction=True)
def test_statement_of_a_connection_that_is_gone_needs_no_cancelling() -> None:
    connection.ensure_connection()
    cancel = canceller()
    connection.close()

    cancel()

    assert connection.connection is None
