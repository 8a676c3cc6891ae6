"""A draft is submitted by one person and published by another, on the dataset's own page."""

import pytest
from django.urls import reverse

from hub.accounts.caller import HUB
from hub.accounts.models import Agency
from hub.catalog.commands import register_dataset
from hub.catalog.models import Dataset
from tests.web.conftest import FIELDS, SignedIn


@pytest.fixture
def pumps(wells: Dataset) -> Dataset:
    water = Agency.objects.get(code="water")
    return register_dataset(
        actor=HUB, agency=water, key="water.pumps", title="Pumps", fields=FIELDS, primary_key=["id"]
    )


def step(act: str) -> str:
    return reverse("dataset-review", args=["water.pumps", act])


def status() -> str:
    return str(Dataset.objects.get(key="water.pumps").status)


PAGE = "/datasets/water.pumps"


def test_draft_is_submitted_by_one_and_published_by_another(pumps: Dataset, signed_in: SignedIn) -> None:
    publisher, reviewer = signed_in("water", "publisher", "reviewer"), signed_in("water", "reviewer")
    assert step("submit") in publisher.get(PAGE).content.decode()

    assert publisher.post(step("submit"))["Location"] == PAGE

    page = publisher.get(PAGE).content.decode()
    assert "another person approves it" in page
    assert step("approve") not in page
    assert publisher.post(step("approve")).status_code == 403
    assert status() == "submitted"
    assert step("approve") in reviewer.get(PAGE).content.decode()
    assert reviewer.post(step("approve"))["Location"] == PAGE
    assert status() == "published"
    assert "/review/" not in reviewer.get(PAGE).content.decode()


def test_draft_is_returned_with_what_is_to_be_changed(pumps: Dataset, signed_in: SignedIn) -> None:
    publisher, reviewer = signed_in("water", "publisher"), signed_in("water", "reviewer")
    publisher.post(step("submit"))

    empty = reviewer.post(step("return"), {"note": " "})
    assert (empty.status_code, status()) == (400, "submitted")
    assert "Say what is to be changed." in empty.content.decode()

    reviewer.post(step("return"), {"note": "The title says too little."})
    assert status() == "draft"
    assert "The title says too little." in publisher.get(PAGE).content.decode()


def test_others_see_no_step_and_take_none(pumps: Dataset, signed_in: SignedIn) -> None:
    requester, city = signed_in("water", "requester"), signed_in("city", "publisher", "reviewer")
    signed_in("water", "publisher").post(step("submit"))

    for other in (requester, city):
        assert other.get(PAGE).status_code == 404
        assert [other.post(step(act)).status_code for act in ("submit", "approve", "return")] == [404] * 3
    assert status() == "submitted"


def test_publisher_who_is_no_reviewer_approves_nothing(pumps: Dataset, signed_in: SignedIn) -> None:
    signed_in("water", "reviewer").post(step("submit"))
    publisher = signed_in("water", "publisher")

    assert "/review/" not in publisher.get(PAGE).content.decode()
    assert [publisher.post(step(act), {"note": "No"}).status_code for act in ("approve", "return")] == [403, 403]
    assert status() == "submitted"


def test_what_is_published_already_is_told_so_and_stays(wells: Dataset, signed_in: SignedIn) -> None:
    publisher = signed_in("water", "publisher")

    answer = publisher.post(reverse("dataset-review", args=["water.wells", "submit"]))

    assert answer.status_code == 409
    assert "is published, not draft" in answer.content.decode()


def test_there_are_no_other_steps(pumps: Dataset, signed_in: SignedIn) -> None:
    assert signed_in("water", "publisher").post(step("publish")).status_code == 404
