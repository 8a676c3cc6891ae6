"""A worker killed in the middle of a load: the hub goes on by itself, and nobody ever sees a part."""

import os
import signal
import subprocess
import time
from pathlib import Path

from .conftest import WholeHub

ROWS = 336_776
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
key = "dot.flights"
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
key = "flights"
source = "files"
dataset = "dot.flights"
select = {{ path = "flights.csv" }}
"""


def test_load_whose_worker_is_killed_ends_whole(hub: WholeHub, tmp_path: Path) -> None:
    files = hub.folder.parent / "files"
    with (files / "flights.csv").open("w") as lines:
        lines.write("id,delay,at\n")
        lines.writelines(f"{i},{i / 4},2013-01-01T05:00:00Z\n" for i in range(ROWS))
    manifest = tmp_path / "hub.toml"
    manifest.write_text(MANIFEST.format(folder=files))
    hub.manage("apply", str(manifest))
    watcher, reader = hub.token("dot", "watcher"), hub.token("ops", "reader")
    hub.manage("sync", "flights")
    _wait_for_stage(hub, watcher)

    killed_at = time.monotonic()
    _kill_with_children(hub.child("--queues runs"))

    counts = set()
    run = _run(hub, watcher)
    while run["status"] in ("queued", "running"):
        assert time.monotonic() - killed_at < 60
        counts.add(hub.get("/datasets/dot.flights/rows", reader, count="exact", limit="1").json()["page"]["count"])
        run = _run(hub, watcher)
    counts.add(hub.get("/datasets/dot.flights/rows", reader, count="exact", limit="1").json()["page"]["count"])

    assert (run["status"], run["inserted"], run["rejected"]) == ("succeeded", ROWS, 0)
    assert counts <= {0, ROWS}
    assert ROWS in counts
    assert time.monotonic() - killed_at < 60


def _run(hub: WholeHub, token: str) -> dict[str, object]:
    return hub.get("/runs", token, stream="flights").json()["data"][0]


def _wait_for_stage(hub: WholeHub, token: str) -> None:
    until = time.monotonic() + 30
    while _run(hub, token)["status"] == "queued":
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.5)
    assert _run(hub, token)["status"] == "running"


def _kill_with_children(pid: int) -> None:
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    for child in (pid, *map(int, children.stdout.split())):
        os.kill(child, signal.SIGKILL)
