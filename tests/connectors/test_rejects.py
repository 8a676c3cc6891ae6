"""What stays out of a load: a file to correct, another try, and its share in the dataset's quality."""

import csv
import io

import pytest
from django.db import connection
from django.utils.timezone import now

from connectors.models import Run
from connectors.queries import quality_of
from connectors.rejects import rejects_csv
from connectors.runs.runner import carry_out
from connectors.uploads import retry_records
from hub.accounts.caller import HUB, Caller
from hub.catalog.models import Dataset
from hub.store.intake.records import KEPT_FOR
from hub.store.models import Quarantined, Rejected
from tests.cast import member, refusal
from tests.connectors.runs.test_runner import rows
from tests.connectors.test_uploads import Bring, bring

__all__ = ["bring"]
LOOSE = {"max_rejects": "100%"}
BAD = 'id,name,at\n1,one,2020-01-01T00:00:00Z\nx,"a, ""b""",2020-01-01T00:00:00Z\n3,,soon\n4,=four,later\n'


@pytest.fixture
def run(dataset: Dataset, bring: Bring) -> Run:
    """One row in, three out."""
    held = bring(BAD, missing=[])
    held.stream.contract = LOOSE
    held.stream.save()
    return bring(BAD, missing=[])


def owner() -> Caller:
    return member("met", "publisher")


def listed(run: Run) -> list[dict[str, str]]:
    text = b"".join(rejects_csv(owner(), run)).decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def again(run: Run) -> Run:
    tried = retry_records(actor=HUB, run=run)
    carry_out(tried.pk)
    tried.refresh_from_db()
    return tried


def test_file_has_every_record_whole_with_its_rules(run: Run) -> None:
    found = listed(run)

    assert [(one["_line"], one["_field"], one["_rule"]) for one in found] == [
        ("3", "id", "type"),
        ("4", "at", "type"),
        ("5", "at", "type"),
    ]
    assert [(one["id"], one["name"], one["at"]) for one in found] == [
        ("x", 'a, "b"', "2020-01-01T00:00:00Z"),
        ("3", "", "soon"),
        ("4", "=four", "later"),
    ]
    assert found[0]["_message"] == "The value is not of type integer."


def test_file_is_its_owners_alone(run: Run) -> None:
    website = Caller("met", client="met/site", is_external=True)
    for other in (member("dot", "publisher"), member("hub", "system"), website):
        assert refusal(rejects_csv, caller=other, run=run) == "forbidden"


def test_corrected_file_comes_in_as_it_stands(run: Run, bring: Bring) -> None:
    text = b"".join(rejects_csv(owner(), run)).decode()
    for wrong, right in (("integer.,,x,", "integer.,,2,"), ("soon", "2020-01-03"), ("later", "2020-01-04T00:00:00Z")):
        assert wrong in text
        text = text.replace(wrong, right)

    brought = bring(text, mode="append")

    assert (brought.status, brought.inserted, brought.rejected) == ("partial", 2, 1)
    assert [id_ for id_, _ in rows(run.stream.dataset)] == [1, 2, 4]


def test_records_come_in_after_the_contract_was_corrected_and_only_once(dataset: Dataset, bring: Bring) -> None:
    dataset.fields.filter(name="name").update(pattern="[a-z]+")
    text = "id,name,at\n1,one,2020-01-01T00:00:00Z\n2,TWO,2020-01-01T00:00:00Z\nx,THREE,2020-01-01T00:00:00Z\n"
    held = bring(text)
    held.stream.contract = LOOSE
    held.stream.save()
    run = bring(text)
    dataset.fields.filter(name="name").update(pattern="")

    tried = again(run)

    assert (tried.inserted, tried.rejected) == (1, 1), tried.error_message
    assert rows(dataset) == [(1, "one"), (2, "TWO")]
    assert set(Quarantined.objects.exclude(run=held.pk).values_list("run", flat=True)) == {tried.pk}
    assert refusal(retry_records, actor=HUB, run=run) == "nothing-kept"
    assert [one["_field"] for one in listed(tried)] == ["id"]


def test_what_fails_again_stays_with_its_rule(run: Run) -> None:
    tried = again(run)

    assert (tried.status, tried.inserted, tried.rejected) == ("partial", 0, 3)
    assert set(Quarantined.objects.values_list("run", flat=True)) == {tried.pk}
    assert [(one["id"], one["_rule"]) for one in listed(tried)] == [("x", "type"), ("3", "type"), ("4", "type")]


