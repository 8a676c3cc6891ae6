"""A limit of rows a second holds for every kind of source, evenly, and a run that waits for it can be cancelled."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connections

from connectors.base import Extract
from connectors.commands import register_source, request_run
from connectors.models import Run, Source, Stream
from connectors.queries import connector_for
from connectors.runs.runner import carry_out
from connectors.testing import Asked, Reply, serving
from connectors.uploads import bring_file
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from tests.connectors.conftest import stream_of

ROWS = 250
A_SECOND = 100
DAY = "2020-01-01T00:00:00Z"
CSV = "id,name,at\n" + "".join(f"{n},n{n},{DAY}\n" for n in range(ROWS))


@pytest.fixture
def api() -> Iterator[str]:
    """An API that gives half of all rows a page."""

    def answer(asked: Asked) -> Reply:
        start = int(asked.params["offset"])
        page = [{"id": n, "name": f"n{n}", "at": DAY} for n in range(start, min(start + ROWS // 2, ROWS))]
        return Reply(json.dumps(page).encode())

    with serving(answer) as served:
        yield served.url


@pytest.fixture(params=["file", "rest", "postgres", "upload"])
def run(
    request: pytest.FixtureRequest, dataset: Dataset, files: Source, folder: Path, api: str, registry: Source,
    execute: Callable[[str], None],
) -> Run:  # fmt: skip
    """A run of each kind of source, with ``ROWS`` rows in it."""
    if request.param == "upload":
        run = bring_file(actor=HUB, dataset=dataset, name="things.csv", chunks=[CSV.encode()], format="csv")
        return _limited(run, A_SECOND)
    if request.param == "file":
        (folder / "things.csv").write_text(CSV)
        return _limited(_asked(files, dataset, path="things.csv"), A_SECOND)
    if request.param == "rest":
        config = {"url": api, "allow_loopback": True, "paging": {"kind": "offset"}}
        source = register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)
        return _limited(_asked(source, dataset), A_SECOND)
    execute(f"CREATE TABLE things AS SELECT n AS id, 'n' || n AS name, '{DAY}'::timestamptz AS at"
            f" FROM generate_series(1, {ROWS}) n")  # fmt: skip
    return _limited(_asked(registry, dataset, table="things"), A_SECOND)


def test_rows_come_no_faster_than_the_source_is_to_give_them(run: Run) -> None:
    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.rows_read, run.inserted) == ("succeeded", ROWS, ROWS)
    assert ROWS / A_SECOND - 0.01 <= run.timings["extract"] < ROWS / A_SECOND + 5


def test_limited_rows_come_a_few_at_a_time_and_are_the_same(run: Run) -> None:
    source = connector_for(run)
    columns = ("id", "name", "at")

    whole = list(source.read(Extract(run.stream.select, columns)))
    parts = list(source.read(Extract(run.stream.select, columns, most=7)))

    assert {batch.count for batch in parts} == {7, ROWS % 7}
    assert b"".join(batch.copy for batch in parts) == b"".join(batch.copy for batch in whole)


@pytest.mark.parametrize("words", ["1,n1", "x,bad"])
def test_run_that_waits_for_its_rows_is_cancelled_within_seconds(stream: Stream, folder: Path, words: str) -> None:
    (folder / "things.csv").write_text("id,name,at\n" + f"{words},{DAY}\n" * 50)
    run = _limited(request_run(actor=HUB, stream=stream), 1)
    worker = Thread(target=_carried_out, args=(run,))
    worker.start()
    while Run.objects.get(pk=run.pk).rows_read == 0:
        time.sleep(0.05)

    Run.objects.filter(pk=run.pk).update(is_cancel_requested=True)
    asked = time.monotonic()
    worker.join()

    run.refresh_from_db()
    assert time.monotonic() - asked < 5
    assert (run.status, run.version) == ("cancelled", None)
    assert run.rows_read < 20


def _asked(source: Source, dataset: Dataset, **select: Any) -> Run:
    return Run.objects.create(stream=stream_of(source, dataset, select=select))


def _limited(run: Run, rows: int) -> Run:
    source = run.stream.source
    Source.objects.filter(pk=source.pk).update(config={**source.config, "max_rows_per_second": rows})
    return Run.objects.get(pk=run.pk)


def _carried_out(run: Run) -> None:
    try:
        carry_out(run.pk)
    finally:
        connections.close_all()
