"""A file goes out under a right that holds to its last byte, and is made once however many ask at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.utils.timezone import now

from hub.errors import Forbidden
from hub.query.files import building, kept
from hub.query.files.reading import FileRead
from hub.store.copying import Snapshot, serve_snapshot
from hub.store.models import Relation

Fill, Read = Callable[..., None], Callable[..., FileRead]
pytestmark = pytest.mark.django_db(transaction=True)


def everything(read: FileRead) -> bytes:
    return b"".join(read.chunks(0, read.contents.size))


def test_transfer_is_cut_when_the_right_ends(
    fill: Fill, read: Read, rule: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.query.door._LOOKS_UP_EVERY", 0.0)
    monkeypatch.setattr("hub.query.files.reading._CHUNK", 10)
    fill({"名字": "x" * 100})
    got = read("csv")
    chunks = got.chunks(0, got.contents.size)
    assert len(next(chunks)) == 10

    rule(effect="prohibit")

    with pytest.raises(Forbidden):
        next(chunks)
    chunks.close()


def test_transfer_is_whole_when_something_else_changes(
    fill: Fill, read: Read, rule: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.query.door._LOOKS_UP_EVERY", 0.0)
    fill({"名字": "x" * 100})
    got = read("csv")

    rule(effect="prohibit", party_agency_id=_agency("dot"))

    assert len(everything(got)) == got.contents.size


def _agency(code: str) -> int:
    from hub.accounts.models import Agency

    return Agency.objects.get(code=code).pk


def test_file_is_made_once_for_all_who_ask_at_the_same_time(
    fill: Fill, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(*({"名字": "x" * 1000} for _ in range(200)))
    made: list[int] = []

    @contextmanager
    def counted() -> Iterator[Snapshot]:
        made.append(1)
        with serve_snapshot() as snapshot:
            yield snapshot

    monkeypatch.setattr(building, "serve_snapshot", counted)
    told: list[bytes] = []

    def ask() -> None:
        try:
            told.append(everything(read("parquet")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 4
    assert len(set(told)) == len(made) == 1


def test_file_that_could_not_be_finished_leaves_nothing_behind(
    fill: Fill, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill({"名字": "x"})

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(building._Digested, "write", full)
        with pytest.raises(OSError, match="No space"):
            read("csv")
    assert list(kept.folder().iterdir()) == []

    got = read("csv")
    assert everything(got).endswith(b"x,,,,,,,\r\n")


def test_version_that_comes_again_is_not_taken_for_the_old_one(fill: Fill, read: Read, dataset: Any) -> None:
    """As after a restore of the database alone."""
    fill({"名字": "before"})
    relation = Relation.objects.get(dataset=dataset)
    assert b"before" in everything(read("csv"))

    fill({"id": 2, "名字": "after"})
    Relation.objects.filter(pk=relation.pk).update(version=relation.version, synced_at=now())

    assert b"after" in everything(read("csv"))
