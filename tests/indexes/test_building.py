"""An index is built beside readers and loads, once, whatever becomes of its builder; pages are then read by it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils.timezone import now

from hub.accounts.caller import HUB
from hub.audit.models import Event
from hub.catalog.models import Dataset, Field
from hub.errors import Invalid
from hub.store.indexing import building
from hub.store.indexing.building import claim, has_work, keep_indexes
from hub.store.indexing.commands import ask_index, drop_index
from hub.store.models import Index, Relation
from hub.store.tables import ensure_relation
from tests.feeds import load_rows
from tests.indexes.conftest import MANY, ROWS, Read, made, stands

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def writing(dataset: Dataset) -> Iterator[None]:
    """Another transaction has written to the dataset's table: whoever builds an index has to wait for its end."""
    with beside(f"UPDATE {Relation.objects.get(dataset=dataset).table} SET c4 = c4 WHERE c1 = 1"):
        yield


@contextmanager
def reading(dataset: Dataset) -> Iterator[None]:
    """Another transaction looks at something else for long: the last step of a build waits for it too."""
    with beside("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM accounts_agency"):
        yield


@contextmanager
def beside(*statements: str) -> Iterator[None]:
    """A transaction on another connection."""
    other: Any = connections["default"].copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    try:
        yield
    finally:
        other.rollback()
        other.close()


def builds(index: Index) -> bool:
    """Whether PostgreSQL is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_progress_create_index WHERE index_relid <> 0")
        return cursor.fetchone() != (0,) and bool(stands(index))


def wait_for(told: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not told():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def building_apart(index: Index, held: Callable[[Dataset], Any] = writing) -> Iterator[None]:
    """A builder on a thread of its own, which cannot end before the block does."""

    def work() -> None:
        try:
            keep_indexes()
        finally:
            connections.close_all()

    thread = Thread(target=work)
    with held(index.dataset):
        thread.start()
        wait_for(lambda: builds(index))
        yield
    thread.join(60)
    assert not thread.is_alive()


def test_of_many_rows_a_page_is_read_by_its_index_once_it_is_built(plan: Callable[..., str], read: Read) -> None:
    flights = made(MANY)
    asked = {"filter": "origin = 'O7'", "sortby": "-dep_delay,flight"}
    with pytest.raises(Invalid, match="look at every row"):
        read(**asked)
    assert "Seq Scan" in plan(**asked)

    index = ask_index(actor=HUB, dataset=flights, fields=["origin", "-dep_delay", "flight"])
    assert (index.status, has_work()) == ("wanted", True)
    keep_indexes()

    index.refresh_from_db()
    assert (index.status, index.generation, index.error, has_work()) == ("ready", 1, "", False)
    told = plan(**asked)
    assert f"_i{index.pk.hex}" in told
    assert "Sort" not in told
    delays = [row["dep_delay"] for row in read(**asked)]
    assert len(delays) == 100
    assert delays == sorted(delays, key=lambda delay: (delay is None, -(delay or 0)))
    assert Event.objects.filter(kind="index.built", dataset="dot.flights").count() == 1


def test_one_builder_at_a_time(flights: Dataset) -> None:
    for fields in (["origin"], ["flight"]):
        ask_index(actor=HUB, dataset=flights, fields=fields)

    first = claim()

    assert first is not None
    assert claim() is None
    building.build(first)
    second = claim()
    assert second is not None
    assert second.pk != first.pk


@pytest.mark.parametrize("fields", [["origin"], ["origin", "flight"]])
def test_a_builder_that_was_overtaken_says_nothing_of_the_end(flights: Dataset, fields: list[str]) -> None:
    """Neither of a good one nor of a bad: the index is the next one's, which is still at it."""
    ask_index(actor=HUB, dataset=flights, fields=fields)
    slow = claim()
    assert slow is not None
    Index.objects.update(lease_until=now() - timedelta(seconds=1))
    next_one = claim()
    assert next_one is not None
    assert next_one.fence > slow.fence
    if len(fields) == 2:
        Field.objects.filter(dataset=flights, name="flight").delete()

    building.build(slow)

    told = Index.objects.values_list("status", "fence", "built_at", "error").get()
    assert told == ("building", next_one.fence, None, "")
    assert not Event.objects.filter(kind="index.built").exists()


def test_a_builder_that_is_killed_leaves_nothing_behind(flights: Dataset) -> None:
    """Killed while it waits for a writer; its server process goes on, and is ended by the next builder."""
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    code = (
        "import django; django.setup(); from django.conf import settings;"
        f"settings.DATABASES['default']['NAME'] = {connection.settings_dict['NAME']!r};"
        "from hub.store.indexing.building import keep_indexes; keep_indexes()"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings"}
    with writing(flights):
        builder = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR)
        wait_for(lambda: builds(index))
        builder.send_signal(signal.SIGKILL)
        builder.wait()
        keep_indexes()
        assert stands(index) == [(flights.relation.table, False)]
        assert Index.objects.get().status == "building"

    Index.objects.update(lease_until=now() - timedelta(seconds=1))
    assert has_work()
    keep_indexes()

    index.refresh_from_db()
    assert index.status == "ready"
    assert stands(index) == [(flights.relation.table, True)]


def test_an_invalid_leftover_is_made_anew(flights: Dataset) -> None:
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    with building_apart(index):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index")
        wait_for(lambda: Index.objects.get().status == "wanted")
        assert stands(index) == [(flights.relation.table, False)]
    assert Index.objects.get().due_at > now()

    Index.objects.update(due_at=now())
    keep_indexes()

    assert Index.objects.get().status == "ready"
    assert stands(index) == [(flights.relation.table, True)]


def test_a_load_goes_on_while_an_index_is_built(flights: Dataset, read: Read) -> None:
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    with building_apart(index):
        load_rows(flights, [{"id": ROWS + n, "origin": "new", "flight": n} for n in range(1, 4)], "merge")
        assert builds(index)

    assert Index.objects.get().status == "ready"
    assert [row["flight"] for row in read(origin="new")] == [1, 2, 3]


def test_a_new_column_does_not_wait_for_a_builder(flights: Dataset) -> None:
    """It would, and all readers behind it."""
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    with building_apart(index, reading):
        Field.objects.create(dataset=flights, number=6, name="gate", type="string", sensitivity="public")
        began = time.monotonic()
        ensure_relation(flights)
        assert time.monotonic() - began < 5
    assert Index.objects.get().status == "wanted"

    Index.objects.update(due_at=now())
    keep_indexes()

    assert Index.objects.get().status == "ready"


def test_an_index_that_is_dropped_goes_while_nobody_waits(flights: Dataset) -> None:
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    keep_indexes()
    gone = Index(pk=index.pk)
    drop_index(actor=HUB, dataset=flights, index=index)
    assert has_work()

    keep_indexes()

    assert stands(gone) == []
    assert not has_work()


@pytest.mark.parametrize("mode", ["merge", "append"])
def test_no_row_stays_out_for_an_index(flights: Dataset, read: Read, mode: Any) -> None:
    """A text that no index can hold comes in, and the index goes."""
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    keep_indexes()

    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(3_000))
    outcome = load_rows(flights, [{"id": ROWS + 1, "origin": long}], mode)

    assert (outcome.inserted, outcome.rejected) == (1, 0)
    assert read(id=str(ROWS + 1))[0]["origin"] == long
    index.refresh_from_db()
    assert (index.status, index.error) == ("failed", "A value is too long for an index.")
    assert stands(index) == []

    ask_index(actor=HUB, dataset=flights, fields=["origin"])
    keep_indexes()
    assert Index.objects.get().status == "failed"
