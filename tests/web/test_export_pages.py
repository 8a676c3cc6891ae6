"""Exports in the portal: asked for on a dataset's page, watched and fetched by the one who asked, by nobody else."""

from typing import Any

import pytest
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.exports.making import make
from hub.exports.models import Export
from policies.commands import approve_rule, draft_rule
from tests.web.conftest import SignedIn

ASK = "/datasets/water.wells/export"


@pytest.fixture(autouse=True)
def data(tmp_path: Any, settings: Any) -> None:
    settings.HUB_DATA = tmp_path


def page(browser: Browser, path: str = "/exports", **headers: str) -> str:
    return browser.get(path, headers=headers).content.decode()


@pytest.mark.django_db(transaction=True)
def test_export_is_asked_for_watched_and_fetched(signed_in: SignedIn) -> None:
    browser, other = signed_in("city"), signed_in("city", "publisher")

    answer = browser.post(ASK, {"format": "csv", "filter": "id = 1", "properties": ["name", "id"]})
    (export,) = Export.objects.all()
    waiting = page(browser)
    make(export.pk)
    ready = page(browser, HX_Request="true")

    assert answer["Location"] == "/exports"
    assert ("waiting" in waiting, "every 1s" in waiting, "Download" in waiting) == (True, True, False)
    assert ("every 1s" in ready, "<html" in ready, "until" in ready, "id = 1" in ready) == (False, False, True, True)
    address = f"/api/v1/exports/{export.pk}/file"
    assert f'href="{address}"' in ready
    assert b"".join(browser.get(address)) == b"name,id\r\n<b>deep</b>,1\r\n"
    assert address not in page(other)
    assert other.get(address).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_list_tells_only_ones_own_and_what_was_asked(signed_in: SignedIn) -> None:
    browser, other = signed_in("city"), signed_in("city", "publisher")
    for format in ("csv", "ndjson"):
        browser.post(ASK, {"format": format})

    told = browser.get("/api/v1/exports", {"limit": "1"}).json()
    rest = browser.get("/api/v1/exports", {"limit": "1", "cursor": told["page"]["next"]}).json()

    assert [entry["format"] for entry in (*told["data"], *rest["data"])] == ["ndjson", "csv"]
    assert rest["page"]["next"] is None
    for asked, count in (({"dataset": "water.wells"}, 2), ({"dataset": "water.none"}, 0), ({"status": "ready"}, 0)):
        assert len(browser.get("/api/v1/exports", asked).json()["data"]) == count
    assert browser.get("/api/v1/exports", {"status": "gone"}).status_code == 400
    assert browser.get("/api/v1/exports", {"agency": "city"}).status_code == 400
    assert other.get("/api/v1/exports").json()["data"] == []
    assert Browser().get("/api/v1/exports").status_code == 401


def test_export_of_what_is_secret_by_now_is_unknown(signed_in: SignedIn, wells: Dataset) -> None:
    browser = signed_in("city")
    browser.post(ASK, {"format": "csv"})
    export = Export.objects.get()
    address = f"/api/v1/exports/{export.pk}"
    assert (browser.get(address).status_code, "water.wells" in page(browser)) == (200, True)

    Dataset.objects.filter(pk=wells.pk).update(is_secret=True, sharing_class="closed", reason="So")

    assert (browser.get(address).status_code, "water.wells" in page(browser)) == (404, False)
    assert browser.get("/api/v1/exports").json()["data"] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"format": "csv", "properties": "phone"}, "There is no field or parameter phone."),
        ({"format": "csv", "filter": "phone = 'x'"}, "phone"),
        ({"format": "doc"}, "doc"),
        ({"format": "csv", "agreement": "none"}, "none"),
    ],
)
def test_what_cannot_be_asked_is_said_on_the_page(signed_in: SignedIn, said: dict[str, str], told: str) -> None:
    answer = signed_in("city").post(ASK, said)

    assert answer.status_code in (400, 403, 404)
    assert told in answer.content.decode().partition('role="alert"')[2].partition("</div>")[0]
    assert not Export.objects.exists()


def test_form_and_examples_have_the_visitors_own_names(signed_in: SignedIn) -> None:
    theirs, own = (page(signed_in(code), "/datasets/water.wells") for code in ("city", "water"))

    assert 'value="name"' in theirs
    assert ('value="phone"' in theirs, 'value="phone"' in own) == (False, True)
    for id in ("curl", "python", "r", "duckdb"):
        said = theirs.partition(f'<pre id="{id}">')[2].partition("</pre>")[0]
        assert ("name" in said, "phone" in said) == (True, False)


def test_who_may_not_read_is_shown_no_form_and_gets_no_export(signed_in: SignedIn, wells: Dataset) -> None:
    rule = draft_rule(actor=HUB, key="no", target="water.wells", effect="prohibit", reason="So", party="agency:city")
    approve_rule(actor=HUB, rule=rule)
    browser = signed_in("city")

    browser.post(ASK, {"format": "csv"})

    assert (ASK in page(browser, "/datasets/water.wells"), Export.objects.exists()) == (False, False)
