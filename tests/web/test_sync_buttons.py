"""A stream is read on request from the page of its dataset and of its runs, by those who bring rows in."""

from datetime import UTC, datetime

import pytest
from django.test import Client as Browser
from django.urls import reverse

from connectors.commands import edit_stream, register_source, register_stream
from connectors.models import Run, Stream
from hub.accounts.caller import HUB
from hub.accounts.commands import make_team
from hub.catalog.models import Dataset
from tests.web.conftest import PASSWORD, SignedIn


@pytest.fixture
def stream(wells: Dataset) -> Stream:
    config = {"url": "http://127.0.0.1:9/", "allow_loopback": True}
    source = register_source(actor=HUB, agency=wells.agency, key="files", kind="file", config=config)
    return register_stream(actor=HUB, key="wells", source=source, dataset=wells, select={"path": "wells.csv"})


@pytest.fixture
def address(stream: Stream) -> str:
    return reverse("sync", args=[stream.dataset.key, stream.key])


def test_publisher_starts_a_run_and_comes_to_its_page(stream: Stream, address: str, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    assert address in browser.get(reverse("dataset", args=[stream.dataset.key])).content.decode()

    answer = browser.post(address)

    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, reverse("run", args=[run.pk]))
    assert (run.status, run.stream, run.requested_by) == ("queued", stream, "publisher@water.example")
    assert browser.post(address)["Location"] == answer["Location"]


def test_page_of_the_dataset_tells_the_last_run(stream: Stream, signed_in: SignedIn) -> None:
    run = Run.objects.create(stream=stream, status="failed", created_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    Run.objects.create(stream=stream, status="succeeded", created_at=datetime(2026, 1, 1, tzinfo=UTC))

    page = signed_in("water", "publisher").get(reverse("dataset", args=[stream.dataset.key])).content.decode()

    assert reverse("run", args=[run.pk]) in page
    assert ">2026-01-02 03:04 UTC</time>" in page
    assert "when somebody asks for it" in page


def test_page_of_a_run_that_is_over_offers_the_next(stream: Stream, address: str, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    run = Run.objects.create(stream=stream)

    open_page = browser.get(reverse("run", args=[run.pk])).content.decode()
    Run.objects.update(status="failed")
    over = browser.get(reverse("run", args=[run.pk])).content.decode()

    assert (address in open_page, address in over) == (False, True)


def test_others_see_no_button_and_start_nothing(stream: Stream, address: str, signed_in: SignedIn) -> None:
    reviewer, city = signed_in("water", "reviewer"), signed_in("city", "publisher")
    pages = [
        browser.get(reverse("dataset", args=[stream.dataset.key])).content.decode() for browser in (reviewer, city)
    ]

    refused = reviewer.post(address, follow=True).content.decode()

    assert [address in page or "files (file)" in page for page in pages] == [False, False]
    assert "is for the publishers of water" in refused
    unknown = reverse("sync", args=[stream.dataset.key, "none"])
    assert [city.post(one).status_code for one in (address, unknown)] == [404, 404]
    assert not Run.objects.exists()


def test_steward_who_loads_the_dataset_starts_a_run(stream: Stream, address: str, signed_in: SignedIn) -> None:
    browser = signed_in("water", "requester")
    acts = [{"dataset": stream.dataset.key, "acts": ["load"]}]
    make_team(actor=HUB, agency=stream.owner, name="desk", members=["requester@water.example"], stewardships=acts)

    assert browser.post(address).status_code == 302
    assert Run.objects.get().requested_by == "requester@water.example"


def test_form_of_another_site_starts_nothing(stream: Stream, address: str, signed_in: SignedIn) -> None:
    signed_in("water", "publisher")
    strict = Browser(enforce_csrf_checks=True)
    strict.login(username="publisher@water.example", password=PASSWORD)

    assert strict.post(address).status_code == 403
    assert not Run.objects.exists()


def test_stream_that_is_switched_off_has_no_button_and_says_so(
    stream: Stream, address: str, signed_in: SignedIn
) -> None:
    browser = signed_in("water", "publisher")
    edit_stream(actor=HUB, stream=stream, is_active=False)

    assert address not in browser.get(reverse("dataset", args=[stream.dataset.key])).content.decode()
    assert "is switched off" in browser.post(address, follow=True).content.decode()
    assert not Run.objects.exists()


def test_address_that_is_only_opened_leads_back_to_the_dataset(
    stream: Stream, address: str, signed_in: SignedIn
) -> None:
    answer = signed_in("water", "publisher").get(address)

    assert answer["Location"] == reverse("dataset", args=[stream.dataset.key])
    assert not Run.objects.exists()
