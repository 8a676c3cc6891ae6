"""Indexes come where the reads of the last days would gain, and go when nobody reads by them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from hub.accounts.caller import HUB
from hub.accounts.commands import bump_epoch
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.operations import tasks
from hub.query import costs, demand
from hub.store.indexing.building import keep_indexes
from hub.store.indexing.commands import ask_index
from hub.store.indexing.measuring import MOST_MEASURED, note_uses, want_measured
from hub.store.models import Demand, Index
from policies.models import Rule
from tests.indexes.conftest import Read, stands

Note = Callable[..., None]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Every read counts as one that took long enough to gain."""
    monkeypatch.setattr(costs, "_SLOW_SECONDS", 0.0)
    settings.HUB_SCAN_ROWS = 10**9


def noted() -> list[list[str]]:
    demand.write_down()
    return sorted(Demand.objects.values_list("fields", flat=True))


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"filter": "origin = 'O7' AND flight > 3"}, ["origin", "flight"]),
        ({"filter": "flight > 3 AND dep_delay < 9"}, ["flight"]),
        ({"flight": "3", "origin": "O7", "sortby": "-dep_delay"}, ["flight", "origin", "-dep_delay"]),
        ({"sortby": "-dep_delay,flight"}, ["-dep_delay", "flight"]),
        ({"of_groups": True, "filter": "flight IN (3,4)", "groupby": "origin"}, ["flight"]),
    ],
)
def test_a_read_notes_the_index_it_would_gain_by(
    flights: Dataset, read: Read, slow: None, params: dict[str, Any], fields: list[str]
) -> None:
    read(**params)
    read(**params)

    assert noted() == [fields]
    assert Demand.objects.get().reads == 2


@pytest.mark.parametrize(
    "params",
    [{}, {"id": "7"}, {"sortby": "id"}, {"filter": "CASEI(origin) = CASEI('o7')"}, {"filter": "origin = 'O7'"}],
)
def test_what_the_key_or_an_index_serves_notes_nothing(
    flights: Dataset, read: Read, slow: None, params: dict[str, str]
) -> None:
    Index.objects.create(dataset=flights, fields=["origin", "flight"], origin="asked", status="ready", generation=1)

    read(**params)

    assert noted() == []


def test_a_read_of_a_small_table_notes_nothing(flights: Dataset, read: Read, slow: None, settings: Any) -> None:
    settings.HUB_INDEX_ROWS = 10**9

    read(sortby="flight")

    assert noted() == []


def test_a_row_filter_of_the_decision_counts_and_its_reader_learns_nothing(
    flights: Dataset, read: Read, slow: None
) -> None:
    words = {"reason": "x", "author": "a", "approver": "b", "status": "approved"}
    Rule.objects.create(key="some", target_dataset=flights, effect="permit", filter="ssn = 'secret-7'", **words)
    bump_epoch()

    assert [row["id"] for row in read()] == [7]

    assert noted() == [["ssn"]]
    assert "ssn" not in str(Event.objects.get(kind="rows.read").details)


@pytest.mark.django_db(transaction=True)
def test_what_is_refused_again_and_again_is_answered_after_some_ticks(
    flights: Dataset, read: Read, settings: Any
) -> None:
    settings.HUB_INDEX_SECONDS = 30
    for _ in range(2):
        with pytest.raises(Invalid):
            read(flight="7")
    assert not Index.objects.exists()

    demand.write_down()
    want_measured()
    assert not Index.objects.exists()
    with pytest.raises(Invalid):
        read(flight="7")
    demand.write_down()
    want_measured()
    index = Index.objects.get()
    assert (index.origin, index.fields, index.status) == ("measured", ["flight"], "wanted")
    tasks.keep_indexes()

    assert len(read(flight="7")) == 100
    assert Event.objects.get(kind="index.measured").details == {"fields": ["flight"], "reads": 3, "seconds": 30}


@pytest.fixture
def note(flights: Dataset) -> Note:
    def noted(*fields: str, seconds: int, days_ago: int = 0, reads: int = 1) -> None:
        day = now().date() - timedelta(days=days_ago)
        Demand.objects.create(
            relation=flights.relation, fields=list(fields), day=day, reads=reads, milliseconds=1000 * seconds
        )

    return noted


def test_the_last_seven_days_count(note: Note) -> None:
    note("origin", seconds=30)
    note("origin", seconds=30, days_ago=6)
    note("flight", seconds=59, days_ago=1)
    note("flight", seconds=59, days_ago=7)

    want_measured()

    assert list(Index.objects.values_list("fields", flat=True)) == [["origin"]]
    assert not Demand.objects.filter(day__lte=now().date() - timedelta(days=7)).exists()


def test_so_many_come_by_themselves_and_none_that_another_covers(note: Note, flights: Dataset) -> None:
    ask_index(actor=HUB, dataset=flights, fields=["origin", "flight"])
    note("origin", seconds=500)
    for number, term in enumerate(("flight", "-flight", "dep_delay", "-dep_delay", "-origin", "ssn")):
        note(term, seconds=100 - number)

    want_measured()

    measured = list(Index.objects.filter(origin="measured").values_list("fields", flat=True))
    assert len(measured) == MOST_MEASURED
    assert ["origin"] not in measured
    assert ["ssn"] not in measured


@pytest.mark.django_db(transaction=True)
def test_one_that_nobody_reads_by_goes_and_does_not_come_back_at_once(note: Note, settings: Any) -> None:
    note("flight", seconds=100)
    want_measured()
    keep_indexes()
    index = Index.objects.get()
    note_uses()
    assert (Index.objects.get().status, Index.objects.get().size > 0) == ("ready", True)

    Index.objects.update(built_at=now() - timedelta(days=settings.HUB_INDEX_IDLE_DAYS, hours=1))
    note_uses()
    keep_indexes()

    assert Index.objects.get().status == "idle"
    assert stands(index) == []
    want_measured()
    assert Index.objects.get().status == "idle"
    Index.objects.update(dropped_at=now() - timedelta(days=91))
    want_measured()
    assert Index.objects.get().status == "wanted"


def test_one_that_is_read_by_or_was_asked_for_stays(flights: Dataset) -> None:
    long_ago = now() - timedelta(days=400)
    for fields, origin, used_at in ((["flight"], "measured", now()), (["origin"], "asked", None)):
        Index.objects.create(
            dataset=flights, fields=fields, origin=origin, status="ready", built_at=long_ago, used_at=used_at
        )

    note_uses()

    assert not Index.objects.filter(status="idle").exists()
