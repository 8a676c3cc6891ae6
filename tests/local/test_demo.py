"""The demo: its question answered from the files themselves, and the whole of it run once."""

import csv
import io
import re
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

from hub.local.demo import data
from tests.whole.conftest import free_port, manage


def test_demo_shows_what_it_promises_and_answers_its_question(tmp_path: Path) -> None:
    done = manage(tmp_path / "hub", "demo", "--once", "--port", str(free_port()))

    said = done.stdout
    assert re.search(r"dot\.flights +336,776 rows +\d+\.\d s  postgres\n", said)
    assert re.search(r"met\.weather +26,114 rows +\d+\.\d s  rest, 1 kept out\n", said)
    assert "met.weather, wind_speed = 1048.36058: The value is above 200." in said
    assert re.search(r"ops reads tailnum as  [0-9a-f]{32}\n +faa reads tailnum as  N\w+\n", said)
    assert "ops asks for faa.planes  403 denied: ops may not read faa.planes: The registry leads from" in said
    assert said.rstrip().endswith("All three were answered.")
    assert [line.strip() for line in _answer(said)] == expected_answer()


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
