"""The page of a run: what a held one would change, and the two words with which a person ends its waiting."""

from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from connectors.commands import register_source, register_stream
from connectors.models import Run, Source, Stream
from hub.accounts.caller import HUB
from hub.accounts.commands import make_team
from hub.catalog.models import Dataset
from hub.store.models import Rejected
from hub.store.tables import ensure_relation

from .conftest import SignedIn


@pytest.fixture
def held(wells: Dataset) -> Run:
    config = {"url": "http://127.0.0.1:9/", "allow_loopback": True}
    source = register_source(actor=HUB, agency=wells.agency, key="files", kind="file", config=config)
    stream = register_stream(actor=HUB, key="wells", source=source, dataset=wells, select={"path": "wells.csv"})
    return Run.objects.create(
        stream=stream,
        status="held",
        error_code="shrinks-too-much",
        error_message="The dataset would go from 10 rows to 2.",
        error_hint="Release it.",
        difference={"before": 10, "after": 2, "gone": 8},
    )


@pytest.mark.parametrize(("act", "status"), [("release", "queued"), ("drop", "cancelled")])
def test_publisher_sees_the_difference_and_decides(held: Run, signed_in: SignedIn, act: str, status: str) -> None:
    browser = signed_in("water", "publisher")
    page = browser.get(reverse("run", args=[held.pk])).content.decode()
    assert "rows before" in page
    assert reverse("run-decision", args=[held.pk, act]) in page

    answer = browser.post(reverse("run-decision", args=[held.pk, act]), follow=True)

    held.refresh_from_db()
    assert (answer.status_code, held.status) == (200, status)
    assert reverse("run-decision", args=[held.pk, act]) not in answer.content.decode()


def test_others_see_no_buttons_and_decide_nothing(held: Run, signed_in: SignedIn) -> None:
    address = reverse("run-decision", args=[held.pk, "release"])

    reviewer = signed_in("water", "reviewer")
    assert address not in reviewer.get(reverse("run", args=[held.pk])).content.decode()
    assert "is for the publishers of water" in reviewer.post(address, follow=True).content.decode()
    assert signed_in("city", "publisher").post(address).status_code == 404
    held.refresh_from_db()
    assert held.status == "held"


def test_failed_run_says_what_readers_have_and_when_the_next_is(held: Run, signed_in: SignedIn) -> None:
    browser, address = signed_in("water", "publisher"), reverse("run", args=[held.pk])
    Run.objects.update(status="failed", finished_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    first = browser.get(address).content.decode()
    relation = ensure_relation(held.stream.dataset)
    relation.version, relation.synced_at = 3, datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    relation.save()
    Stream.objects.update(schedule="0 5 * * *", next_due_at=datetime(2026, 1, 3, 5, tzinfo=UTC))

    second = browser.get(address).content.decode()

    assert "The dataset has no rows yet." in first
    assert "the stream has no schedule, and is read when somebody asks for it" in first
    assert "They go on with version 3 of 2026-01-01 06:30:00 UTC." in second
    assert "2026-01-03 05:00:00 UTC" in second
    assert "The hub reads the source again at 2026-01-03 05:00:00 UTC." in second
    assert "no schedule" not in second
    Source.objects.update(paused_until=datetime(2026, 1, 3, 6, 1, tzinfo=UTC), config={"windows": ["07:00-08:00"]})
    assert "again at 2026-01-03 07:00:00 UTC." in browser.get(address).content.decode()


def test_what_kept_records_out_is_counted_by_field_and_reason(held: Run, signed_in: SignedIn) -> None:
    told = {
        "run": held.pk,
        "dataset": held.stream.dataset,
        "rule": "type",
        "message": "The value is not of type integer.",
    }
    Rejected.objects.bulk_create(Rejected(**told, position=line, field="id", value="x") for line in range(120))
    browser, address = signed_in("water", "publisher"), reverse("run", args=[held.pk])

    english = browser.get(address).content.decode()
    browser.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    chinese = browser.get(address).content.decode()

    assert "<code>id</code>: The value is not of type integer. (120)" in english
    assert "<code>id</code>: 值不符合类型 integer。 (120)" in chinese
    assert "数据集将从 10 行变为 2 行。" in chinese


def test_held_run_says_what_readers_have(held: Run, signed_in: SignedIn) -> None:
    page = signed_in("water", "publisher").get(reverse("run", args=[held.pk])).content.decode()

    assert "The dataset has no rows yet." in page
    assert "Sync now" in page


def test_word_that_there_is_not_is_no_page(held: Run, signed_in: SignedIn) -> None:
    assert signed_in("water", "publisher").post(reverse("run-decision", args=[held.pk, "burn"])).status_code == 404


def test_file_is_brought_on_the_datasets_page_by_who_loads_it(wells: Dataset, signed_in: SignedIn) -> None:
    publisher, reviewer = signed_in("water", "publisher"), signed_in("water", "reviewer")
    address = reverse("upload", args=[wells.key])
    assert address in publisher.get(reverse("dataset", args=[wells.key])).content.decode()
    assert address not in reviewer.get(reverse("dataset", args=[wells.key])).content.decode()

    file = SimpleUploadedFile("wells.csv", b"id,name,phone\n1,deep,\n")
    brought = publisher.post(address, {"file": file, "mode": "replace", "missing": "on"})

    run = Run.objects.get()
    assert (brought.status_code, brought["Location"]) == (302, reverse("run", args=[run.pk]))
    assert (run.upload.name, run.upload.mode, run.upload.select) == ("wells.csv", "replace", {"missing": [""]})
    assert "There is no file." in publisher.post(address, {}, follow=True).content.decode()
    file.seek(0)
    reviewer.post(address, {"file": file})
    assert signed_in("city", "publisher").post(address, {"file": file}).status_code == 302
    assert Run.objects.count() == 1


def test_people_see_what_their_teams_look_after(wells: Dataset, signed_in: SignedIn) -> None:
    browser = signed_in("water")
    held = [{"dataset": wells.key, "acts": ["load", "review"]}]
    make_team(actor=HUB, agency=wells.agency, name="desk", members=["nobody@water.example"], stewardships=held)

    page = browser.get(reverse("people")).content.decode()

    assert "desk" in page
    assert wells.key in page
    assert "brings rows in" in page
    assert wells.key not in signed_in("city").get(reverse("people")).content.decode()


def test_columns_that_changed_are_listed_by_their_names(held: Run, signed_in: SignedIn) -> None:
    Run.objects.update(difference={"added": ["mobile", "fax"], "gone": [], "renamed": ["phone", "mobile"]})

    page = signed_in("water", "publisher").get(reverse("run", args=[held.pk])).content.decode()

    assert "mobile, fax" in page
    assert "phone, mobile" in page
    assert ">gone<" not in page
