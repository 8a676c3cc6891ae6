"""The manifest that the document on publishing shows for an old file server, over some nights of GB18030 exports."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from connectors.models import Run, Source
from connectors.queries import connector_of
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.accounts.commands import create_client
from hub.accounts.models import Agency
from hub.errors import SourceRefused
from tests.connectors.peers import PASSWORD, SftpPeer, sftp_serving
from tests.realdata.conftest import api_of
from tests.whole.conftest import ROOT

HEAD = "日期,站点,水位\n"
PINNED = re.compile(r', host_key = "[^"]+"')
Rows = list[list[object]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpPeer]:
    (tmp_path / "files" / "night" / "2024").mkdir(parents=True)
    with sftp_serving(SftpPeer(tmp_path / "files")) as serving:
        yield serving


def applied(server: SftpPeer, tmp_path: Path, host_key: str) -> None:
    """The manifest as shown, but for where the server is and its key."""
    text = (ROOT / "docs" / "publish.md").read_text().partition("## Files on an SFTP server")[2]
    (shown, *_) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    pinned = f', host_key = "{host_key}"' if host_key else ""
    own = PINNED.sub(
        f"{pinned}, allow_loopback = true", shown.replace("files.example:2222", f"127.0.0.1:{server.port}")
    )
    assert own.count("allow_loopback") == own.count("127.0.0.1") == 1
    manifest = tmp_path / "hub.toml"
    manifest.write_text(own)
    call_command("apply", str(manifest))


def put(server: SftpPeer, name: str, text: str, changed: int) -> None:
    path = server.folder / "night" / name
    path.write_bytes((HEAD + text).encode("gb18030"))
    os.utime(path, (1_700_000_000 + changed, 1_700_000_000 + changed))


def sync() -> tuple[str, str, int, int, int]:
    """The stream runs: how it ended, and rows read, inserted and changed."""
    call_command("sync", "levels")
    run = Run.objects.get(status="queued")
    carry_out(run.pk)
    run.refresh_from_db()
    return run.status, run.error_code, run.rows_read, run.inserted, run.updated


def shown() -> Rows:
    return [list(row.values()) for row in json.loads(api_of("water").get("datasets/water.levels/rows").content)["data"]]


def test_exports_of_each_night_with_later_corrections_are_published_and_stay_right(
    transactional_db: None, server: SftpPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORTS_PASSWORD", PASSWORD)
    applied(server, tmp_path, "")
    with pytest.raises(SourceRefused) as caught:
        connector_of(Source.objects.get(key="exports")).test()
    told = re.findall(r"SHA256:[A-Za-z0-9+/]{43}", caught.value.message)
    assert (caught.value.code, told) == ("source-host-key", [server.host_key.get_fingerprint()])
    applied(server, tmp_path, told[0])
    create_client(actor=HUB, agency=Agency.objects.get(code="water"), name="app", roles=())

    put(server, "2024/水位-0101.csv", "2024-01-01,青浦站,3.20\n2024-01-01,浦东站,\n", 1)
    put(server, "2024/说明.csv", "no,such,columns\n", 1)
    first = sync()
    put(server, "2024/水位-0102.csv", "2024-01-02,青浦站,3.25\n2024-01-01,浦东站,2.80\n", 2)
    second = sync()
    nothing = sync()
    put(server, "2024/水位-0101.csv", "2024-01-01,青浦站,3.21\n2024-01-01,浦东站,2.80\n", 3)
    corrected = sync()
    right = shown()
    put(server, "2024/水位-0103.csv", "2024-01-03,青浦站,3.3", 4)
    whole = (server.folder / "night/2024/水位-0103.csv").read_bytes()
    (server.folder / "night/2024/水位-0103.csv").write_bytes(whole[: whole.index(b",3.3") - 4])
    cut = sync()
    unchanged = shown()
    put(server, "2024/水位-0103.csv", "2024-01-03,青浦站,3.30\n", 5)
    mended = sync()
    put(server, "2024/水位-0104.csv", "2024-01-04,青浦站,3.4", 6)
    unended = sync()

    assert (first, second) == (("succeeded", "", 2, 2, 0), ("succeeded", "", 2, 1, 1))
    assert (nothing, corrected) == (("succeeded", "", 0, 0, 0), ("succeeded", "", 2, 0, 1))
    assert (
        right
        == unchanged
        == [["2024-01-01", "浦东站", 2.80], ["2024-01-01", "青浦站", 3.21], ["2024-01-02", "青浦站", 3.25]]
    )
    assert cut[:2] == ("failed", "source-truncated")
    assert (mended, len(shown())) == (("succeeded", "", 1, 1, 0), 4)
    assert unended[:2] == ("held", "perhaps-truncated")


def test_run_whose_server_shows_another_key_changes_nothing(
    transactional_db: None, server: SftpPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORTS_PASSWORD", PASSWORD)
    applied(server, tmp_path, SftpPeer(tmp_path).public)
    put(server, "2024/水位-0101.csv", "2024-01-01,青浦站,3.20\n", 1)

    assert sync() == ("failed", "source-host-key", 0, 0, 0)
    assert server.logins == []
