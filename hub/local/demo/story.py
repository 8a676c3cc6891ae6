"""What the demo shows, asked through the API as anybody would, and told in a few lines with the figures measured."""

import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Say = Callable[[str], None]
Day = tuple[int, int, int]

_WINDIEST = 10
_LATE = 60
_TIMED = 50


@dataclass(frozen=True, slots=True)
class Asker:
    """A client of one agency with its token."""

    url: str
    token: str
    _client: httpx.Client = field(default_factory=httpx.Client, repr=False)

    def get(self, path: str, **params: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self._client.get(f"{self.url}/api/v1{path}", params=params, headers=headers, timeout=60)

    def rows(self, dataset: str, **params: str) -> list[dict[str, Any]]:
        """All rows that were asked for, streamed; raises where the answer is an error."""
        answer = self.get(f"/datasets/{dataset}/rows", f="ndjson", limit="all", **params)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]


def tell_what_is_withheld(say: Say, ops: Asker, faa: Asker) -> None:
    """Tail numbers, which are hashed for everybody but one, and the registry, which is conditional."""
    for name, asker in (("ops", ops), ("faa", faa)):
        row = asker.get("/datasets/dot.flights/rows", limit="1", filter="tailnum IS NOT NULL").json()["data"][0]
        say(f"  {name} reads tailnum as  {row['tailnum']}")
    denied = ops.get("/datasets/faa.planes/rows").json()
    say(f"  ops asks for faa.planes  {denied['status']} {denied['code']}: {denied['detail']}")
    say(f"                           {denied['hint']}")


def tell_quarantine(say: Say, met: Asker, run: str) -> None:
    """The reading that the field's maximum keeps out."""
    for reject in met.get(f"/runs/{run}/rejects").json()["data"]:
        say(f"  met.weather, {reject['field']} = {reject['value']}: {reject['message']}")


def tell_speed(say: Say, ops: Asker) -> None:
    """The time of a page, at one client."""
    with httpx.Client(headers={"Authorization": f"Bearer {ops.token}"}) as client:
        times = [_timed(client, f"{ops.url}/api/v1/datasets/dot.flights/rows?limit=100") for _ in range(_TIMED)]
    say(f"  a page of 100 flights takes {statistics.median(times) * 1000:.1f} ms (median of {_TIMED})")


def tell_answer(say: Say, ops: Asker) -> None:
    """On the ten windiest days, how many flights left more than an hour late, by carrier name."""
    days = windiest_days(ops.rows("met.weather", properties="year,month,day,wind_speed"))
    late = late_by_carrier(ops, [day for day, _ in days])
    names = {row["carrier"]: row["name"] for row in ops.rows("faa.airlines")}
    shown = ", ".join(f"{year}-{month:02}-{day:02}" for (year, month, day), _ in sorted(days))
    say(f"  the windiest days, by mean wind speed at the three airports: {shown}")
    for carrier, count in late.most_common():
        say(f"  {count:6,}  {names[carrier]}")
    say(f"  {late.total():6,}  flights in all left more than {_LATE} minutes late on those days")


def windiest_days(weather: list[dict[str, Any]]) -> list[tuple[Day, float]]:
    """The ten days with the greatest mean wind speed, greatest first; readings without one do not count."""
    speeds: Mapping[Day, list[float]] = defaultdict(list)
    for row in weather:
        if row["wind_speed"] is not None:
            speeds[row["year"], row["month"], row["day"]].append(row["wind_speed"])
    means = ((day, statistics.fmean(values)) for day, values in speeds.items())
    return sorted(means, key=lambda item: -item[1])[:_WINDIEST]


def late_by_carrier(ops: Asker, days: list[Day]) -> Counter[str]:
    """How many flights of these days left late, by carrier code; the hub does the choosing."""
    of_days = " OR ".join(f"(year = {year} AND month = {month} AND day = {day})" for year, month, day in days)
    rows = ops.rows("dot.flights", properties="carrier", filter=f"dep_delay > {_LATE} AND ({of_days})")
    return Counter(row["carrier"] for row in rows)


def examples(url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Three requests worth trying: an address and its parameters."""
    yield f"{url}/api/v1/datasets", {}
    filter_ = "dep_delay > 120 AND carrier IN ('AA', 'DL')"
    yield f"{url}/api/v1/datasets/dot.flights/rows", {"filter": filter_, "sortby": "-dep_delay", "limit": "5"}
    yield f"{url}/api/v1/datasets/dot.flights/access", {}


def as_curl(address: str, params: Mapping[str, str], token: str) -> str:
    """The request as a line for a shell."""
    data = "".join(f' --data-urlencode "{name}={value}"' for name, value in params.items())
    return f'curl -s -G -H "Authorization: Bearer {token}"{data} {address}'


def _timed(client: httpx.Client, address: str) -> float:
    started = time.perf_counter()
    client.get(address).raise_for_status()
    return time.perf_counter() - started
