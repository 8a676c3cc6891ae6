"""The manifest that the document on publishing shows for a folder that grows, with files that come night by night."""

import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from connectors.models import Run
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.accounts.commands import create_client
from hub.accounts.models import Agency
from tests.api.conftest import Api
from tests.realdata.conftest import api_of
from tests.whole.conftest import ROOT

HEAD = "day,district,cases\n"


@pytest.fixture
def folder(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifest's folder, after the manifest was applied."""
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    text = (ROOT / "docs" / "publish.md").read_text().partition("## A folder that gets a file each night")[2]
    (shown, *_) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert "file:///srv/reports/" in shown
    manifest = tmp_path / "hub.toml"
    manifest.write_text(shown.replace("file:///srv/reports/", f"{tmp_path.as_uri()}/"))
    call_command("apply", str(manifest))
    return tmp_path


def night(folder: Path, name: str, text: str) -> tuple[str, int, int, int]:
    """One file comes and the stream runs: how it ended, and rows read, inserted and changed."""
    (folder / name).write_text(HEAD + text)
    return sync()


def sync(*options: str) -> tuple[str, int, int, int]:
    call_command("sync", "cases", *options)
    run = Run.objects.get(status="queued")
    carry_out(run.pk)
    run.refresh_from_db()
    return run.status, run.rows_read, run.inserted, run.updated


def rows(api: Api) -> list[list[object]]:
    return [list(row.values()) for row in json.loads(api.get("datasets/health.cases/rows").content)["data"]]


def test_files_come_night_by_night_and_one_is_corrected(folder: Path) -> None:
    create_client(actor=HUB, agency=Agency.objects.get(code="health"), name="app", roles=())

    first = night(folder, "2020-01-30.csv", "2020-01-30,North,3\n2020-01-30,,1\n")
    second = night(folder, "2020-01-31.csv", "2020-01-31,North,4\n2020-01-30,,2\n")
    corrected = night(folder, "2020-01-30.csv", "2020-01-30,North,30\n2020-01-30,,2\n")
    nothing, full = sync(), sync("--full")

    assert (first, second, corrected) == (("succeeded", 2, 2, 0), ("succeeded", 2, 1, 1), ("succeeded", 2, 0, 1))
    assert (nothing, full) == (("succeeded", 0, 0, 0), ("succeeded", 4, 0, 0))
    assert rows(api_of("health")) == [["2020-01-30", "North", 30], ["2020-01-30", None, 2], ["2020-01-31", "North", 4]]
