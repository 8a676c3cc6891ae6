"""The page of a run: what a held one would change, and the two words with which a person ends its waiting."""

import pytest
from django.urls import reverse

from connectors.commands import register_source, register_stream
from connectors.models import Run
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset

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


def test_word_that_there_is_not_is_no_page(held: Run, signed_in: SignedIn) -> None:
    assert signed_in("water", "publisher").post(reverse("run-decision", args=[held.pk, "burn"])).status_code == 404
