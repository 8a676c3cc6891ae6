"""Sources of every kind that change while they are read and between runs: the dataset is what a model of it says."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest

from connectors import batches, copying
from connectors.commands import edit_stream, register_source
from connectors.formats import table
from connectors.kinds.mysql import relations as mysql
from connectors.kinds.sql import relations as sql
from connectors.models import Run, Source, Stream
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.intake.lines import Lines
from hub.store.models import Rejected, Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import logged, shown
from tests.connectors.sources import ALL, FORMS, INCREMENTAL, KINDS
from tests.connectors.sources.content import THINGS, Content, Peer

IS_LONG = os.environ.get("HUB_PROOF") == "long"
PEERS = list(ALL if IS_LONG else KINDS)
"""Further forms of a kind are read as the kind is; where it is the form that tells, they are here too."""
LINE, AT, DAY = "x" * 60, "2020-01-01T00:00:00Z", "2020-01-01 00:00:00"
ROWS, WAITS_SECONDS = 200, 5
MANY = Content(tuple((str(key), f"{LINE}{key}", AT) for key in range(1, ROWS + 1)))


def things(**names: str) -> Content:
    """Rows by their keys, ``k1`` and so on."""
    return Content(tuple((key[1:], name, AT) for key, name in names.items()))


def with_columns(*rows: tuple[str | None, ...], **columns: str) -> Content:
    return Content(rows, columns)


@pytest.fixture
def peer(request: pytest.FixtureRequest, dataset: Dataset, folder: object, monkeypatch: pytest.MonkeyPatch) -> Peer:
    for module, name, size in (
        (batches, "BATCH_BYTES", 2048), (copying, "CHUNK", 2048), (table, "BLOCK", 2048), (mysql, "_AT_ONCE", 20),
        (sql, "AT_ONCE", 20),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, size)
    return ALL[request.param](request)


@pytest.fixture
def source(peer: Peer, dataset: Dataset) -> Source:
    return register_source(
        actor=HUB, key="peer", agency=dataset.agency, kind=peer.kind, config=peer.config, secrets=peer.secrets
    )


@pytest.fixture
def stream(peer: Peer, source: Source, dataset: Dataset) -> Stream:
    return stream_of(source, dataset, select=peer.select)


def ran_on(stream: Stream, run_of: RunOf) -> Run:
    """Run it as the next worker would, who knows what the last one has left."""
    stream.refresh_from_db()
    return run_of(stream)


@contextmanager
def in_the_middle(act: Callable[[], None]) -> Iterator[list[int]]:
    """``act`` while rows are on their way; how many had come by then.

    On a thread of its own: a change to a table may have to wait until whoever reads it is done.
    """
    read, come, acted = Lines.read, 0, []  # type: ignore[var-annotated]

    def reading(lines: Lines, size: int) -> bytes:
        nonlocal come
        if come and not acted:
            acted.append(come)
            acting.append(pool.submit(act))
            wait(acting, WAITS_SECONDS)
        piece = read(lines, size)
        come += piece.count(b"\n")
        return piece

    acting: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lines, "read", reading)
        yield acted
    acting[0].result()


@pytest.mark.parametrize("peer", PEERS, indirect=True)
def test_source_that_changes_while_it_is_read(peer: Peer, stream: Stream, dataset: Dataset, run_of: RunOf) -> None:
    kept = ((key, "changed" if key == "2" else name, AT) for key, name, _ in MANY.rows[1:])
    changed = Content((("0", "new", AT), *kept, ("900", "new", AT)))
    peer.put(MANY)
    with in_the_middle(lambda: peer.put(changed)) as come:
        first = run_of(stream)
    seen = {key: row[0] for key, row in shown(dataset).items()}
    second = ran_on(stream, run_of)

    assert 0 < come[0] < ROWS
    before, after = ({int(key): name for key, name, _ in content.rows} for content in (MANY, changed))
    if peer.while_read == "told":
        assert (first.status, first.error_code, seen) == ("failed", "source-changed", {})
    elif peer.while_read == "as it was":
        assert (first.status, seen) == ("succeeded", before)
    else:
        assert set(seen.items()) <= {*before.items(), *after.items()}
    assert second.status == "succeeded"
    assert {key: row[0] for key, row in shown(dataset).items()} == after
    assert {key for _, key, _ in logged(dataset)} == {key for key in seen if seen[key] != after.get(key)}


@pytest.mark.parametrize("peer", ALL if IS_LONG else {**KINDS, **FORMS}, indirect=True)
def test_source_that_ends_in_the_middle_or_holds_nothing_any_more(
    peer: Peer, stream: Stream, dataset: Dataset, run_of: RunOf
) -> None:
    peer.put(MANY)
    run_of(stream)
    before = shown(dataset)
    assert len(before) == ROWS

    peer.cut()
    cut = ran_on(stream, run_of)
    assert (cut.status, cut.error_code in peer.cut_as, cut.version) == ("failed", True, None), cut.error_code
    peer.put(Content(()))
    emptied = ran_on(stream, run_of)
    assert (emptied.status in ("failed", "held"), emptied.version) == (True, None)
    assert (shown(dataset), logged(dataset)) == (before, [])
    edit_stream(actor=HUB, stream=stream, mode="merge")
    step = ran_on(stream, run_of)
    assert step.inserted == step.updated == step.deleted == 0

    peer.put(MANY)
    again = ran_on(stream, run_of)
    assert (again.status, again.unchanged) == ("succeeded", ROWS)
    assert (shown(dataset), logged(dataset)) == (before, [])


@pytest.mark.parametrize("peer", ALL if IS_LONG else [*KINDS, "json"], indirect=True)
def test_columns_that_come_go_and_are_renamed_under_each_contract(
    peer: Peer, stream: Stream, dataset: Dataset, run_of: RunOf
) -> None:
    def under(columns: str) -> tuple[str, str, dict[int, Any]]:
        edit_stream(actor=HUB, stream=stream, contract={"columns": columns})
        run = ran_on(stream, run_of)
        return run.status, run.error_code, shown(dataset)

    peer.put(with_columns(("1", "one", AT), **THINGS))
    assert under("hold") == ("succeeded", "", {1: ("one", DAY)})

    peer.put(with_columns(("1", "one", AT, "555"), **THINGS, phone="text"))
    assert under("hold") == ("held", "columns-changed", {1: ("one", DAY)})
    assert under("fail") == ("failed", "columns-changed", {1: ("one", DAY)})
    assert under("evolve") == ("succeeded", "", {1: ("one", DAY, "555")})

    peer.put(with_columns(("1", "one", AT, "555"), id="text", title="text", at="time", phone="text"))
    assert under("hold") == ("held", "columns-changed", {1: ("one", DAY, "555")})
    assert under("fail") == ("failed", "columns-changed", {1: ("one", DAY, "555")})
    assert under("evolve") == ("succeeded", "", {1: (None, DAY, "555", "one")})

    peer.put(with_columns(("1", "one", AT), id="text", title="text", at="time"))
    assert under("hold") == ("held", "columns-changed", {1: (None, DAY, "555", "one")})
    assert under("fail") == ("failed", "columns-changed", {1: (None, DAY, "555", "one")})
    assert under("evolve") == ("succeeded", "", {1: (None, DAY, None, "one")})
    assert [operation for operation, *_ in logged(dataset)] == ["update"] * 3


@pytest.mark.parametrize("peer", PEERS, indirect=True)
def test_values_of_another_type_are_kept_out_and_the_row_before_stays(
    peer: Peer, stream: Stream, dataset: Dataset, run_of: RunOf
) -> None:
    edit_stream(actor=HUB, stream=stream, mode="merge", contract={"max_rejects": "50%"})
    peer.put(things(k1="one"))
    run_of(stream)

    peer.put(with_columns(("1", "one", "yesterday"), ("2", "two", AT), **{**THINGS, "at": "text"}))
    run = ran_on(stream, run_of)

    assert (run.status, run.inserted, run.rejected) == ("partial", 1, 1)
    assert list(Rejected.objects.values_list("field", "rule", "value")) == [("at", "type", "yesterday")]
    assert shown(dataset) == {1: ("one", DAY), 2: ("two", DAY)}
    assert Relation.objects.get(dataset=dataset).version == 2


@pytest.mark.parametrize("peer", INCREMENTAL, indirect=True)
def test_late_commits_ties_and_marks_are_followed_from_the_cursor_on(
    peer: Peer, source: Source, dataset: Dataset, run_of: RunOf
) -> None:
    """A row counts from an hour before the newest on, to the second, however late it is committed."""

    def put(*rows: tuple[str, str, str, bool]) -> None:
        marked = [
            (key, name, f"2020-01-01T{at}Z", "2020-01-01T12:00:00Z" if gone else None) for key, name, at, gone in rows
        ]
        peer.put(with_columns(*marked, **THINGS, deleted_at="time"))

    values = {"mode": "merge", "cursor": "at", "overlap": "1 hour", "deleted": {"column": "deleted_at"}}
    stream = stream_of(source, dataset, select=peer.select, **values)
    held = [("1", "a", "09:59:59", False), ("2", "b", "10:00:00", False), ("3", "c", "11:00:00", False)]
    put(*held)
    ran_on(stream, run_of)
    put(*held, ("4", "late", "10:00:00", False), ("5", "tie", "11:00:00", False), ("6", "too late", "09:59:59", False))
    second = ran_on(stream, run_of)
    between = {key: name for key, (name, *_) in shown(dataset).items()}
    put(*held[:2], ("3", "c", "11:30:00", True), ("4", "late", "10:30:00", False), ("5", "again", "11:00:00", False))
    third = ran_on(stream, run_of)
    stream.refresh_from_db()

    assert (second.inserted, second.updated, between) == (2, 0, {1: "a", 2: "b", 3: "c", 4: "late", 5: "tie"})
    assert (third.updated, third.deleted, third.inserted) == (2, 1, 0)
    assert {key: name for key, (name, *_) in shown(dataset).items()} == {1: "a", 2: "b", 4: "late", 5: "again"}
    assert logged(dataset) == [("delete", 3, "c"), ("update", 4, "late"), ("update", 5, "tie")]
    assert stream.cursor_value == "2020-01-01T11:30:00Z"
