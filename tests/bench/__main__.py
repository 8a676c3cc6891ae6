"""``make bench``: the flights in, a page out, a worker's memory; each beside its limit."""

import os
import statistics
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx

from hub.local import connection, postgres
from tests.bench import intake
from tests.whole.conftest import ROOT, WholeHub, started, stopped

ROUNDS = 3
PAGES = 300
_PAGE = "SELECT json_agg(page) FROM (SELECT * FROM flights ORDER BY time_hour, carrier, flight LIMIT 100) page;"
_COLUMNS = (
    "SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)"
    " FROM pg_attribute WHERE attrelid = 'flights'::regclass AND attnum > 0"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        data = Path(folder) / "hub"
        os.environ["HUB_DATA"] = str(data)
        before = time.monotonic()
        hub = started(data, ("demo",), HUB_RATE_LIMITS="off")
        try:
            print(f"demo, from its start to its last answer       {time.monotonic() - before:7.1f} s   (limit 60 s)")
            bench_load(hub, Path(folder))
            bench_page(hub)
        finally:
            stopped(hub)
    intake.main()


def bench_load(hub: WholeHub, folder: Path) -> None:
    """A first load of 336,776 flights into a dataset with key and contract, and the same rows by ``COPY | COPY``."""
    loads, copies = [], []
    for round_ in range(ROUNDS):
        key = _another_dataset(hub, folder, round_)
        hub.manage("sync", key, "--wait")
        loads.append(_seconds_of_run(hub, key))
        copies.append(_timed(_copy_through))
    load, copy = statistics.median(loads), statistics.median(copies)
    print(f"336,776 flights, from source to readable      {load:7.2f} s   (limit 10 s; median of {ROUNDS})")
    print(f"the same rows by COPY | COPY, unchecked       {copy:7.2f} s   (the hub takes {load / copy:.1f} times that)")
    print(f"a worker process at its most                  {_peak(hub):7.0f} MB  (limit 200 MB)")


def bench_page(hub: WholeHub) -> None:
    """A page of 100 flights through the API at one client, and the same page from PostgreSQL by ``pgbench``."""
    token = hub.token("ops", "dashboard")
    url = f"{hub.url}/api/v1/datasets/dot.flights/rows?limit=100"
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        pages = [_timed(lambda: client.get(url).raise_for_status()) for _ in range(PAGES)]
    page, limit = statistics.median(pages) * 1000, _pgbench()
    print(f"a page of 100 flights over HTTP, one client   {page:7.2f} ms  (limit 15 ms; median of {PAGES})")
    print(
        f"the same page by pgbench, without record      {limit:7.2f} ms  (the hub takes {page / limit:.1f} times that)"
    )


def _another_dataset(hub: WholeHub, folder: Path, round_: int) -> str:
    """A dataset like ``dot.flights`` that has no rows yet, and its stream; answers the stream's key."""
    text = (ROOT / "hub" / "local" / "demo" / "manifest.toml").read_text()
    key = f"flights_{round_}"
    dataset = next(part for part in text.split("[[dataset]]") if '"dot.flights"' in part.split("\n\n")[0])
    stream = next(part for part in text.split("[[stream]]") if 'key = "flights"' in part).split("[[rule]]")[0]
    manifest = folder / f"{key}.toml"
    manifest.write_text(
        f"[[dataset]]{dataset}[[stream]]{stream}".replace('"dot.flights"', f'"dot.{key}"').replace(
            'key = "flights"', f'key = "{key}"'
        )
    )
    assert tomllib.loads(manifest.read_text())["stream"][0]["key"] == key
    hub.manage("apply", str(manifest))
    return key


def _seconds_of_run(hub: WholeHub, key: str) -> float:
    """From the worker's start on the run to its rows being readable."""
    statement = (
        "SELECT extract(epoch FROM r.finished_at - r.started_at) FROM connectors_run r"
        f" JOIN connectors_stream s ON s.id = r.stream_id WHERE s.key = '{key}' AND r.status = 'succeeded'"
    )
    return float(_psql(connection.DATABASE, statement))


def _copy_through() -> None:
    """The flights out of their database and into a bare table of the hub's."""
    columns = _psql("transport", _COLUMNS)
    _psql(connection.DATABASE, f"DROP TABLE IF EXISTS bare; CREATE TABLE bare ({columns})")
    psql = f"{postgres.programs() / 'psql'} -qX -v ON_ERROR_STOP=1"
    line = (
        f"{psql} -d transport -c 'COPY flights TO STDOUT' | {psql} -d {connection.DATABASE} -c 'COPY bare FROM STDIN'"
    )
    subprocess.run(["bash", "-o", "pipefail", "-c", line], env={**os.environ, **postgres.environment()}, check=True)


def _pgbench() -> float:
    """Milliseconds of the page's statement at one client."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_PAGE)
        script.flush()
        arguments = ["-n", "-M", "prepared", "-c", "1", "-T", "5", "-f", script.name, "transport"]
        said = postgres.run("pgbench", *arguments).stdout
    return float(said.partition("latency average = ")[2].split()[0])


def _peak(hub: WholeHub) -> float:
    """The greatest resident memory that any process of the worker has had, in MB."""
    worker = hub.child("--queues runs")
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(worker)], capture_output=True, text=True, check=False)
    peaks = []
    for pid in (worker, *map(int, listed.stdout.split())):
        status = Path(f"/proc/{pid}/status").read_text()
        peaks.append(int(status.partition("VmHWM:")[2].split()[0]))
    return max(peaks) / 1024


def _psql(database: str, statement: str) -> str:
    done = postgres.run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _timed(act: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    act()
    return time.perf_counter() - started_at


if __name__ == "__main__":
    main()
