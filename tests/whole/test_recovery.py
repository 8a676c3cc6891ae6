"""A worker killed in the middle of a load: the hub goes on by itself, and nobody ever sees a part."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import WholeHub

ROWS = 1_500_000 if os.environ.get("HUB_PROOF") == "long" else 500_000
"""Enough for a load that goes on for some seconds."""
MANIFEST = """
[[agency]]
code = "dot"
name = "Transport"
[[agency]]
code = "ops"
name = "Operations"
[[client]]
agency = "dot"
name = "watcher"
roles = ["publisher"]
[[client]]
agency = "ops"
name = "reader"
[[source]]
key = "files"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/" }}
[[dataset]]
key = "dot.{key}"
title = "Flights"
primary_key = ["id"]
sensitivity = "public"
[[dataset.field]]
name = "id"
type = "integer"
[[dataset.field]]
name = "delay"
type = "decimal"
[[dataset.field]]
name = "at"
type = "datetime"
[[stream]]
key = "{key}"
source = "files"
dataset = "dot.{key}"
select = {{ path = "flights.csv" }}
"""


@pytest.mark.parametrize("killed", ["worker", "its children", "both"])
def test_load_whose_worker_is_killed_ends_whole(hub: WholeHub, tmp_path: Path, killed: str) -> None:
    key = f"flights-{killed.replace(' ', '-')}"
    files = hub.folder.parent / "files"
    if not (files / "flights.csv").exists():
        with (files / "flights.csv").open("w") as lines:
            lines.write("id,delay,at\n")
            lines.writelines(f"{i},{i / 4},2013-01-01T05:00:00Z\n" for i in range(ROWS))
    manifest = tmp_path / "hub.toml"
    manifest.write_text(MANIFEST.format(folder=files, key=key))
    hub.manage("apply", str(manifest))
    watcher, reader = hub.token("dot", "watcher"), hub.token("ops", "reader")
    hub.manage("sync", key)
    _wait_for_stage(hub, watcher, key)

    killed_at = time.monotonic()
    _kill(hub.child("--queues runs"), killed)

    counts = set()
    run = _run(hub, watcher, key)
    while run["status"] in ("queued", "running"):
        assert time.monotonic() - killed_at < 60
        counts.add(hub.get(f"/datasets/dot.{key}/rows", reader, count="exact", limit="1").json()["page"]["count"])
        run = _run(hub, watcher, key)
    counts.add(hub.get(f"/datasets/dot.{key}/rows", reader, count="exact", limit="1").json()["page"]["count"])

    assert (run["status"], run["inserted"], run["rejected"]) == ("succeeded", ROWS, 0)
    assert counts <= {0, ROWS}
    assert ROWS in counts
    assert time.monotonic() - killed_at < 60


def _run(hub: WholeHub, token: str, key: str) -> dict[str, object]:
    return hub.get("/runs", token, stream=key).json()["data"][0]


def _wait_for_stage(hub: WholeHub, token: str, key: str) -> None:
    until = time.monotonic() + 30
    while _run(hub, token, key)["status"] == "queued":
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.2)
    assert _run(hub, token, key)["status"] == "running"


def _kill(worker: int, killed: str) -> None:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(worker)], capture_output=True, text=True, check=False)
    children = list(map(int, listed.stdout.split()))
    for pid in {"worker": [worker], "its children": children, "both": [worker, *children]}[killed]:
        os.kill(pid, signal.SIGKILL)
