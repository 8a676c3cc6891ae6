"""A worker killed at any statement of a run: the rerun ends as an undisturbed one, and readers see whole states."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from django.db import ProgrammingError, connection, connections
from django.utils.timezone import now

from connectors import batches
from connectors.fetching import passage
from connectors.formats import table
from connectors.models import Run, Source, Stream
from connectors.runs.dispatch import _sweep
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.catalog.commands import register_dataset
from hub.store.models import Relation
from tests.connectors.conftest import FIELDS, stream_of
from tests.connectors.runs.killing import CASES, HEAD, Statements, carried_out, killed_at, state_of

IS_LONG = os.environ.get("HUB_PROOF") == "long"
STEP = 3
"""Every statement is killed at under ``make proof``; here each third one that leaves another state than the one before,
each mode beginning with another."""


@pytest.fixture
def stream_for(files: Source, folder: Path) -> Callable[..., Stream]:
    """A stream into a dataset of its own, filled with what was there before."""
    made = iter(range(1000))

    def stream(settings: dict[str, str], key: list[str], before: str | None) -> Stream:
        number = next(made)
        dataset = register_dataset(
            actor=HUB, agency=files.agency, key=f"met.d{number}", title="D", fields=FIELDS, primary_key=key
        )
        select = {"path": f"{number}.csv"}
        stream = stream_of(files, dataset, key=f"s{number}", select=select, contract={"max_rejects": "50%"}, **settings)
        if before is not None:
            (folder / f"{number}.csv").write_text(before)
            carried_out(stream)
        return stream

    return stream


@pytest.fixture(params=[30, 0])
def checkpoint_seconds(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """With none, for so short a load; and with one after every batch of some ten rows."""
    settings.HUB_CHECKPOINT_SECONDS = request.param
    if not request.param:
        monkeypatch.setattr(table, "BLOCK", 256)
        monkeypatch.setattr(batches, "BATCH_BYTES", 256)
        monkeypatch.setattr(passage, "MARKED_AFTER_SECONDS", 0)
    return int(request.param)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_rerun_after_a_kill_ends_as_an_undisturbed_run(
    stream_for: Callable[..., Stream], folder: Path, case: str, checkpoint_seconds: int
) -> None:
    settings, key, before, after = CASES[case]
    undisturbed = stream_for(settings, key, before)
    statements = Statements()
    (folder / undisturbed.select["path"]).write_text(after)
    with statements.watched():
        expected = state_of(undisturbed, carried_out(undisturbed))
    assert statements.count > 20
    assert expected.run[0] in Run.GOOD

    step = STEP if checkpoint_seconds else 2 * STEP
    telling = statements.telling[list(CASES).index(case) % step :: step]
    for point in range(1, statements.count + 1) if IS_LONG else telling:
        stream = stream_for(settings, key, before)
        (folder / stream.select["path"]).write_text(after)
        with _watching(stream) as seen:
            run = killed_at(stream, point)
            assert _version(stream) == (expected.version if run.status in Run.GOOD else expected.version - 1)
            Run.objects.filter(pk=run.pk, status="running").update(lease_until=now() - timedelta(seconds=1))
            carry_out(run.pk)
        run.refresh_from_db()

        assert state_of(stream, run) == expected, f"killed at statement {point}"
        assert seen <= {_digest(before), _digest_of(stream)}, f"killed at statement {point}"
    _sweep()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")
        assert cursor.fetchall() == []


def _version(stream: Stream) -> int:
    return Relation.objects.filter(dataset=stream.dataset).values_list("version", flat=True).first() or 0


@contextmanager
def _watching(stream: Stream) -> Iterator[set[tuple[int, str]]]:
    """All states of the dataset that a reader finds who never stops looking."""
    seen: set[tuple[int, str]] = set()
    is_over = Flag()

    def look() -> None:
        try:
            while not is_over.wait(0.005):
                try:
                    seen.add(_digest_of(stream))
                except (Relation.DoesNotExist, ProgrammingError):
                    continue  # there is no table yet, or the pointer moved between two statements
        finally:
            connections.close_all()

    reader = Thread(target=look)
    reader.start()
    try:
        yield seen
    finally:
        is_over.set()
        reader.join()


def _digest_of(stream: Stream) -> tuple[int, str]:
    relation = Relation.objects.get(dataset=stream.dataset)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), coalesce(string_agg(c1 || '=' || c2, ',' ORDER BY c1, c2), '') FROM {relation.table}"
        )
        count, text = cursor.fetchone()
    return int(count), str(text)


def _digest(content: str | None) -> tuple[int, str]:
    lines = (content or HEAD).splitlines()[1:]
    pairs = sorted((int(line.split(",")[0]), line.split(",")[1]) for line in lines if not line.startswith("x"))
    return len(pairs), ",".join(f"{number}={name}" for number, name in pairs)
