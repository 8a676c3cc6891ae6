"""Loads of each mode: what is written, what is counted, what the change log keeps."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from django.db import connection

from hub.catalog.models import Dataset, Field
from hub.query.door import read_rows
from hub.query.params import RowsQuery
from hub.store.intake.load import Outcome
from hub.store.models import Rejected, Relation
from hub.store.tables import drop_generations
from tests.cast import member

from .conftest import Load

Stored = Callable[[Dataset], list[tuple[object, ...]]]
JFK, LGA = ("JFK", "2013-01-01", "10.5"), ("LGA", "2013-01-01", None)
NEW_YEAR = date(2013, 1, 1)
ALL = RowsQuery()


def test_first_load_fills_the_dataset(dataset: Dataset, load: Load, stored: Stored) -> None:
    outcome = load(dataset, [JFK, LGA])

    assert outcome == Outcome(version=1, before=0, inserted=2)
    assert stored(dataset) == [("JFK", NEW_YEAR, Decimal("10.5")), ("LGA", NEW_YEAR, None)]
    assert _relation(dataset).rows == 2
    assert _log(dataset) == []


def test_same_rows_again_change_nothing_but_the_version(dataset: Dataset, load: Load) -> None:
    load(dataset, [JFK, LGA])

    outcome = load(dataset, [LGA, JFK])

    assert outcome == Outcome(version=2, before=2, unchanged=2)
    assert _log(dataset) == []


def test_replace_writes_the_difference_and_logs_the_rows_before(dataset: Dataset, load: Load, stored: Stored) -> None:
    load(dataset, [JFK, LGA])

    outcome = load(dataset, [("JFK", "2013-01-01", "11"), ("EWR", "2013-01-01", "3")])

    assert outcome == Outcome(version=2, before=2, inserted=1, updated=1, deleted=1)
    assert stored(dataset) == [("EWR", NEW_YEAR, Decimal(3)), ("JFK", NEW_YEAR, Decimal(11))]
    assert _log(dataset) == [(2, "delete", "LGA", None), (2, "update", "JFK", 10.5)]


def test_merge_keeps_what_is_not_sent_and_the_last_of_a_key_wins(dataset: Dataset, load: Load, stored: Stored) -> None:
    load(dataset, [JFK, LGA])

    outcome = load(dataset, [("JFK", "2013-01-01", "1"), ("JFK", "2013-01-01", "2")], "merge")

    assert outcome == Outcome(version=2, before=2, updated=1)
    assert stored(dataset) == [("JFK", NEW_YEAR, Decimal(2)), ("LGA", NEW_YEAR, None)]


def test_append_never_changes_what_is_there(dataset: Dataset, load: Load, stored: Stored) -> None:
    load(dataset, [JFK])

    outcome = load(dataset, [JFK, LGA, ("LGA", "2013-01-02", "4")], "append")
    clash = load(dataset, [("JFK", "2013-01-01", "99")], "append")

    assert outcome == Outcome(version=2, before=1, inserted=2, unchanged=1)
    assert clash == Outcome(version=3, before=3, rejected=1)
    assert stored(dataset)[0] == ("JFK", NEW_YEAR, Decimal("10.5"))
    assert list(Rejected.objects.values_list("position", "field", "rule")) == [(1, "station, day", "key-exists")]


def test_of_rows_with_one_key_the_first_stays(dataset: Dataset, load: Load, stored: Stored) -> None:
    outcome = load(dataset, [JFK, LGA, ("JFK", "2013-01-01", "12")])

    assert outcome == Outcome(version=1, before=0, inserted=2, rejected=1)
    assert stored(dataset)[0] == ("JFK", NEW_YEAR, Decimal("10.5"))
    assert list(Rejected.objects.values_list("position", "rule")) == [(3, "duplicate-key")]


def test_bad_cells_keep_their_rows_out_with_line_value_and_rule(dataset: Dataset, load: Load, stored: Stored) -> None:
    dataset.fields.filter(name="speed").update(maximum="200")
    dataset.fields.filter(name="station").update(is_required=True)

    load(dataset, [JFK, ("LGA", "2013-02-30", "1048"), (None, "2013-01-02", "3")])

    assert stored(dataset) == [("JFK", NEW_YEAR, Decimal("10.5"))]
    assert list(Rejected.objects.order_by("id").values_list("position", "field", "rule", "value", "message")) == [
        (2, "day", "type", "2013-02-30", "The value is not of type date."),
        (2, "speed", "max", "1048", "The value is above 200."),
        (3, "station", "required", None, "The value is missing, and the field needs one."),
    ]


def test_dataset_without_key_is_replaced_by_a_new_table(dataset: Dataset, load: Load, stored: Stored) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(primary_key=[])
    dataset.refresh_from_db()
    load(dataset, [JFK, JFK])

    outcome = load(dataset, [LGA])
    appended = load(dataset, [LGA, LGA], "append")
    drop_generations(dataset)
    again = load(dataset, [LGA])
    drop_generations(dataset)

    assert outcome == Outcome(version=2, before=2, inserted=1, deleted=2)
    assert appended == Outcome(version=3, before=1, inserted=2)
    assert again == Outcome(version=4, before=3, inserted=1, deleted=3)
    assert len(stored(dataset)) == 1
    pk, generation = _relation(dataset).pk, _relation(dataset).generation
    assert sorted(_tables(dataset)) == [f"d{pk}_g{generation - 1}", f"d{pk}_g{generation}"]


def test_dataset_of_many_columns_is_updated(dataset: Dataset, load: Load) -> None:
    for number in range(4, 204):
        dataset.fields.create(number=number, name=f"m{number}", type="integer")
    load(dataset, [(*JFK, *["1"] * 200)])

    outcome = load(dataset, [(*JFK, *["1"] * 199, "2")])

    assert outcome == Outcome(version=2, before=1, updated=1)


def _relation(dataset: Dataset) -> Relation:
    return Relation.objects.get(dataset=dataset)


def _log(dataset: Dataset) -> list[tuple[int, str, str, float | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT _v, op, before ->> 'c1', (before -> 'c3')::float"
            f" FROM {_relation(dataset).change_log} ORDER BY 1, 2"
        )
        return cursor.fetchall()


def _tables(dataset: Dataset) -> list[str]:
    with connection.cursor() as cursor:
        pattern = f"^d{_relation(dataset).pk}_g[0-9]+$"
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'data' AND tablename ~ %s", [pattern])
        return [name for (name,) in cursor.fetchall()]


def test_reader_who_knows_the_old_table_reads_the_new_one(dataset: Dataset, load: Load) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(primary_key=[], status="published")
    Field.objects.update(sensitivity="public")
    dataset.refresh_from_db()
    owner = member("met", "publisher")
    load(dataset, [JFK])
    before = read_rows(owner, "met.wind", ALL)

    load(dataset, [LGA])
    after = read_rows(owner, "met.wind", ALL)

    assert '"JFK"' in before.rows
    assert '"LGA"' in after.rows
    assert '"JFK"' not in after.rows
    assert (before.version, after.version) == (1, 2)
