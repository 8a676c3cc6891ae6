"""``manage.py up``: one command, one hub to a folder, everything restarted, everything stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from .conftest import PLAIN, ROOT, WholeHub, environment, manage


def test_second_hub_on_the_same_folder_is_refused_with_a_sentence(hub: WholeHub) -> None:
    second = hub.manage("up", "--port", "1", check=False)

    assert second.returncode == 1
    assert f"A hub already runs on {hub.folder} ({hub.url})." in second.stderr


def test_port_in_use_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused = manage(tmp_path / "hub", "up", "--port", str(port), check=False)

    assert refused.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use." in refused.stderr
    assert not (tmp_path / "hub" / "postgres").exists()


def test_first_start_prints_a_link_for_the_administrator_until_there_is_one(hub: WholeHub) -> None:
    said = hub.folder.with_suffix(".log").read_text()

    assert f"Become the first administrator: {hub.url}/invitations/" in said


def test_child_that_dies_is_started_again(hub: WholeHub) -> None:
    for words in ("granian", "--queues runs", "--queues ticks", "beat", "valkey-server"):
        before = hub.child(words)
        os.kill(before, signal.SIGKILL)
        _until(lambda words=words, before=before: _is_replaced(hub, words, before))
        assert _group(before) == [], "what the dead child had started works on beside its successor"
    _until(lambda: httpx.get(f"{hub.url}/readyz", verify=PLAIN).status_code == 200)


def test_database_that_dies_gives_503_and_comes_back(hub: WholeHub, tmp_path: Path) -> None:
    _register(hub, tmp_path)
    token = hub.token("met", "reader")
    assert hub.get("/datasets", token).status_code == 200

    os.kill(hub.child("postgres"), signal.SIGKILL)

    seen = []
    _until(lambda: seen.append(hub.get("/datasets", token)) or len({answer.status_code for answer in seen}) > 1)
    _until(lambda: hub.get("/datasets", token).status_code == 200)
    lost = next(answer for answer in seen if answer.status_code != 200)
    assert lost.status_code == 503
    assert lost.json()["code"] == "unavailable"
    assert int(lost.headers["Retry-After"]) > 0


def test_worker_loads_no_page_and_no_view() -> None:
    """Which would take each of four processes a second of every start."""
    loaded = "import sys, hub.celery as c; c.app.loader.import_default_modules(); print(*sorted(sys.modules))"

    said = subprocess.run(
        [sys.executable, "-c", loaded], env=environment(), cwd=ROOT, capture_output=True, text=True, check=True
    )

    names = said.stdout.split()
    assert "hub.operations.tasks" in names
    assert {"hub.urls", "hub.web.urls", "hub.api.urls"}.isdisjoint(names)


def test_backup_is_not_restored_over_a_hub_nor_where_it_is_damaged(hub: WholeHub, tmp_path: Path) -> None:
    """What is restored elsewhere is proven by the copy that is kept of it."""
    hub.manage("backup", str(tmp_path / "copy"))
    control = tmp_path / "copy" / "postgres" / "PG_VERSION"

    over = hub.manage("restore", str(tmp_path / "copy"), check=False)
    control.write_text("17\n")
    damaged = manage(tmp_path / "again", "restore", str(tmp_path / "copy"), check=False)

    assert (over.returncode, damaged.returncode) == (1, 1)
    assert "A hub already runs" in over.stderr
    assert "is damaged; nothing was restored" in damaged.stderr
    assert not (tmp_path / "again" / "postgres" / "data").exists()


def test_command_without_a_hub_says_so(tmp_path: Path) -> None:
    refused = manage(tmp_path / "none", "token", "list", check=False)

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"The hub in {tmp_path / 'none'} does not run.",
        "Start it with: python manage.py up",
    ]


def _register(hub: WholeHub, folder: Path) -> None:
    manifest = folder / "hub.toml"
    manifest.write_text('[[agency]]\ncode = "met"\nname = "Weather"\n[[client]]\nagency = "met"\nname = "reader"\n')
    hub.manage("apply", str(manifest))


def _until(holds: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < until
        time.sleep(0.2)


def _group(leader: int) -> list[str]:
    """The processes of a child's group that live on."""
    listed = subprocess.run(["ps", "-o", "stat=,args=", "-g", str(leader)], capture_output=True, text=True, check=False)
    return [line for line in listed.stdout.splitlines() if not line.startswith("Z")]


def _is_replaced(hub: WholeHub, words: str, before: int) -> bool:
    return any(words in arguments and pid != before for pid, arguments in hub.children().items())
