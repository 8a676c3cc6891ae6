"""A worker lost in the middle of a long load: the next one goes on where it was, to the end of an undisturbed run."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils.timezone import now

from connectors import batches
from connectors.commands import register_source
from connectors.fetching import passage
from connectors.kinds.mysql import relations as mysql
from connectors.kinds.sql import relations as sql
from connectors.models import Checkpoint, Run, Source, Stream
from connectors.runs.runner import MAX_ATTEMPTS, carry_out
from connectors.testing import Asked, Reply, Served, serving
from hub.accounts.caller import HUB
from hub.catalog.commands import register_dataset, set_fields
from hub.catalog.models import Dataset
from hub.store.intake import staging
from hub.store.intake.lines import Lines
from tests.connectors.conftest import FIELDS, stream_of
from tests.connectors.runs.conftest import staged
from tests.connectors.runs.killing import carried_out, state_of
from tests.connectors.sources import ALL
from tests.connectors.sources.content import Content

ROWS, A_SECOND, A_PAGE = 600, 300, 60
HEAD = "id,name,at\n"
KINDS = ("rest by page", "rest by link", "files", "file", "postgres", "mysql", "sql")


def record(number: int) -> dict[str, str]:
    """Every 97th has an id that is none, every 89th a time with an offset, which no typed column takes as it is."""
    at = f"2020-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
    return {
        "id": f"x{number}" if number % 97 == 5 else str(number),
        "name": f"n{number}",
        "at": at + ("+08:00" if number % 89 == 7 else "Z"),
    }


def text(start: int, end: int) -> str:
    return HEAD + "".join(",".join(record(n).values()) + ("\n" if n % 50 else ",too much\n") for n in range(start, end))


@dataclass
class Place:
    """A source of ``ROWS`` records, what it is asked for, and a way to take away of it what was read."""

    source: Source
    values: dict[str, Any]
    served: Served | None = None
    forget: Callable[[int], None] = lambda rows: None


@pytest.fixture
def web() -> Iterator[Served]:
    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/files"):
            number = asked.path.rpartition("/")[2].removesuffix(".csv")
            if not number:
                links = "".join(f'<a href="{n}.csv">{n}</a>' for n in range(ROWS // A_PAGE))
                return Reply(links.encode(), type="text/html")
            return Reply(text(int(number) * A_PAGE, int(number) * A_PAGE + A_PAGE).encode(), type="text/csv")
        page = int(asked.params.get("page", "1"))
        records: list[object] = [record(n) for n in range(page * A_PAGE - A_PAGE, min(page * A_PAGE, ROWS))]
        records[7:8] = ["no record"]
        following = {"Link": f'<?page={page + 1}>; rel="next"'} if page * A_PAGE < ROWS else {}
        return Reply(json.dumps(records if page * A_PAGE <= ROWS else []).encode(), headers=following)

    with serving(answer) as served:
        yield served


@pytest.fixture
def place(
    request: pytest.FixtureRequest, dataset: Dataset, files: Source, folder: Path, web: Served, registry: Source,
    execute: Callable[[str], None],
) -> Place:  # fmt: skip
    kind = request.param

    def registered(kind: str, secrets: Any = None, **config: Any) -> Source:
        config = {"allow_loopback": True, **config}
        return register_source(
            actor=HUB, key="web", agency=dataset.agency, kind=kind, config=config, secrets=secrets or {}
        )

    if kind.startswith("rest"):
        paging = {"kind": kind.removeprefix("rest by ")}
        return Place(registered("rest", url=web.url, paging=paging), {"select": {}}, web)
    if kind == "files":
        return Place(registered("file", url=web.url + "files/"), {"select": {"path": "*.csv"}}, web)
    if kind == "file":
        (folder / "big.csv").write_text(text(0, ROWS))
        return Place(files, {"select": {"path": "big.csv"}})
    if kind != "postgres":
        return database(request, registered)
    execute(
        "CREATE TABLE things AS SELECT CASE n % 97 WHEN 5 THEN 'x' ELSE '' END || n AS id, 'n' || n AS name,"
        f" '2020-01-01Z'::timestamptz + n / 20 * interval '1 minute' AS at FROM generate_series(1, {ROWS}) n;"
        "UPDATE things SET at = NULL WHERE name LIKE 'n59_'"
    )
    gone = "DELETE FROM things WHERE name IN (SELECT name FROM things ORDER BY at, length(name), name LIMIT {})"
    values = {"select": {"table": "things"}, "cursor": "at", "mode": "merge"}
    return Place(registry, values, forget=lambda rows: execute(gone.format(rows - 20)))


def database(request: pytest.FixtureRequest, registered: Callable[..., Source]) -> Place:
    """With ties, and with rows that have no time, which SQLite gives first and MariaDB last."""
    peer = ALL[request.param](request)
    rows = [
        (f"x{n}" if n % 97 == 5 else str(n), f"n{n}", None if n // 10 == 59 else f"2020-01-01T00:{n // 20:02}:00Z")
        for n in range(1, ROWS + 1)
    ]
    ordered = sorted(rows, key=lambda row: row[2] or ("" if request.param == "sql" else "9"))
    peer.put(Content(tuple(rows)))
    source = registered(peer.kind, secrets=peer.secrets, **peer.config)
    values = {"select": peer.select, "cursor": "at", "mode": "merge"}
    return Place(source, values, forget=lambda rows: peer.put(Content(tuple(ordered[rows - 20 :]))))


@pytest.fixture(autouse=True)
def often(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.HUB_CHECKPOINT_SECONDS = 0
    monkeypatch.setattr(batches, "WAITS_SECONDS", 0)
    monkeypatch.setattr(passage, "MARKED_AFTER_SECONDS", 0)
    monkeypatch.setattr(mysql, "_AT_ONCE", 100)
    monkeypatch.setattr(sql, "AT_ONCE", 100)
    yield
    staging.sweep([])  # what a killed worker left, and nobody took over


@pytest.fixture
def stream_for(dataset: Dataset) -> Callable[[Place], Stream]:
    made = iter(range(100))

    def stream(place: Place) -> Stream:
        number = next(made)
        into = register_dataset(
            actor=HUB, agency=dataset.agency, key=f"met.d{number}", title="D", fields=FIELDS, primary_key=["id"]
        )
        return stream_of(place.source, into, key=f"s{number}", contract={"max_rejects": "50%"}, **place.values)

    return stream


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each piece holds that this process sends to the hub's own database."""
    pieces: list[int] = []
    read = Lines.read

    def counted(lines: Lines, size: int) -> bytes:
        piece = read(lines, size)
        pieces.append(piece.count(b"\n"))
        return piece

    monkeypatch.setattr(Lines, "read", counted)
    return pieces


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_next_worker_goes_on_behind_the_checkpoint_to_the_same_end(
    place: Place, stream_for: Callable[[Place], Stream], brought: list[int], sign: signal.Signals
) -> None:
    undisturbed = stream_for(place)
    expected = state_of(undisturbed, carried_out(undisturbed))
    assert expected.run[:2] == ("partial", ROWS)
    stream = stream_for(place)

    _pace(place, A_SECOND)
    run, worker = _lost(stream, sign)
    passed = Checkpoint.objects.get(run=run).state["rows_read"]
    place.forget(passed)
    asked = _counted(place)
    brought.clear()
    carry_out(run.pk)
    again = _counted(place) - asked
    _over(worker)

    run.refresh_from_db()
    assert state_of(stream, run) == expected
    assert sum(brought) <= ROWS - passed
    if place.served is not None:
        assert again <= (ROWS - passed) // A_PAGE + 1
    assert staged() == []


