"""Reads over HTTP with all that belongs to them, beside ``pgbench`` on their statement and beside plain DRF.

A hub as ``manage.py up`` starts it; token, a policy with one hidden and one hashed field, an event for each read. What
is compared takes turns, and medians are compared. The client runs on the same cores.
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from hub.local import connection, postgres
from tests.bench.asking import Answered, ask, cycle
from tests.bench.spending import spent
from tests.whole.conftest import environment, free_port, started, stopped

ROWS = int(os.environ.get("BENCH_ROWS", "1_000_000"))
LARGE = int(os.environ.get("BENCH_LARGE", str(10 * ROWS)))
CLIENTS = 16
ROUNDS = 3
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
_FAR = 999
_PATHS = "/api/v1/datasets/{}/rows"
_SOME = 2_000
_PREPARING = 900
"""Seconds within which all that is read is made."""
_AGGREGATE = "/api/v1/datasets/dot.big/aggregate?groupby=boolean12&agg=count,sum:decimal10"


@dataclass(frozen=True)
class Setting:
    """What runs: the hub at ``url``, plain DRF at ``plain``, and each read's statement for ``pgbench``.

    Both have a process that started their web server's, and one PostgreSQL.
    """

    url: str
    plain: str
    token: str
    statements: Mapping[str, str]
    web: int
    plain_web: int
    database: int


@dataclass(frozen=True)
class Round:
    """What asking for some seconds gave: answers a second, and milliseconds of processor time for each of them."""

    answered: Answered
    web: float
    database: float

    @property
    def spent(self) -> float:
        return self.web + self.database


def bench() -> None:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        data = Path(folder) / "hub"
        os.environ["HUB_DATA"] = str(data)
        hub = started(data, HUB_RATE_LIMITS="off")
        try:
            made = _prepared(data)
            with _plain(data, made["table"]) as (plain, web):
                servers = hub.child("granian"), web, hub.child("bin/postgres")
                setting = Setting(hub.url, plain, made["token"], made, *servers)
                _bench_rate(setting, "lookup", "lookups by key", _lookups(_PATHS.format("dot.big") + "/{}"), 0.35, 4)
                _bench_rate(setting, "page", "pages of 100", lambda: _PATHS.format("dot.big"), 0.45, 5)
            _bench_stream(setting)
            _bench_depth(setting)
            _bench_size(setting)
            _bench_aggregate(setting)
            _bench_refusals(setting)
        finally:
            stopped(hub)


def _bench_rate(setting: Setting, name: str, title: str, paths: Callable[[], str], share: float, times: float) -> None:
    """Answers a second at so many clients, beside the statement alone and beside plain DRF."""
    plain_paths = _lookups("/rows?id={}") if name == "lookup" else lambda: "/rows"
    hubs, alone, drf = [], [], []
    for seconds in (1.0, *[SECONDS] * ROUNDS):
        hubs.append(_round(setting, setting.url, setting.web, paths, seconds))
        alone.append(_pgbench(setting.statements[name], CLIENTS, seconds))
        drf.append(_round(setting, setting.plain, setting.plain_web, plain_paths, seconds))
    rate, plain = (statistics.median(one.answered.rate for one in rounds[1:]) for rounds in (hubs, drf))
    reference = statistics.median(alone[1:])
    middle = sorted((one.answered for one in hubs[1:]), key=lambda one: one.p99 / one.p50)[ROUNDS // 2]
    ours, theirs = (sorted(rounds[1:], key=lambda one: one.spent)[ROUNDS // 2] for rounds in (hubs, drf))
    print(
        f"{title:15} {rate:6.0f}/s  {rate / reference:4.0%} of pgbench -M simple"
        f" {reference:.0f}/s (at least {share:.0%})"
        f"  {rate / plain:4.1f} x DRF {plain:.0f}/s (at least {times} x)"
        f"  p99 {middle.p99 * 1e3:.1f} ms = {middle.p99 / middle.p50:.1f} x p50 {middle.p50 * 1e3:.1f} ms (at most 5 x)"
    )
    print(
        f"{'':15} processor time: {ours.spent:.2f} ms (web {ours.web:.2f}, PostgreSQL {ours.database:.2f}),"
        f" DRF {theirs.spent:.2f} ms ({theirs.web:.2f}, {theirs.database:.2f}) = {theirs.spent / ours.spent:.1f} x"
    )


def _round(setting: Setting, url: str, web: int, paths: Callable[[], str], seconds: float) -> Round:
    before = spent(web), spent(setting.database)
    answered = ask(url, setting.token, paths, CLIENTS, seconds)
    after = spent(web), spent(setting.database)
    return Round(answered, *((end - begin) * 1e3 / max(1, len(answered.times)) for begin, end in zip(before, after)))


def _bench_stream(setting: Setting) -> None:
    """All rows as CSV over HTTP, beside ``COPY`` of the same rows by psql."""
    ours, firsts, theirs = [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        firsts.append(_received(setting, f"{_PATHS.format('dot.big')}?f=csv&limit=all") - began)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        copied = postgres.run("psql", "-q", "-o", os.devnull, "-c", setting.statements["copy"], connection.DATABASE)
        assert copied.returncode == 0, copied.stderr
        theirs.append(time.perf_counter() - began)
    took, beside, first = statistics.median(ours), statistics.median(theirs), statistics.median(firsts)
    print(
        f"{'all rows as CSV':28} {took:6.2f} s   {took / beside:4.2f} x COPY {beside:.2f} s (at most 1.5 x)"
        f"  first rows after {first * 1e3:.0f} ms (at most 100 ms)"
    )


def _received(setting: Setting, path: str) -> float:
    """When the first rows came; returns once all have come."""
    link = http.client.HTTPConnection(urlsplit(setting.url).netloc)
    link.request("GET", path, headers={"Authorization": f"Bearer {setting.token}"})
    answer = link.getresponse()
    assert answer.status == 200, answer.read()
    buffer, first = bytearray(1 << 18), 0.0
    while answer.readinto(buffer):
        first = first or time.perf_counter()
    link.close()
    return first


def _bench_depth(setting: Setting) -> None:
    first = _PATHS.format("dot.big")
    far, path = "", first
    with httpx.Client(base_url=setting.url, headers={"Authorization": f"Bearer {setting.token}"}) as client:
        for _ in range(min(_FAR, ROWS // 100 - 1)):
            far = f"{first}?cursor={client.get(path).json()['page']['next']}"
            path = far
    _compare(setting, "the 1,000th page", far, "the first", first, 1.3)


def _bench_size(setting: Setting) -> None:
    _compare(
        setting,
        f"a page of {LARGE:,} rows",
        _PATHS.format("dot.huge"),
        f"one of {ROWS:,}",
        _PATHS.format("dot.big"),
        1.3,
    )


def _compare(setting: Setting, title: str, path: str, reference: str, other: str, most: float) -> None:
    """Medians of both at one client."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(ask(setting.url, setting.token, cycle([path]), 1, 1.0).p50 * 1e3)
        theirs.append(ask(setting.url, setting.token, cycle([other]), 1, 1.0).p50 * 1e3)
    took, beside = statistics.median(ours), statistics.median(theirs)
    print(f"{title:28} {took:6.2f} ms  {took / beside:4.2f} x {reference} {beside:.2f} ms (at most {most} x)")


