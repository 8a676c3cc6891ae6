"""The demo: its question answered from the files themselves, and the whole of it run once."""

import csv
import io
import json
import os
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pytest

from hub.local.demo import data
from tests.whole.conftest import ROOT, WholeHub, free_port, manage, started, stopped


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    hub = started(tmp_path_factory.mktemp("demo") / "hub", ("demo",))
    yield hub
    stopped(hub)


def test_demo_shows_what_it_promises_and_answers_its_question(demo: WholeHub) -> None:
    said = demo.folder.with_suffix(".log").read_text()

    assert re.search(r"dot\.flights +336,776 rows +\d+\.\d s  postgres\n", said)
    assert re.search(r"met\.weather +26,114 rows +\d+\.\d s  rest, 1 kept out\n", said)
    assert "met.weather, wind_speed = 1048.36058: The value is above 200." in said
    assert re.search(r"ops reads tailnum as  [0-9a-f]{32}\n +faa reads tailnum as  N\w+\n", said)
    assert "ops asks for faa.planes  403 denied: ops may not read faa.planes: The registry leads from" in said
    assert [line.strip() for line in _answer(said)] == expected_answer()


def test_operations_centre_sees_neither_tail_numbers_nor_planes(demo: WholeHub) -> None:
    ops, faa = demo.token("ops", "dashboard"), demo.token("faa", "registry")
    clear = demo.get("/datasets/dot.flights/rows", faa, limit="1", filter="tailnum IS NOT NULL").json()["data"][0][
        "tailnum"
    ]

    for params in (
        {"tailnum": clear},
        {"filter": f"tailnum = '{clear}'"},
        {"filter": "tailnum LIKE 'N%'"},
        {"filter": f"tailnum BETWEEN '{clear}' AND '{clear}'"},
        {"filter": f"CASEI(tailnum) = CASEI('{clear}')"},
        {"filter": f"tailnum IN ('{clear}')"},
    ):
        assert demo.get("/datasets/dot.flights/rows", ops, **params).json()["data"] == [], params
    for params in ({"sortby": "tailnum"}, {"sortby": "-tailnum"}, {"properties": "tailnum", "limit": "1000"}):
        shown = demo.get("/datasets/dot.flights/rows", ops, **params).json()["data"]
        assert all(row["tailnum"] is None or re.fullmatch("[0-9a-f]{32}", row["tailnum"]) for row in shown)
    access = demo.get("/datasets/dot.flights/access", ops).json()
    tailnum = next(field for field in access["fields"] if field["name"] == "tailnum")
    assert (tailnum["access"], tailnum["reason"]) == ("hash", "A tail number leads from an aircraft to its owner")
    assert access["next_step"] == "Apply to dot to see in clear: tailnum."
    for path in ("/rows", "/rows/N10156", "/schema"):
        answer = demo.get(f"/datasets/faa.planes{path}", ops)
        assert answer.status_code == 403
        assert "N10156" not in answer.text
    denied = demo.get("/datasets/faa.planes/access", ops).json()
    assert (denied["decision"], denied["reason"]) == ("deny", "The registry leads from an aircraft to its owner")
    assert denied["next_step"] == "Apply to faa for faa.planes, and say for what purpose."


def test_example_of_reading_works_as_documented(demo: WholeHub) -> None:
    rows = _example(demo, 0)["data"]

    with data.flights() as flights:
        source = csv.DictReader(io.TextIOWrapper(flights, encoding="utf-8"))
        delays = [
            int(row["dep_delay"]) for row in source if row["carrier"] in ("AA", "DL") and row["dep_delay"] != "NA"
        ]
    assert [row["dep_delay"] for row in rows] == sorted(delays, reverse=True)[:3]


def test_example_of_groups_works_as_documented(demo: WholeHub) -> None:
    groups = _example(demo, 1)["data"]

    with data.flights() as flights:
        delays: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in csv.DictReader(io.TextIOWrapper(flights, encoding="utf-8")):
            if row["dep_delay"] != "NA" and int(row["dep_delay"]) > 0:
                delays[row["origin"], row["carrier"]].append(int(row["dep_delay"]))
    means = {key: sum(some) / len(some) for key, some in delays.items()}
    expected = sorted(means, key=lambda key: -means[key])[:3]
    assert [(group["origin"], group["carrier"]) for group in groups] == expected
    assert [group["count"] for group in groups] == [len(delays[key]) for key in expected]
    assert [group["avg_dep_delay"] for group in groups] == pytest.approx([means[key] for key in expected])


def test_example_of_a_change_feed_works_as_documented(demo: WholeHub) -> None:
    first = _example(demo, 2)

    assert [change["op"] for change in first["data"]] == ["upsert", "upsert"]
    assert all(change["row"].items() >= change["key"].items() for change in first["data"])
    assert first["page"]["next"]


def _example(demo: WholeHub, number: int) -> Any:
    """What the command answers that stands in this place of the document for readers."""
    example = re.findall(r"```sh\n(curl.*?)```", (ROOT / "docs" / "read.md").read_text(), re.DOTALL)[number]
    script = example.replace("127.0.0.1:8000", f"127.0.0.1:{demo.port}")
    environment = {**os.environ, "TOKEN": demo.token("ops", "dashboard")}
    said = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=True).stdout
    return json.loads(said)


def test_demo_that_is_to_run_once_stops_by_itself_and_tells_the_same_again(demo: WholeHub) -> None:
    stopped(demo)

    said = manage(demo.folder, "demo", "--once", "--port", str(free_port())).stdout

    assert re.search(r"met\.weather +26,114 rows", said)
    assert "met.weather, wind_speed = 1048.36058: The value is above 200." in said
    assert [line.strip() for line in _answer(said)] == expected_answer()
    assert said.rstrip().endswith("All three were answered.")


def expected_answer() -> list[str]:
    """Computed from the package's files alone."""
    late = _late_by_carrier(_windiest_days())
    names = {row["carrier"]: row["name"] for row in data.rows("airlines")}
    return [f"{count:,}  {names[carrier]}" for carrier, count in late.most_common()]


def _windiest_days() -> set[tuple[str, str, str]]:
    speeds: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in data.rows("weather"):
        if row["wind_speed"] != "NA" and float(row["wind_speed"]) <= 200:
            speeds[row["year"], row["month"], row["day"]].append(float(row["wind_speed"]))
    return set(sorted(speeds, key=lambda day: -fmean(speeds[day]))[:10])


def _late_by_carrier(days: set[tuple[str, str, str]]) -> Counter[str]:
    with data.flights() as flights:
        return Counter(
            row["carrier"]
            for row in csv.DictReader(io.TextIOWrapper(flights, encoding="utf-8"))
            if (row["year"], row["month"], row["day"]) in days
            and row["dep_delay"] != "NA"
            and int(row["dep_delay"]) > 60
        )


def _answer(said: str) -> list[str]:
    table = said.partition("by mean wind speed")[2].partition("\n")[2].partition(" flights in all")[0]
    return table.splitlines()[:-1]
