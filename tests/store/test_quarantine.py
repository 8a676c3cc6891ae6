"""Records that stay out are kept whole, as the source gave them, within bounds."""

import pytest

from hub.catalog.models import Dataset
from hub.store.intake import quarantine, records
from hub.store.models import Quarantined, Rejected

from .conftest import Load

JFK = ("JFK", "2013-01-01", "10.5")


def test_bad_record_is_kept_whole_beside_each_of_its_reasons(dataset: Dataset, load: Load) -> None:
    dataset.fields.filter(name="speed").update(maximum="200")

    load(dataset, [JFK, ("L\"G'A", "2013-02-30", "1048.0"), (None, "2013-01-02", "x")])

    assert list(Quarantined.objects.order_by("number").values_list("number", "position", "cells")) == [
        (1, 2, {"station": "L\"G'A", "day": "2013-02-30", "speed": "1048.0"}),
        (2, 3, {"station": None, "day": "2013-01-02", "speed": "x"}),
    ]
    assert list(Rejected.objects.order_by("id").values_list("number", "field")) == [
        (1, "day"),
        (1, "speed"),
        (2, "speed"),
    ]


def test_record_too_large_to_keep_is_told_of_without_its_cells(
    dataset: Dataset, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_RECORD", 15)

    load(dataset, [("JFK", "2013-02-30", "10"), ("JFKX", "2013-02-30", "10")])

    assert list(Quarantined.objects.order_by("number").values_list("cells", flat=True)) == [
        {"station": "JFK", "day": "2013-02-30", "speed": "10"},
        None,
    ]


def test_records_of_a_run_are_kept_up_to_so_many_bytes(
    dataset: Dataset, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_OF_RUN", 40)

    load(dataset, [("JFK", "2013-02-30", "10"), ("LGA", "2013-02-30", "10"), ("EWR", "2013-02-30", "10")])

    kept = Quarantined.objects.order_by("number").values_list("cells__station", flat=True)
    assert list(kept) == ["JFK", "LGA", None]


def test_no_more_records_are_kept_than_are_told_of(
    dataset: Dataset, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MAX_KEPT", 2)

    outcome = load(dataset, [JFK, *[("LGA", f"2013-02-3{n}", "1") for n in range(4)]])

    assert outcome.inserted == 1
    assert list(Quarantined.objects.order_by("number").values_list("position", flat=True)) == [2, 3]


def test_good_rows_leave_nothing_behind(dataset: Dataset, load: Load) -> None:
    load(dataset, [JFK])

    assert not Quarantined.objects.exists()
