"""What is counted is what would be listed, also where the count is kept."""

from collections import Counter
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet

from hub.accounts.models import Agency
from hub.catalog.commands import MARKS_KEPT, sweep_marks
from hub.catalog.models import Dataset, WordingChange
from hub.catalog.queries import mark_of_wordings
from hub.query.catalogue import visible_datasets
from hub.query.census import census
from hub.query.search import Mentioning
from tests.query.test_catalogue import CALLERS, world

__all__ = ["world"]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_is_counted_is_what_is_listed(is_kept: bool) -> None:
    for name, caller in CALLERS.items():
        listed = visible_datasets(caller).values_list("agency__code", "theme", "sharing_class")

        found = census(caller, lambda datasets: datasets, ["agency", "theme", "class"], is_kept=is_kept)

        for index, facet in enumerate(("agency", "theme", "class")):
            assert found[facet] == Counter(entry[index] for entry in listed), (name, facet)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_a_search_counts_where_the_words_stand_is_what_it_lists(is_kept: bool) -> None:
    Dataset.objects.filter(key__contains="1").update(title="Barometer", theme="weather")
    for name, caller in CALLERS.items():
        for word in ("barometer", "DOT.D", "nowhere"):

            def sought(things: QuerySet[Any], word: str = word) -> QuerySet[Any]:
                return Mentioning(word).throughout(things)

            listed = (
                Mentioning(word).among(visible_datasets(caller)).values_list("agency__code", "theme", "sharing_class")
            )
            found = census(caller, sought, ["agency", "theme", "class"], by_words=True, is_kept=is_kept)

            for index, facet in enumerate(("agency", "theme", "class")):
                assert found[facet] == Counter(entry[index] for entry in listed), (name, word, facet)


def counted() -> dict[str, int]:
    return census(CALLERS["reader"], lambda things: things, ["theme"], by_words=True, is_kept=True)["theme"]


def registered(key: str, **values: object) -> Dataset:
    agency, _ = Agency.objects.get_or_create(code="dot", defaults={"name": "Transport"})
    return Dataset.objects.create(agency=agency, key=f"dot.{key}", title="T", **{"status": "published", **values})


@pytest.mark.django_db
def test_kept_count_follows_every_change_and_costs_no_counting_without_one() -> None:
    first = registered("a", theme="air")
    assert counted() == {"air": 1}
    registered("b", theme="sea")
    assert counted() == {"air": 1, "sea": 1}
    Dataset.objects.filter(pk=first.pk).update(theme="sea")
    assert counted() == {"sea": 2}
    Dataset.objects.filter(pk=first.pk).update(status="draft")
    assert counted() == {"sea": 1}
    first.delete()
    assert counted() == {"sea": 1}
    with connection.execute_wrapper(_no_grouping_of_plain):
        assert counted() == {"sea": 1}


def _no_grouping_of_plain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert "GROUPING SETS" not in sql or 'NOT "catalog_wording"."is_plain"' in sql
    return execute(sql, params, many, context)


@pytest.mark.django_db(transaction=True)
def test_change_that_commits_late_is_counted_from_then_on() -> None:
    """It got its mark before another one that was committed, and counted, earlier."""
    registered("a", theme="air")
    begun, may_end = Event(), Event()

    def late() -> None:
        try:
            with transaction.atomic():
                registered("late", theme="sea")
                begun.set()
                may_end.wait(10)
        finally:
            connections.close_all()

    other = Thread(target=late)
    other.start()
    assert begun.wait(10)
    registered("b", theme="air")
    assert counted() == {"air": 2}
    may_end.set()
    other.join()

    assert counted() == {"air": 2, "sea": 1}


@pytest.mark.django_db
def test_swept_marks_leave_the_newest_and_are_a_change_at_most() -> None:
    for number in range(3):
        registered(f"d{number}", theme="air")
    WordingChange.objects.bulk_create([WordingChange() for _ in range(2 * MARKS_KEPT)])
    before = mark_of_wordings()

    sweep_marks()

    assert WordingChange.objects.count() == MARKS_KEPT + 1
    assert mark_of_wordings()[1] == before[1]
    assert counted() == {"air": 3}