def _bench_aggregate(setting: Setting) -> None:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(ask(setting.url, setting.token, cycle([_AGGREGATE]), 1, 2.0).p50 * 1e3)
        theirs.append(1e3 / _pgbench(setting.statements["aggregate"], 1, 2.0))
    took, beside = statistics.median(ours), statistics.median(theirs)
    print(
        f"{'two groups of all rows':28} {took:6.1f} ms  {took / beside:4.2f} x the plain SQL {beside:.1f} ms"
        " (at most 1.3 x)"
    )


def _bench_refusals(setting: Setting) -> None:
    """What is asked wrongly: a 4xx with a code, the slowest of all within its limit."""
    rows = _PATHS.format("dot.big")
    wrong: list[dict[str, str]] = [
        {"nothing": "1"},
        {"string8": "x"},
        {"filter": "id >"},
        {"filter": " AND ".join(["integer2 = 1"] * 800)[:8193]},
        {"filter": "(" * 33 + "id = 1" + ")" * 33},
        {"filter": f"id IN ({','.join(map(str, range(10_000)))})"},
        {"limit": "0"},
        {"limit": "99999999999999999999"},
        {"cursor": "nothing"},
        {"f": "xml"},
        {"sortby": "nothing"},
    ]
    server, headers = urlsplit(setting.url).netloc, {"Authorization": f"Bearer {setting.token}"}
    medians, link = [], http.client.HTTPConnection(server)
    for params in wrong:
        times = []
        for _ in range(15):
            began = time.perf_counter()
            question = urlencode(params, safe=",()")  # the web server reads addresses of no more than 64 KB
            link.request("GET", f"{rows}?{question}", headers=headers)
            answer = link.getresponse()
            body = answer.read()
            times.append(time.perf_counter() - began)
            assert 400 <= answer.status < 500, (params, answer.status)
            assert json.loads(body)["code"], params
        medians.append(statistics.median(times) * 1e3)
    print(f"{'the slowest of refusals':28} {max(medians):6.1f} ms  (limit 20 ms; {len(wrong)} ways to ask wrongly)")


def _lookups(path: str) -> Callable[[], str]:
    chance = random.Random(7)
    return cycle([path.format(chance.randint(1, ROWS)) for _ in range(_SOME)])


def _prepared(data: Path) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.bench.readable", str(ROWS), str(LARGE)]
    done = subprocess.run(
        argv, env=environment(HUB_DATA=str(data)), stdout=subprocess.PIPE, text=True, check=True, timeout=_PREPARING
    )
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


@contextmanager
def _plain(data: Path, table: str) -> Iterator[tuple[str, int]]:
    """Plain DRF on the hub's web server; its address and its process."""
    port = free_port()
    argv = ["granian", "--interface", "wsgi", "--workers", "2", "--port", str(port), "--log-level", "error"]
    argv += ["--blocking-threads", str(CLIENTS // 2), "--blocking-threads-idle-timeout", "600"]  # each has a connection
    served = subprocess.Popen(
        [sys.executable, "-m", *argv, "tests.bench.listing:application"],
        env=environment(HUB_DATA=str(data), BENCH_TABLE=table),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _answers(url):
            assert served.poll() is None
            time.sleep(0.2)
        yield url, served.pid
    finally:
        served.terminate()
        served.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/rows").status_code in (401, 403)
    except httpx.HTTPError:
        return False


def _pgbench(statement: str, clients: int, seconds: float) -> float:
    """Transactions a second with two threads, each statement parsed and planned anew."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(statement.replace("\n\n", "\n") + ";\n")
        script.flush()
        threads, rounds = str(min(clients, 2)), str(max(1, round(seconds)))
        arguments = ["-n", "-M", "simple", "-c", str(clients), "-j", threads, "-T", rounds, "-f", script.name]
        done = postgres.run("pgbench", *arguments, connection.DATABASE)
    assert done.returncode == 0, done.stderr
    said = done.stdout.partition("tps = ")[2]
    return float(said.split()[0]) if said else 0.0  # of none that ended in so short a time it tells nothing
