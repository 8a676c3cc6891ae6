"""Workers killed in the middle of a load: the hub goes on by itself, and nobody ever sees a part."""

import os
import signal
import subprocess
import time
from pathlib import Path

from .conftest import WholeHub

ROWS = 1_500_000 if os.environ.get("HUB_PROOF") == "long" else 200_000
A_SECOND = ROWS // 4
"""No faster, so that each load goes on for some seconds on any machine."""
KILLED = ("its-children", "worker", "both")
_MOST_SECONDS = 90
"""A lease of thirty seconds, the time until somebody looks, and three loads that begin again at once."""
HEAD = """
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
key = "flights"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/", max_rows_per_second = {rate} }}
"""
LOAD = """
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
source = "flights"
dataset = "dot.{key}"
select = {{ path = "flights.csv" }}
"""


def test_loads_whose_worker_is_killed_end_whole(hub: WholeHub, tmp_path: Path) -> None:
    """One after another is killed in its own way; then the three are waited for, each for its lost lease, together."""
    watcher, reader = _prepared(hub, tmp_path)
    killed_at = {}
    for killed in KILLED:
        hub.manage("sync", killed)
        _wait_for_stage(hub, watcher, killed)
        killed_at[killed] = time.monotonic()
        _kill(hub.child("--queues runs"), killed)

    counts: dict[str, set[int]] = {key: set() for key in KILLED}
    going_on = set(KILLED)
    while going_on:
        for key in KILLED:
            run = _run(hub, watcher, key)
            counts[key].add(_counted(hub, reader, key))
            if run["status"] not in ("queued", "running"):
                going_on.discard(key)
                assert (run["status"], run["inserted"], run["rejected"]) == ("succeeded", ROWS, 0), key
            assert key not in going_on or time.monotonic() - killed_at[key] < _MOST_SECONDS, key

    assert [_counted(hub, reader, key) for key in KILLED] == [ROWS] * len(KILLED)
    assert all(seen <= {0, ROWS} for seen in counts.values()), counts


def _prepared(hub: WholeHub, folder: Path) -> tuple[str, str]:
    """A file, a stream of it into a dataset for each way to kill; answers the tokens of who watches and who reads."""
    files = hub.folder.parent / "files"
    with (files / "flights.csv").open("w") as lines:
        lines.write("id,delay,at\n")
        lines.writelines(f"{i},{i / 4},2013-01-01T05:00:00Z\n" for i in range(ROWS))
    manifest = folder / "hub.toml"
    manifest.write_text(HEAD.format(folder=files, rate=A_SECOND) + "".join(LOAD.format(key=key) for key in KILLED))
    hub.manage("apply", str(manifest))
    return hub.token("dot", "watcher"), hub.token("ops", "reader")


def _counted(hub: WholeHub, token: str, key: str) -> int:
    return int(hub.get(f"/datasets/dot.{key}/rows", token, count="exact", limit="1").json()["page"]["count"])


def _run(hub: WholeHub, token: str, key: str) -> dict[str, object]:
    return hub.get("/runs", token, stream=key).json()["data"][0]


def _wait_for_stage(hub: WholeHub, token: str, key: str) -> None:
    until = time.monotonic() + 90
    while _run(hub, token, key)["status"] == "queued":
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.2)
    assert _run(hub, token, key)["status"] == "running"


def _kill(worker: int, killed: str) -> None:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(worker)], capture_output=True, text=True, check=False)
    children = list(map(int, listed.stdout.split()))
    for pid in {"worker": [worker], "its-children": children, "both": [worker, *children]}[killed]:
        os.kill(pid, signal.SIGKILL)
