"""A database that changes between runs and while they read: the dataset ends as a plain model of it says."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connections

from connectors.models import Run, Source, Stream
from hub.catalog.models import Dataset
from hub.store.models import Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import Begin, Execute, logged, shown

TABLE = "CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz, deleted_at timestamptz)"
ROWS = 40_000
HALTING = f"SELECT id, name, at FROM things WHERE id <> {ROWS // 2} OR pg_advisory_lock_shared(7) IS NOT NULL"
"""Stands still in the middle of the table for as long as another session holds the lock."""
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


def read_halfway(begin: Begin, run_of: RunOf, stream: Stream, act: Callable[[Any], None]) -> Run:
    """Run the stream, and ``act`` on the source while the rows of its first half are on their way."""

    def ran() -> Run:
        try:
            return run_of(stream)
        finally:
            connections.close_all()

    with begin() as other, ThreadPoolExecutor(1) as pool:
        other.autocommit = True
        cursor = other.cursor()
        cursor.execute("SELECT pg_advisory_lock(7)")
        running = pool.submit(ran)
        halted: list[int] = []
        for _ in range(500):
            cursor.execute(
                "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'advisory' AND NOT l.granted AND a.datname = current_database()"
            )
            halted = [pid for (pid,) in cursor.fetchall()]
            if halted:
                break
            time.sleep(0.02)
        assert halted
        act(cursor)
        cursor.execute("SELECT pg_advisory_unlock(7)")
        return running.result(timeout=60)


@pytest.fixture
def large(registry: Source, dataset: Dataset, execute: Execute) -> Stream:
    """A stream of rows that come in several chunks, each of about fifty bytes."""
    execute(TABLE)
    execute(f"INSERT INTO things SELECT i, repeat('x', 40) || i, '2020-01-01Z' FROM generate_series(1, {ROWS}) i")
    return stream_of(registry, dataset, select={"query": HALTING})


def test_run_sees_the_table_as_it_was_when_it_began(
    large: Stream, execute: Execute, begin: Begin, run_of: RunOf
) -> None:
    def change(cursor: Any) -> None:
        cursor.execute(f"DELETE FROM things WHERE id IN (1, {ROWS})")
        cursor.execute(f"UPDATE things SET name = 'changed' WHERE id IN (2, {ROWS - 1})")
        cursor.execute("INSERT INTO things VALUES (0, 'new', '2020-01-02Z'), (99999, 'new', '2020-01-02Z')")

    first = read_halfway(begin, run_of, large, change)
    seen = shown(large.dataset)
    second = run_of(large)

    assert (first.status, first.inserted) == ("succeeded", ROWS)
    assert {key: row[0] for key, row in seen.items()} == {key: "x" * 40 + str(key) for key in range(1, ROWS + 1)}
    assert (second.inserted, second.updated, second.deleted) == (2, 2, 2)
    assert logged(large.dataset) == [
        *(("delete", key, "x" * 40 + str(key)) for key in (1, ROWS)),
        *(("update", key, "x" * 40 + str(key)) for key in (2, ROWS - 1)),
    ]


def test_connection_that_is_cut_in_the_middle_changes_nothing(
    large: Stream, execute: Execute, begin: Begin, run_of: RunOf
) -> None:
    run_of(large)
    before = shown(large.dataset)
    execute("UPDATE things SET name = name || '!'")

    def cut(cursor: Any) -> None:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    run = read_halfway(begin, run_of, large, cut)

    assert (run.status, run.error_code, run.version) == ("failed", "source-down", None)
    assert run.rows_read > 0
    assert shown(large.dataset) == before
    assert logged(large.dataset) == []
    assert Relation.objects.get(dataset=large.dataset).version == 1


def test_table_that_was_emptied_is_held_and_an_empty_step_changes_nothing(
    dataset: Dataset, registry: Source, execute: Execute, run_of: RunOf
) -> None:
    execute(TABLE)
    execute("INSERT INTO things VALUES (1, 'one', '2020-01-01Z'), (2, 'two', '2020-01-02Z')")
    stream = stream_of(registry, dataset, select={"table": "things"})
    run_of(stream)
    before = shown(dataset)
    execute("TRUNCATE things")

    held = run_of(stream)
    Stream.objects.update(mode="merge", cursor="at", cursor_value="2020-01-02T00:00:00Z")
    stream.refresh_from_db()
    step = run_of(stream)
    stream.refresh_from_db()

    assert (held.status, held.error_code) == ("held", "shrinks-too-much")
    assert (step.status, step.inserted, step.updated, step.deleted, step.unchanged) == ("succeeded", 0, 0, 0, 0)
    assert (shown(dataset), logged(dataset), stream.cursor_value) == (before, [], "2020-01-02T00:00:00Z")


class Register:
    """What the source promises: each change carries a time no more than an hour before the newest, however late it is
    committed, and a row that is gone stays with its mark.
    """

    def __init__(self, execute: Execute, draw: Random) -> None:
        self.execute, self.draw, self.newest = execute, draw, BEGINNING
        self.rows: dict[int, tuple[str, datetime, bool]] = {}

    def change(self, key: int) -> str:
        """Write one row, in the model too; answers the statement."""
        late = self.draw.random() < 0.3
        at = self.newest - timedelta(minutes=self.draw.randrange(60)) if late else self.newest
        if not late and self.draw.random() < 0.7:  # else it ties with the newest
            at = self.newest = self.newest + timedelta(minutes=self.draw.randrange(1, 300))
        name, is_gone = f"n{self.draw.randrange(4)}", self.draw.random() < 0.3
        self.rows[key] = name, at, is_gone
        gone = f"'{at.isoformat()}'" if is_gone else "NULL"
        return (
            f"INSERT INTO things VALUES ({key}, '{name}', '{at.isoformat()}', {gone}) ON CONFLICT (id) DO UPDATE"
            " SET (name, at, deleted_at) = (excluded.name, excluded.at, excluded.deleted_at)"
        )

    def there(self) -> dict[int, tuple[str, str]]:
        return {
            key: (name, at.strftime("%Y-%m-%d %H:%M:%S"))
            for key, (name, at, is_gone) in self.rows.items()
            if not is_gone
        }


@pytest.mark.parametrize("seed", range(4))
def test_register_with_late_commits_ties_and_marks_is_followed_step_by_step(
    dataset: Dataset, registry: Source, execute: Execute, begin: Begin, run_of: RunOf, seed: int
) -> None:
    execute(TABLE)
    draw = Random(seed)
    register = Register(execute, draw)
    values = {"mode": "merge", "cursor": "at", "overlap": "1 hour", "deleted": {"column": "deleted_at"}}
    contract = {"max_shrink": "100%"}
    stream = stream_of(registry, dataset, select={"table": "things"}, contract=contract, **values)
    log: list[tuple[str, int, str | None]] = []
    reached, before = "", register.there()
    for _ in range(8):
        statements = [register.change(key) for key in draw.sample(range(12), 4)]
        with begin() as slow:
            for statement in statements[2:]:
                slow.cursor().execute(statement)
            for statement in statements[:2]:
                execute(statement)
            stream.refresh_from_db()
            assert run_of(stream).status == "succeeded"
            between = shown(dataset)
            slow.commit()
        stream.refresh_from_db()
        assert run_of(stream).status == "succeeded"
        stream.refresh_from_db()

        after = register.there()
        assert shown(dataset) == after
        log += _differences(before, between) + _differences(between, after)
        assert stream.cursor_value >= reached
        reached, before = stream.cursor_value, after

    assert logged(dataset) == log


def _differences(before: dict[int, Any], after: dict[int, Any]) -> list[tuple[str, int, str | None]]:
    """What goes into the log on the way from one state to the other, in its order."""
    gone = [("delete", key, row[0]) for key, row in before.items() if key not in after]
    changed = [("update", key, row[0]) for key, row in before.items() if key in after and after[key] != row]
    return sorted(gone) + sorted(changed)
