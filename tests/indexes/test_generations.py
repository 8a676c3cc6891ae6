"""Where a load fills a new table, its indexes are there before any reader comes to it."""

from typing import Any

import pytest
from django.db import connections

from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.store.indexing.building import keep_indexes
from hub.store.indexing.commands import ask_index
from hub.store.indexing.measuring import note_uses
from hub.store.models import Index, Relation
from tests.feeds import load_rows
from tests.indexes.conftest import ROWS, Read, stands
from tests.indexes.test_building import building_apart

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keyless(flights: Dataset) -> Dataset:
    Dataset.objects.update(primary_key=[])
    return Dataset.objects.get()


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "origin": f"P{n % 3}", "dep_delay": n, "flight": n} for n in range(count)]


def test_an_index_is_there_in_the_next_generation(keyless: Dataset, read: Read, settings: Any) -> None:
    index = ask_index(actor=HUB, dataset=keyless, fields=["-dep_delay"])
    keep_indexes()
    settings.HUB_SCAN_ROWS = 10

    load_rows(keyless, rows(30))

    relation = Relation.objects.get()
    index.refresh_from_db()
    assert (relation.generation, index.generation, index.status) == (2, 2, "ready")
    assert (relation.table, True) in stands(index)
    assert [row["id"] for row in read(sortby="-dep_delay", limit="2")] == [29, 28]


def test_an_index_that_was_asked_before_the_first_load_comes_with_it(keyless: Dataset) -> None:
    load_rows(keyless, [])
    index = ask_index(actor=HUB, dataset=keyless, fields=["origin"])

    load_rows(keyless, rows(30))

    index.refresh_from_db()
    assert index.status == "ready"
    assert (Relation.objects.get().table, True) in stands(index)


def test_a_first_load_with_a_key_brings_its_indexes(flights: Dataset) -> None:
    load_rows(flights, [])
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])

    load_rows(flights, rows(30))

    index.refresh_from_db()
    assert (index.status, index.generation) == ("ready", Relation.objects.get().generation)


def test_the_rows_may_move_while_an_index_is_built(keyless: Dataset) -> None:
    index = ask_index(actor=HUB, dataset=keyless, fields=["origin"])
    with building_apart(index):
        load_rows(keyless, rows(30))

    relation = Relation.objects.get()
    index.refresh_from_db()
    assert (index.status, index.generation) == ("ready", relation.generation)
    assert (relation.table, True) in stands(index)


def test_one_that_did_not_come_along_is_wanted_again(flights: Dataset) -> None:
    index = ask_index(actor=HUB, dataset=flights, fields=["origin"])
    keep_indexes()
    with connections["default"].cursor() as cursor:
        cursor.execute(f"DROP INDEX {Relation.objects.get().table}_i{index.pk.hex}")

    note_uses()

    assert Index.objects.get().status == "wanted"
    keep_indexes()
    assert Index.objects.get().status == "ready"


def test_a_table_that_grows_beyond_the_limit_is_large_from_its_next_read_on(
    flights: Dataset, read: Read, settings: Any
) -> None:
    settings.HUB_INDEX_ROWS, settings.HUB_SCAN_ROWS = 10, ROWS + 1
    assert read(sortby="flight")

    load_rows(flights, [{"id": ROWS + n, "flight": n} for n in range(1, 3)], "append")

    with pytest.raises(Invalid, match="look at every row"):
        read(sortby="flight")
