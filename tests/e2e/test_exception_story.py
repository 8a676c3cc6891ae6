"""An exception from its draft to its end, by the people of three agencies in browsers and their programs on the API."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.whole.conftest import WholeHub, started, stopped

pytestmark = pytest.mark.e2e

MANIFEST = """
[[agency]]
code = "water"
name = "Water Board"
[[agency.member]]
email = "publisher@water.example"
roles = ["publisher"]
[[agency.member]]
email = "reviewer@water.example"
roles = ["reviewer"]
[[agency]]
code = "city"
name = "City Hall"
[[agency.member]]
email = "requester@city.example"
roles = ["requester"]
[[agency]]
code = "fire"
name = "Fire Brigade"
[[client]]
agency = "city"
name = "map"
[[client]]
agency = "fire"
name = "engine"
[[source]]
key = "files"
agency = "water"
kind = "file"
config = {{ url = "file://{folder}/" }}
[[dataset]]
key = "water.wells"
title = "Wells"
primary_key = ["well"]
sensitivity = "public"
[[dataset.field]]
name = "well"
type = "string"
[[dataset.field]]
name = "owner"
type = "string"
[[stream]]
key = "wells"
source = "files"
dataset = "water.wells"
select = {{ path = "wells.csv" }}
"""
PASSWORD = "correct horse battery"
OPEN = {"well": "W-1", "owner": "owner-555"}
CLOSED = {"well": "W-1"}
GRANTED_SECONDS = 25


@dataclass(frozen=True)
class Stage:
    """A hub with rows, the people's one-time links, and the programs' tokens."""

    hub: WholeHub
    links: dict[str, str]
    city: str
    fire: str

    def read(self, token: str, agreement: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | ({"Hub-Agreement": agreement} if agreement else {})
        return httpx.get(f"{self.hub.url}/api/v1/datasets/water.wells/rows", headers=headers, timeout=30)


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("story")
    (folder / "files").mkdir()
    (folder / "files" / "wells.csv").write_text("well,owner\nW-1,owner-555\n")
    (folder / "hub.toml").write_text(MANIFEST.format(folder=folder / "files"))
    hub = started(folder / "hub", HUB_FILE_ROOTS=str(folder / "files"))
    applied = hub.manage("apply", str(folder / "hub.toml")).stdout
    links = dict(re.findall(r"(\S+@\S+\.example)\b.*?(/invitations/\S+)", applied))
    hub.manage("sync", "wells", "--wait")
    yield Stage(hub, links, hub.token("city", "map"), hub.token("fire", "engine"))
    stopped(hub)


def test_field_is_restricted_asked_for_granted_and_closed_again(stage: Stage, open_page: OpenPage) -> None:
    publisher, reviewer, requester = (
        _signed_in(stage, open_page(), f"{name}.example")
        for name in ("publisher@water", "reviewer@water", "requester@city")
    )
    assert [stage.read(token).json()["data"] for token in (stage.city, stage.city, stage.fire)] == [[OPEN]] * 3

    _draft(stage, publisher, "owner-fire", "agency:fire", "clear", "The brigade calls owners")
    _draft(stage, publisher, "owner-hidden", "everyone", "hidden", "Owners are private persons")
    expect(publisher.get_by_role("button", name="Approve")).to_have_count(0)
    _approve(stage, reviewer, "owner-fire")
    _rehearse(stage, reviewer, "owner-hidden")
    assert stage.read(stage.city).json()["data"] == [OPEN]
    _approve(stage, reviewer, "owner-hidden")
    assert stage.read(stage.city).json()["data"] == [CLOSED]
    assert stage.read(stage.fire).json()["data"] == [OPEN]

    _read_why_and_apply(stage, requester)
    ends = _agree(stage, reviewer)
    under = stage.read(stage.city, "owners-2026")
    assert datetime.now(UTC) < ends, "The machine is too slow for the agreement's time."
    assert under.json()["data"] == [OPEN]
    assert stage.read(stage.city).json()["data"] == [CLOSED]

    time.sleep(max((ends - datetime.now(UTC)).total_seconds(), 0))
    over = stage.read(stage.city, "owners-2026")
    assert (over.status_code, over.json()["code"]) == (403, "agreement-invalid")
    assert "owner-555" not in over.text
    requester.goto(f"{stage.hub.url}/agreements")
    expect(requester.get_by_text("expired")).to_be_visible()


def _signed_in(stage: Stage, page: Page, email: str) -> Page:
    page.goto(stage.hub.url + stage.links[email])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set the password and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Catalogue")
    return page


def _draft(stage: Stage, page: Page, key: str, party: str, access: str, reason: str) -> None:
    page.goto(f"{stage.hub.url}/rules")
    page.get_by_role("link", name="Draft a rule").click()
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_label("On what").fill("water.wells#owner")
    page.get_by_label("For whom").fill(party)
    page.get_by_label("Effect", exact=True).select_option("")
    page.locator("#access-field").select_option(access)
    page.get_by_label("Reason, as those who are concerned read it").fill(reason)
    page.get_by_label("Law", exact=True).fill("Privacy Act")
    page.get_by_label("Article", exact=True).fill("7")
    page.get_by_label("Kind", exact=True).select_option("law")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_text("it binds nobody until another reviewer approves it")).to_be_visible()


def _rehearse(stage: Stage, page: Page, key: str) -> None:
    """City's two calls would lose the owner; the brigade's stays, by its own rule."""
    page.goto(f"{stage.hub.url}/rules/{key}")
    page.get_by_role("button", name="Rehearse the rule").click()
    told = page.get_by_role("status")
    expect(told).to_contain_text("3 reads of the last 30 days, decided again")
    row = told.get_by_role("row", name="city/map")
    expect(row).to_contain_text("owner in clear → withheld")
    expect(row).to_contain_text("2 lose")
    expect(told.get_by_text("fire/engine")).to_have_count(0)


def _approve(stage: Stage, page: Page, key: str) -> None:
    page.goto(f"{stage.hub.url}/rules/{key}")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("in force").first).to_be_visible()


def _read_why_and_apply(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.hub.url}/datasets/water.wells")
    expect(page.get_by_text("owner-555")).to_have_count(0)
    page.get_by_role("link", name="Why you see it so").click()
    row = page.get_by_role("row", name="owner", exact=False).filter(has_text="withheld")
    expect(row).to_contain_text("Owners are private persons")
    expect(row).to_contain_text("Privacy Act, 7")
    page.get_by_role("link", name="Apply for more").click()
    page.get_by_label("Purpose", exact=True).fill("Owners are told of road works")
    page.locator("#access-owner").select_option("clear")
    page.get_by_label("Until (UTC)", exact=True).fill(_text(datetime.now(UTC) + timedelta(days=30)))
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("under review")).to_be_visible()


def _agree(stage: Stage, page: Page) -> datetime:
    """Grant it for some seconds; answers when it ends."""
    page.goto(f"{stage.hub.url}/applications")
    page.get_by_role("row", name="City Hall").get_by_role("link").click()
    page.get_by_text("What is granted").click()
    page.get_by_label("Key of the agreement").fill("owners-2026")
    ends = (datetime.now(UTC) + timedelta(seconds=GRANTED_SECONDS)).replace(microsecond=0)
    page.get_by_label("Until (UTC)", exact=True).fill(_text(ends))
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_text("agreed", exact=True).first).to_be_visible()
    return ends


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"
