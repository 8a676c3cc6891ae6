"""While hostile files are loaded without a pause, the API answers as it does without them."""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from tests.connectors.hostile.files import FILES, HostileFile

from .conftest import WholeHub, started, stopped

REQUESTS = 400
LOADS = 4
"""So many hostile loads at least are over before the API has been asked enough beside them."""
MOST_TIMES = 10
"""So many times as long the slowest of a hundred may take; a worker that reads within itself is far beyond on both."""
NEVER_OF_NOTE_MS = 250.0
"""Below it, a ratio says more of the machine than of the hub."""
CHOSEN = (
    "gzip bomb", "workbook bomb", "row of a billion", "entities of entities", "shared text in Parquet",
    "JSON of empty lists", "JSON line without end", "line without end", "two encodings", "2^63",
)  # fmt: skip
GOOD = """
[[agency]]
code = "dot"
name = "Transport"
[[client]]
agency = "dot"
name = "keeper"
roles = ["publisher"]
[[source]]
key = "files"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/", max_concurrent_runs = 100 }}
[[dataset]]
key = "dot.good"
title = "Good"
sensitivity = "public"
primary_key = ["id"]
[[dataset.field]]
name = "id"
type = "integer"
[[dataset.field]]
name = "name"
type = "string"
[[stream]]
key = "good"
source = "files"
dataset = "dot.good"
select = {{ path = "good.csv" }}
"""
HOSTILE = """
[[dataset]]
key = "dot.h{n}"
title = "H{n}"
sensitivity = "public"
primary_key = {key}
{fields}
[[stream]]
key = "h{n}"
source = "files"
dataset = "dot.h{n}"
select = {{ path = "{n}/{name}" }}
"""
HOSTILES = [hostile for hostile in FILES if hostile.label in CHOSEN]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[WholeHub]:
    files = tmp_path / "files"
    files.mkdir()
    (files / "good.csv").write_text("id,name\n" + "".join(f"{n},name {n}\n" for n in range(20_000)))
    for number, hostile in enumerate(HOSTILES):
        (files / str(number)).mkdir()
        hostile.put(files / str(number))
    running = started(tmp_path / "hub", HUB_FILE_ROOTS=str(files), HUB_RATE_LIMITS="off")
    manifest = tmp_path / "hub.toml"
    manifest.write_text(GOOD.format(folder=files) + "".join(map(_declared, range(len(HOSTILES)), HOSTILES)))
    running.manage("apply", str(manifest))
    yield running
    stopped(running)
    shutil.rmtree(files)


def _declared(number: int, hostile: HostileFile) -> str:
    fields = "".join(f'[[dataset.field]]\nname = "{one["name"]}"\ntype = "{one["type"]}"\n' for one in hostile.fields)
    key = ["id"] if any(one["name"] == "id" for one in hostile.fields) else []
    return HOSTILE.format(n=number, name=hostile.name, key=key, fields=fields)


@pytest.mark.timeout(600)
def test_api_answers_beside_hostile_loads_as_without_them(hub: WholeHub) -> None:
    token = hub.token("dot", "keeper")
    assert _loaded(hub, token, "good") == ""
    _p99(hub, token)  # the first ones make what all later ones find
    alone = _p99(hub, token)

    loads = _Loads(hub, token)
    loads.start()
    time.sleep(2)
    beside = _p99(hub, token, until=lambda: loads.done >= LOADS or not loads.is_alive())
    loads.end()

    told = f"p99 {alone:.1f} ms alone, {beside:.1f} ms beside {loads.done} loads"
    print(told)  # noqa: T201 what -rP shows
    assert loads.done >= LOADS
    assert loads.wrong == []
    assert beside < max(MOST_TIMES * alone, NEVER_OF_NOTE_MS), told
    assert hub.get("/datasets/dot.good/rows", token, limit="1").status_code == 200


class _Loads(Thread):
    """All hostile streams, two at a time and again and again; ``wrong`` are those that did not end as they should."""

    def __init__(self, hub: WholeHub, token: str) -> None:
        super().__init__()
        self._hub, self._token = hub, token
        self._is_over = Event()
        self.done = 0
        self.wrong: list[tuple[str, str]] = []

    def run(self) -> None:
        number = 0
        while not self._is_over.is_set():
            pair = [(number + more) % len(HOSTILES) for more in range(2)]
            runs = [(one, _asked(self._hub, self._token, f"h{one}")) for one in pair]
            for one, run in runs:
                code = _code(self._hub, self._token, run)
                self.done += 1
                if code != HOSTILES[one].code:
                    self.wrong.append((HOSTILES[one].label, code))
            number += 2

    def end(self) -> None:
        self._is_over.set()
        self.join()


def _p99(hub: WholeHub, token: str, until: Callable[[], bool] = lambda: True) -> float:
    """Milliseconds within which 99 of a hundred rows asked for by their key came, one after the other."""
    took: list[float] = []
    with httpx.Client(base_url=f"{hub.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60) as api:
        while len(took) < REQUESTS or not until():
            began = time.perf_counter()
            answer = api.get(f"/datasets/dot.good/rows/{len(took) * 37 % 20_000}")
            took.append((time.perf_counter() - began) * 1e3)
            assert answer.status_code == 200, answer.text
    return statistics.quantiles(took, n=100)[98]


def _loaded(hub: WholeHub, token: str, stream: str) -> str:
    return _code(hub, token, _asked(hub, token, stream))


def _asked(hub: WholeHub, token: str, stream: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{hub.url}/api/v1/streams/{stream}/sync", headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _code(hub: WholeHub, token: str, run: str) -> str:
    """The code of its error once it is over; none where it went well."""
    while True:
        told = hub.get(f"/runs/{run}", token).json()
        if told["status"] not in ("queued", "running"):
            return str((told.get("error") or {}).get("code", ""))
        time.sleep(0.2)
