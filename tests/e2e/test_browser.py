"""The portal in a real browser, as its people use it: by mouse, by keyboard, in either language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import OpenPage
from tests.whole.conftest import WholeHub, started, stopped

pytestmark = pytest.mark.e2e

MANIFEST = """
[[agency]]
code = "water"
name = "Water Board"
name_zh = "水务局"
[[source]]
key = "files"
agency = "water"
kind = "file"
config = {{ url = "file://{folder}/" }}
[[dataset]]
key = "water.wells"
title = "Wells"
title_zh = "水井"
primary_key = ["well"]
sensitivity = "public"
[[dataset.field]]
name = "well"
type = "string"
[[dataset.field]]
name = "owner_phone"
type = "string"
sensitivity = "personal"
[[dataset]]
key = "water.pumps"
title = "Pumps"
class = "closed"
reason = "Safety of supply"
legal_basis = [{{ title = "Water Act", article = "12" }}]
[[stream]]
key = "wells"
source = "files"
dataset = "water.wells"
select = {{ path = "wells.csv" }}
"""
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    folder = tmp_path_factory.mktemp("portal")
    files = folder / "files"
    files.mkdir()
    (files / "wells.csv").write_text("well,owner_phone\nW-1,555-0101\n")
    (folder / "hub.toml").write_text(MANIFEST.format(folder=files))
    running = started(folder / "hub", HUB_FILE_ROOTS=str(files))
    running.manage("apply", str(folder / "hub.toml"))
    yield running
    stopped(running)


@pytest.fixture(scope="module")
def administrator(hub: WholeHub, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The session of the first administrator, who came by the link that the start prints."""
    link = re.findall(r"http\S+/invitations/\S+", hub.folder.with_suffix(".log").read_text())[0]
    page = browser.new_page()
    page.goto(link)
    page.get_by_label("Mail address").fill("administrator@hub.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set the password and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Catalogue")
    state = tmp_path_factory.mktemp("session") / "state.json"
    page.context.storage_state(path=state)
    page.context.close()
    return state


@pytest.fixture
def page(open_page: OpenPage, administrator: Path) -> Page:
    """A page of the administrator's."""
    return open_page(administrator)


def test_catalogue_narrows_while_one_types(hub: WholeHub, page: Page) -> None:
    page.goto(hub.url)
    expect(page.get_by_text("2 datasets")).to_be_visible()

    page.get_by_label("Search").fill("pum")

    expect(page.get_by_text("1 dataset", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Pumps")).to_be_visible()
    expect(page.get_by_role("link", name="Wells")).to_have_count(0)
    assert "q=pum" in page.url


def test_run_moves_while_it_is_watched_and_its_rows_are_shown(hub: WholeHub, page: Page) -> None:
    page.goto(f"{hub.url}/runs")
    hub.manage("sync", "wells")

    expect(page.get_by_text("succeeded")).to_be_visible(timeout=30_000)
    page.goto(f"{hub.url}/datasets/water.wells")

    expect(page.get_by_role("cell", name="W-1")).to_be_visible()
    expect(page.get_by_text("555-0101")).to_have_count(0)
    expect(page.locator("#curl")).to_contain_text(f"{hub.url}/api/v1/datasets/water.wells/rows")


def test_closed_dataset_says_why(hub: WholeHub, page: Page) -> None:
    page.goto(f"{hub.url}/datasets/water.pumps")

    notice = page.get_by_role("region", name="You cannot read this yet")
    expect(notice).to_contain_text("Safety of supply")
    expect(notice).to_contain_text("Water Act, 12")


def test_everything_is_reached_by_keyboard(hub: WholeHub, page: Page) -> None:
    page.goto(hub.url)

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("wells")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 dataset", exact=True)).to_be_visible()


def test_language_is_changed_on_any_page(hub: WholeHub, page: Page) -> None:
    page.goto(f"{hub.url}/datasets/water.wells")

    page.get_by_role("button", name="简体中文").click()

    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.get_by_role("heading", level=1)).to_have_text("水井")
    expect(page.get_by_role("link", name="目录").first).to_be_visible()


def test_every_page_fits_a_narrow_screen(hub: WholeHub, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})

    shared = ("/", "/datasets/water.wells", "/datasets/water.wells/access", "/datasets/water.pumps/access")
    asked = ("/applications", "/applications/new?dataset=water.wells", "/agreements")
    kept = ("/rules", "/new-rule", "/exceptions?agency=water")
    for path in (*shared, *asked, *kept, "/runs", "/tokens", "/people", "/agencies", "/profile"):
        page.goto(hub.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_documents_of_the_api_are_served_without_the_internet(hub: WholeHub, page: Page) -> None:
    page.goto(f"{hub.url}/api/v1/docs")

    expect(page.locator("#operations-tag-datasets")).to_be_visible(timeout=20_000)


def test_token_is_made_copied_and_works(hub: WholeHub, page: Page) -> None:
    page.goto(f"{hub.url}/tokens")

    page.get_by_label("Program").fill("map")
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator("#secret").inner_text().strip()

    assert hub.get("/datasets", secret).status_code == 200
    page.goto(f"{hub.url}/tokens")
    expect(page.get_by_text(secret)).to_have_count(0)


def test_source_is_connected_looked_into_and_read(hub: WholeHub, page: Page) -> None:
    page.goto(f"{hub.url}/sources")
    page.get_by_role("link", name="Files (CSV, XLSX, JSON, Parquet)").click()
    page.get_by_label("Key", exact=True).fill("own-files")
    page.get_by_label("url", exact=True).fill(f"file://{hub.folder.parent}/files/")
    page.get_by_role("button", name="Connect and test").click()
    expect(page.get_by_text("The source answers, and lets the hub in.")).to_be_visible()

    page.get_by_role("button", name="Discover what it offers").click()
    page.get_by_text("2 fields").click()
    expect(page.get_by_role("row", name="owner_phone")).to_contain_text("phone number")
    page.get_by_role("checkbox", name="wells.csv").check()
    page.get_by_role("button", name="Draft datasets of what is chosen").click()
    expect(page.get_by_label("Who may see it: owner_phone")).to_have_value("personal")
    page.get_by_label("Who may see it: well", exact=True).select_option("public")
    page.get_by_label("Title", exact=True).fill("Wells of the hub")
    page.get_by_role("button", name="Make the drafts").click()
    expect(page.get_by_text("Drafted, and ready to be filled: hub.wells")).to_be_visible()

    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("succeeded")).to_be_visible(timeout=30_000)