@pytest.mark.parametrize("place", ["file"], indirect=True)
@pytest.mark.parametrize("change", ["source", "fields", "select", "crash"])
def test_next_worker_begins_again_where_something_has_changed(
    place: Place, stream_for: Callable[[Place], Stream], folder: Path, brought: list[int], change: str
) -> None:
    stream = stream_for(place)
    _pace(place, A_SECOND)
    run, worker = _lost(stream, signal.SIGKILL)
    _over(worker)

    if change == "source":
        (folder / "big.csv").write_text(text(1, ROWS))
    elif change == "fields":
        fields = [{**field, "max": "1000"} if field["name"] == "id" else field for field in FIELDS]
        set_fields(actor=HUB, dataset=stream.dataset, fields=fields)
    elif change == "select":
        (folder / "other.csv").write_text(text(0, ROWS))
        Stream.objects.filter(pk=stream.pk).update(select={"path": "other.csv"})
    else:
        _emptied_as_by_a_crash(Checkpoint.objects.get(run=run).staging)
    brought.clear()
    carry_out(run.pk)

    run.refresh_from_db()
    assert sum(brought) == run.rows_read - (ROWS // 50 - (change == "source"))
    _pace(place, 0)
    undisturbed = carried_out(Stream.objects.get(pk=stream.pk))
    assert (run.rows_read, run.rejected) == (undisturbed.rows_read, undisturbed.rejected)
    assert undisturbed.unchanged == run.inserted
    assert staged() == []


@pytest.mark.parametrize("place", ["file"], indirect=True)
def test_attempt_that_got_further_is_the_first_of_three(place: Place, stream_for: Callable[[Place], Stream]) -> None:
    _pace(place, A_SECOND)
    run, worker = _lost(stream_for(place), signal.SIGKILL, attempts=MAX_ATTEMPTS - 1)
    _over(worker)
    assert run.attempts == 1

    Run.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS)
    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "worker-died")


def _pace(place: Place, rows_per_second: int) -> None:
    """Let a load last, so that it can be lost; with 0, be as short as it can."""
    place.source.config["max_rows_per_second"] = rows_per_second
    place.source.save()


def _lost(stream: Stream, sign: signal.Signals, attempts: int = 0) -> tuple[Run, int]:
    """A run whose worker, a process of its own, is killed or stands still after some checkpoints."""
    run = Run.objects.create(stream=stream, attempts=attempts)
    worker = os.fork()
    if worker == 0:
        try:
            for each in connections.all():
                each.connection = None  # the parent's sockets are not this process's to close
            carry_out(run.pk)
        finally:
            os._exit(0)
    while not Checkpoint.objects.filter(run=run, furthest__gte=ROWS // 3).exists():
        time.sleep(0.01)
    os.kill(worker, sign)
    Run.objects.filter(pk=run.pk, status="running").update(lease_until=now() - timedelta(seconds=1))
    run.refresh_from_db()
    assert run.status == "running"
    return run, worker


def _over(worker: int) -> None:
    """Let a worker that stands still go on to its end."""
    os.kill(worker, signal.SIGCONT)
    os.waitpid(worker, 0)


def _counted(place: Place) -> int:
    return len(place.served.asked) if place.served is not None else 0


def _emptied_as_by_a_crash(name: str) -> None:
    left = staging.Staging(name, ())
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {left.table}, {left.bad}")
