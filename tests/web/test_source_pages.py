"""A publisher connects a source, looks into it and drafts datasets of what it offers, all in the portal."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.test import Client as Browser
from django.urls import reverse

from connectors import registry
from connectors.commands import register_source
from connectors.models import Source, Stream
from connectors.secrets import unseal
from hub.accounts.caller import HUB
from hub.accounts.models import Agency
from hub.catalog.models import Dataset
from hub.web.told.settings import TITLES
from tests.web.conftest import SignedIn

SECRET = "t0p-secret-token"
KINDS = [kind for kind in registry.KINDS if kind != "upload"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    (tmp_path / "Pumps 2024.csv").write_text("pump,power,owner_phone\nP-1,12,555-0101\n")
    (tmp_path / "levels.csv").write_text("well,at,depth\nW-1,2024-01-01T00:00:00Z,3.5\n")
    return tmp_path


@pytest.fixture
def source(wells: Dataset, folder: Path) -> Source:
    config = {"url": f"file://{folder}/"}
    return register_source(
        actor=HUB, key="files", agency=wells.agency, kind="file", config=config, secrets={"token": SECRET}
    )


OFFER = '{"name": "x", "select": {"path": "%s"}, "columns": [{"name": "a", "type": "string"}], "primary_key": []}'


def at(name: str, source: Source) -> str:
    return reverse(name, args=[f"{source.agency.code}::{source.key}"])


def offers(browser: Browser, source: Source) -> list[str]:
    page = browser.post(at("source-discover", source)).content.decode()
    return [unescape(text) for text in re.findall(r'name="offer" value="([^"]*)"', page)]


def filled(chosen: list[str]) -> dict[str, object]:
    """The form of both files: the pumps by hand, the levels by their time every night."""
    pumps, levels = {"key": "water.pumps", "title": "Pumps", "stream": "pumps", "mode": "append"}, {
        "key": "water.levels", "title": "Levels", "stream": "levels", "mode": "append", "cursor": "at",
        "schedule": "0 3 * * *", "as-well": "public", "as-depth": "internal", "id": "well",
    }  # fmt: skip
    words = {f"{number}-{name}": text for number, one in enumerate((pumps, levels)) for name, text in one.items()}
    return {"offer": chosen, "is_filled": "1", **words}


def test_publisher_connects_a_source_and_is_told_that_it_answers(folder: Path, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    form = reverse("source-new", args=["file"])
    assert form in browser.get(reverse("sources")).content.decode()
    said = {"key": "files", "config.url": f"file://{folder}/", "config.max_rows_per_second": "50"}

    answer = browser.post(form, {**said, "secrets.token": SECRET}, follow=True)

    source = Source.objects.get()
    assert answer.redirect_chain == [(at("source", source), 302)]
    assert "The source answers, and lets the hub in." in answer.content.decode()
    assert (source.agency.code, source.kind) == ("water", "file")
    assert source.config == {"url": f"file://{folder}/", "max_rows_per_second": 50}
    assert unseal(source.secrets, source.pk) == {"token": SECRET}


def test_source_that_does_not_answer_is_kept_and_says_why(folder: Path, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    said = {"key": "files", "config.url": f"file://{folder}/none/"}

    page = browser.post(reverse("source-new", args=["file"]), said, follow=True).content.decode()

    assert Source.objects.exists()
    assert '<p class="notice" role="status">' in page
    assert "lets the hub in" not in page


def test_form_that_is_refused_keeps_what_was_typed_but_no_secret(folder: Path, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    said = {"key": "files", "config.url": "gopher://old", "secrets.token": SECRET}

    answer = browser.post(reverse("source-new", args=["file"]), said, HTTP_ACCEPT_LANGUAGE="zh-hans")

    page = answer.content.decode()
    assert (answer.status_code, Source.objects.exists()) == (400, False)
    assert 'value="gopher://old"' in page
    assert 'id="fault-config.url">文件夹（以 / 结尾）或文件' in page
    assert SECRET not in page


def test_secrets_are_on_no_page_and_stay_where_none_is_typed(source: Source, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    pages = [browser.get(at(name, source)).content.decode() for name in ("source", "source-edit")]
    assert [(SECRET in page, source.config["url"] in page) for page in pages] == [(False, True)] * 2

    kept = browser.post(at("source-edit", source), {"config.url": f"{source.config['url']}x/", "secrets.token": ""})
    source.refresh_from_db()
    assert (kept.status_code, source.config["url"][-2:]) == (302, "x/")
    assert unseal(source.secrets, source.pk) == {"token": SECRET}

    browser.post(at("source-edit", source), {"config.url": source.config["url"], "secrets.token": "other"})
    source.refresh_from_db()
    assert unseal(source.secrets, source.pk) == {"token": "other"}


def test_what_is_chosen_becomes_drafts_with_their_streams(source: Source, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    chosen = offers(browser, source)
    assert len(chosen) == 2
    form = browser.post(at("source-bring", source), {"offer": chosen}).content.decode()
    assert [f'value="{key}"' in form for key in ("water.pumps_2024", "water.levels")] == [True, True]
    assert re.search(r'name="0-as-owner_phone".*?<option value="personal" selected>', form)
    assert not Stream.objects.exists()

    page = browser.post(at("source-bring", source), filled(chosen), follow=True).content.decode()

    pumps, levels = Stream.objects.order_by("-key")
    assert (pumps.select["path"], pumps.schedule, pumps.mode) == ("Pumps 2024.csv", "", "append")
    assert (levels.schedule, levels.cursor, levels.next_due_at is not None) == ("0 3 * * *", "at", True)
    assert (pumps.dataset.primary_key, levels.dataset.primary_key) == ([], ["well"])
    assert {stream.dataset.status for stream in (pumps, levels)} == {"draft"}
    seen = {field.name: (field.type, field.sensitivity) for field in levels.dataset.fields.all()}
    assert seen["well"] == ("string", "public")
    assert seen["at"] == ("datetime", "unclassified")
    assert seen["depth"][1] == "internal"
    assert reverse("sync", args=["water.pumps", "pumps"]) in page


def test_where_one_draft_is_refused_none_is_made_and_all_words_stay(source: Source, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")
    said = {**filled(offers(browser, source)), "1-schedule": "at night", "0-title": "The pumps"}

    answer = browser.post(at("source-bring", source), said)

    page = answer.content.decode()
    assert (answer.status_code, Stream.objects.count(), Dataset.objects.count()) == (400, 0, 1)
    assert re.search(r'href="#1-schedule">Schedule.*?is no schedule', page)
    assert re.search(r'id="fault-1-schedule">.*?is no schedule', page)
    assert ('value="The pumps"' in page, 'value="at night"' in page) == (True, True)
    assert re.search(r'name="1-as-depth".*?<option value="internal" selected>', page)


@pytest.mark.parametrize("offer", ["no json", "[]", '{"name": 1, "columns": []}', OFFER % "\\u0000", OFFER % "\\ud800"])
def test_what_the_source_never_offered_is_refused(source: Source, signed_in: SignedIn, offer: str) -> None:
    browser = signed_in("water", "publisher")

    page = browser.post(at("source-bring", source), {"offer": offer}, follow=True).content.decode()

    assert "This is nothing that the source offers." in page


def test_cells_are_shown_to_the_owner_alone(source: Source, signed_in: SignedIn) -> None:
    pages = [
        signed_in(*who).post(at("source-discover", source)).content.decode()
        for who in (("water", "publisher"), ("city", "system"))
    ]

    assert [("owner_phone" in page, "555-0101" in page) for page in pages] == [(True, True), (True, False)]


def test_another_agency_sees_no_source_and_does_nothing_to_it(source: Source, signed_in: SignedIn) -> None:
    chosen = offers(signed_in("water", "publisher"), source)
    city = signed_in("city", "publisher")
    said = {**filled(chosen), "config.url": "file:///etc/"}

    looked = [city.get(at(name, source)).status_code for name in ("source", "source-edit")]
    acted = [city.post(at(f"source-{act}", source), said).status_code for act in ("edit", "test", "discover", "bring")]

    assert (looked, acted) == ([404] * 2, [404] * 4)
    assert "files" not in city.get(reverse("sources")).content.decode().partition("<h1>")[2].partition("<h2")[0]
    assert (Stream.objects.exists(), Source.objects.get().config) == (False, source.config)


@pytest.mark.parametrize(("roles", "reaches"), [(("reviewer",), True), (("requester",), False)])
def test_who_does_not_load_changes_nothing(
    source: Source, signed_in: SignedIn, roles: tuple[str, ...], reaches: bool
) -> None:
    chosen = offers(signed_in("water", "publisher"), source)
    browser = signed_in("water", *roles)
    page = browser.get(at("source", source)).content.decode()

    acted = browser.post(at("source-bring", source), filled(chosen), follow=True).content.decode()
    made = browser.post(reverse("source-new", args=["file"]), {"key": "mine", "config.url": "https://a.example/"})
    edited = browser.post(at("source-edit", source), {"config.url": "https://a.example/"})

    assert (at("source-discover", source) in page, at("source-edit", source) in page) == (reaches, False)
    assert "is for the publishers of water" in acted
    assert (made.status_code, edited.status_code) == (403, 403)
    assert reverse("source-new", args=["file"]) not in browser.get(reverse("sources")).content.decode()
    assert (Stream.objects.exists(), list(Source.objects.values_list("config", flat=True))) == (False, [source.config])
    discovered = browser.post(at("source-discover", source)).status_code
    assert discovered == (200 if reaches else 302)


def test_two_agencies_may_call_their_sources_the_same(source: Source, signed_in: SignedIn) -> None:
    other = register_source(
        actor=HUB,
        key="files",
        agency=Agency.objects.get(code="city"),
        kind="file",
        config={"url": "https://a.example/"},
    )
    browser = signed_in("city", "system")

    assert [browser.get(at("source", one)).status_code for one in (source, other)] == [200, 200]


def test_every_kind_is_called_in_the_visitors_language() -> None:
    assert {registry.load(kind).title for kind in KINDS} == set(TITLES)


@pytest.mark.parametrize("kind", KINDS)
def test_form_of_every_kind_is_in_the_visitors_language(kind: str, signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")

    page = browser.get(reverse("source-new", args=[kind]), HTTP_ACCEPT_LANGUAGE="zh-hans").content.decode()

    told = re.findall(r'<small class="below">(.*?)</small>|<p class="hint">(.*?)</p>', page)
    assert len(told) > 6
    assert [text for pair in told for text in pair if text and not re.search(r"[\u4e00-\u9fff]", text)] == []
    assert browser.get(reverse("source-new", args=["upload"])).status_code == 404