def test_record_that_came_in_meanwhile_is_not_undone(run: Run, bring: Bring) -> None:
    bring("id,name,at\n4,newer,2021-01-01T00:00:00Z\n", mode="append")
    Quarantined.objects.filter(cells__id="4").update(cells={"id": "4", "name": "older", "at": "2020-01-04T00:00:00Z"})

    tried = again(run)

    assert (4, "newer") in rows(run.stream.dataset)
    assert Rejected.objects.filter(run=tried.pk, rule="key-exists").count() == 1
    (kept,) = [one for one in listed(tried) if one["_rule"] == "key-exists"]
    assert (kept["id"], kept["name"], kept["at"]) == ("4", "older", "2020-01-04 00:00:00Z")


def test_rows_that_repeat_a_key_are_kept_whole(dataset: Dataset, bring: Bring) -> None:
    row = "1,{},2020-01-01T08:00:00+08:00\n"
    held = bring("id,name,at\n" + "".join(map(row.format, ("first", "", "third"))))
    held.stream.contract = LOOSE
    held.stream.save()

    run = bring("id,name,at\n" + "".join(map(row.format, ("first", "", "third"))))

    at = "2020-01-01 00:00:00Z"
    told = [(one["_line"], one["_rule"], one["name"], one["at"]) for one in listed(run)]
    assert told == [("3", "duplicate-key", "", at), ("4", "duplicate-key", "third", at)]
    Quarantined.objects.filter(run=run.pk, number=2).update(cells={"id": "5", "name": "third", "at": at})
    assert again(run).inserted == 1
    assert rows(dataset) == [(1, "first"), (5, "third")]


def test_another_try_that_does_not_end_well_loses_nothing(run: Run) -> None:
    tried = retry_records(actor=HUB, run=run)
    Run.objects.filter(pk=tried.pk).update(status=Run.Status.CANCELLED, finished_at=now())

    assert Quarantined.objects.filter(run=run.pk).count() == 3
    assert again(run).rejected == 3


def test_only_who_loads_the_dataset_tries_again(run: Run) -> None:
    for other in (member("dot", "publisher"), member("met")):
        assert refusal(retry_records, actor=other, run=run) == "forbidden"


def test_a_whole_refresh_lets_go_of_what_earlier_ones_kept_and_time_of_the_rest(run: Run, bring: Bring) -> None:
    bring("id,name,at\n7,x,soon\n8,y,2020-01-01T00:00:00Z\n", mode="append")
    assert Quarantined.objects.values("run").distinct().count() == 2

    Quarantined.objects.filter(run=run.pk).update(kept_at=now() - 2 * KEPT_FOR)
    bring("id,name,at\n9,z,2020-01-01T00:00:00Z\n", mode="append")
    assert Quarantined.objects.count() == 1

    bring("id,name,at\n1,a,2020-01-01T00:00:00Z\n8,b,2020-01-01T00:00:00Z\n9,c,2020-01-01T00:00:00Z\n")
    assert not Quarantined.objects.exists()


def test_quality_is_that_of_the_last_good_run_and_of_what_waits(run: Run) -> None:
    told = quality_of(run.stream.dataset)

    assert told == {"run": run.pk, "rows_read": 4, "rejected": 3, "good": 0.25, "quarantine": {"type": 3}}


def test_times_without_a_zone_are_in_the_streams(dataset: Dataset, bring: Bring) -> None:
    text = "id,name,at\n1,a,2020-01-01 08:00:00\n2,b,2020-01-01T08:00:00Z\n3,c,2020-07-01T08:00:00+01:00\n4,d,soon\n"
    held = bring(text, timezone="Asia/Shanghai")
    held.stream.contract = LOOSE
    held.stream.save()

    run = bring(text, timezone="Asia/Shanghai")

    assert run.inserted == 3, run.error_message
    assert moments(dataset) == ["2020-01-01 00:00", "2020-01-01 08:00", "2020-07-01 07:00"]
    Quarantined.objects.update(cells={"id": "4", "name": "d", "at": "2020-01-01 12:00:00"})
    again(run)
    assert moments(dataset)[-1] == "2020-01-01 04:00"


def moments(dataset: Dataset) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_char(c3, 'YYYY-MM-DD HH24:MI') FROM {dataset.relation.table} ORDER BY c1")
        return [moment for (moment,) in cursor.fetchall()]
