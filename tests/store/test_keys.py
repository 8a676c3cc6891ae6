"""Keys with fields that have no value: two of them without one are the same, in every mode and on the way out."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from django.db import connection

from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset, Field
from hub.errors import NotFound
from hub.query.catalogue import view_schema
from hub.query.door import read_row, read_rows
from hub.query.params import RowsQuery, parse_rows_query
from hub.store.intake.load import Mode
from hub.store.models import Rejected, Relation
from tests.cast import member

from .conftest import Load

Row = tuple[str | None, str | None, str | None]
Stored = Callable[[Dataset], list[tuple[object, ...]]]
STATIONS, DAYS, SPEEDS = ("JFK", "LGA", "", None), ("2013-01-01", "2013-01-02", None), ("1", "2", "3", None)


def model(rows: dict[Any, Row], log: list[Any], came: Sequence[Row], mode: Mode) -> None:
    """What a load of good rows does, in plain words; ``log`` gets each row that was changed or taken away."""
    fresh: dict[Any, Row] = {}
    for row in came:
        if mode == "merge" or row[:2] not in fresh:
            fresh[row[:2]] = row
    if mode == "replace":
        log += [("delete", rows.pop(key)) for key in set(rows) - set(fresh)]
    for key, row in fresh.items():
        if key in rows and rows[key] != row and mode != "append":
            log.append(("update", rows[key]))
        if mode != "append" or key not in rows:
            rows[key] = row


@pytest.mark.parametrize("required", [(), ("station",), ("day",)])
@pytest.mark.parametrize("seed", range(4))
def test_loads_of_any_mode_end_where_the_model_does(
    dataset: Dataset, load: Load, seed: int, required: tuple[str, ...]
) -> None:
    dataset.fields.filter(name__in=required).update(is_required=True)
    draw, rows, log = Random(seed), dict[Any, Row](), list[Any]()
    for _ in range(8):
        came = [(draw.choice(STATIONS), draw.choice(DAYS), draw.choice(SPEEDS)) for _ in range(draw.randrange(1, 9))]
        mode: Mode = draw.choice(["replace", "append", "merge"])
        good = [row for row in came if ("station" not in required or row[0] is not None)]
        good = [row for row in good if ("day" not in required or row[1] is not None)]

        load(dataset, came, mode)
        model(rows, log, good, mode)

        assert shown(dataset) == sorted(rows.values(), key=repr)
    assert logged(dataset) == sorted(log, key=repr)


def test_duplicate_of_a_key_without_value_is_set_aside(dataset: Dataset, load: Load) -> None:
    load(dataset, [(None, None, "1"), ("JFK", None, "2")])

    outcome = load(dataset, [(None, None, "1"), (None, None, "5"), ("JFK", None, "2")])

    assert (outcome.unchanged, outcome.rejected, outcome.deleted) == (2, 1, 0)
    assert list(Rejected.objects.values_list("position", "rule")) == [(2, "duplicate-key")]


def test_pages_by_a_key_without_values_give_each_row_once_nulls_last(dataset: Dataset, load: Load) -> None:
    opened(dataset)
    load(dataset, [("JFK", "2013-01-01", "1")])
    first = read_rows(member("met", "publisher"), "met.wind", RowsQuery(limit=1))
    before = current_epoch()

    load(dataset, [(station, day, "1") for station in STATIONS for day in DAYS], "merge")

    assert current_epoch() == before + 1
    assert first.next is None
    expected = [(station, day) for station in ("", "JFK", "LGA", None) for day in DAYS]
    for limit in (1, 2, 5):
        assert paged(limit) == expected
        assert paged(limit, sortby="-station,day") == expected[6:9] + expected[3:6] + expected[:3] + expected[9:]
    load(dataset, [(None, None, "2"), ("JFK", None, "2")])
    assert Relation.objects.get(dataset=dataset).null_columns == ["c1", "c2"]
    assert paged(1) == [("JFK", None), (None, None)]


def test_page_that_was_begun_before_a_null_came_goes_on_to_it(dataset: Dataset, load: Load) -> None:
    opened(dataset)
    load(dataset, [("JFK", "2013-01-01", "1"), ("LGA", "2013-01-01", "1")])
    first = read_rows(member("met", "publisher"), "met.wind", RowsQuery(limit=1))

    load(dataset, [(None, None, "2"), ("JFK", None, "3")], "append")

    assert first.next is not None
    rest = read_rows(member("met", "publisher"), "met.wind", RowsQuery(cursor=first.next))
    assert [row["station"] for row in json.loads(f"[{rest.rows}]")] == ["JFK", "LGA", None]


def test_one_row_is_found_by_a_key_without_a_value(dataset: Dataset, load: Load) -> None:
    opened(dataset)
    load(dataset, [("", None, "1"), (None, None, "2"), (None, "2013-01-01", "3")])
    owner = member("met", "publisher")

    found = [json.loads(read_row(owner, "met.wind", key).rows)["speed"] for key in (("", None), (None, None))]

    assert found == [1, 2]
    with pytest.raises(NotFound):
        read_row(owner, "met.wind", ("", "2013-01-01"))


def test_schema_says_null_by_what_is_declared_and_not_by_what_rows_hold(dataset: Dataset, load: Load) -> None:
    opened(dataset)
    owner = member("met", "publisher")
    load(dataset, [("JFK", "2013-01-01", "1")])
    bare = view_schema(owner, "met.wind")["properties"]

    load(dataset, [(None, "2013-01-01", "1")])

    assert view_schema(owner, "met.wind")["properties"] == bare
    assert [bare[name]["type"] for name in ("station", "day")] == [["string", "null"], ["string", "null"]]
    dataset.fields.filter(name="day").update(is_required=True)
    assert view_schema(owner, "met.wind")["properties"]["day"]["type"] == "string"


def opened(dataset: Dataset) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(status="published")
    Field.objects.update(sensitivity="public")


def paged(limit: int, **params: str) -> list[tuple[str | None, str | None]]:
    """The keys of all rows, a page after another."""
    found: list[tuple[str | None, str | None]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": [str(limit)], **{name: [text] for name, text in params.items()}}
        query = parse_rows_query({**asked, **({"cursor": [cursor]} if cursor else {})})
        page = read_rows(member("met", "publisher"), "met.wind", query)
        found += [(row["station"], row["day"]) for row in json.loads(f"[{page.rows}]")]
        cursor = page.next
    return found


def shown(dataset: Dataset) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c1, c2::text, c3::text FROM {Relation.objects.get(dataset=dataset).table}")
        return sorted(cursor.fetchall(), key=repr)


def logged(dataset: Dataset) -> list[tuple[str, Row]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT op, before ->> 'c1', before ->> 'c2', before ->> 'c3'"
            f" FROM {Relation.objects.get(dataset=dataset).change_log}"
        )
        return sorted(((op, tuple(row)) for op, *row in cursor.fetchall()), key=repr)
