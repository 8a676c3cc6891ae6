"""How fast rows come in, by each way, beside ``COPY | COPY`` of the same rows; ``python -m tests.bench.intake 100000``.

An embedded PostgreSQL of its own, with the settings that the hub gives it; every load in a process of its own, whose
greatest memory is measured. What is compared takes turns, and medians are compared.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.local import connection, postgres
from tests.bench import foreign
from tests.bench.rows import COLUMNS, FIELDS, PAGE, PSQL, SOURCE, fill, psql, shell
from tests.bench.served import served

ROWS = 1_000_000
ROUNDS = 3
MAX_MB = 200
ARROW_MB = 300
"""Sixty megabytes of it are the library's own."""
Load = dict[str, Any]


def main(rows: int = int(os.environ.get("BENCH_ROWS", ROWS))) -> None:
    """Print each figure beside its limit; in a process of its own, which knows of no other hub."""
    mine = ("HUB_DATA", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    environment = {name: value for name, value in os.environ.items() if name not in mine}
    subprocess.run([sys.executable, "-m", "tests.bench.intake", str(rows)], check=True, env=environment)


def measure(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder, engine(Path(folder)):
        fill("things", rows)
        with (
            served(Path(folder) / "served", min(rows, 200_000)) as url,
            foreign.started(Path(folder) / "served", tuple(FIELDS)) as port,
        ):
            child("prepare", url, str(port))
            first = _measure_first_loads(rows)
            alone, loads = foreign.measure_taps(Path(folder) / "served", load)
            ratio = f"{_seconds(loads) / alone:.2f} x alone"
            _print(f"first load from a Singer tap, {_seconds(loads):.2f} s", ratio, "1.3 x", loads)
        _measure_replace(rows, first)
        _measure_growth(rows, first)


def _measure_first_loads(rows: int) -> float:
    """Answers the seconds of a first load from PostgreSQL."""
    copies: list[float] = []
    loads: list[Load] = []
    files: list[Load] = []
    packed: list[Load] = []
    columns: list[Load] = []
    pages: list[Load] = []
    others: list[Load] = []
    for _ in range(ROUNDS):
        copies.append(copied_through())
        for name, into in zip(
            ("things", "file", "gz", "parquet", "rest", "mysql"), (loads, files, packed, columns, pages, others)
        ):
            into.append(load(name))
    copy, first = statistics.median(copies), _seconds(loads)
    print(f"{rows} rows by COPY | COPY, unchecked and without index: {copy:.2f} s")
    _print(f"first load from PostgreSQL, {first:.2f} s", f"{first / copy:.2f} x COPY", "2.0 x", loads)
    _print(
        f"first load of CSV over HTTP, {_seconds(files):.2f} s", f"{_seconds(files) / copy:.2f} x COPY", "2.5 x", files
    )
    _print(
        f"first load of CSV by gzip, {_seconds(packed):.2f} s", f"{_seconds(packed) / copy:.2f} x COPY", "3.0 x", packed
    )
    ratio = f"{_seconds(columns) / copy:.2f} x COPY"
    _print(f"first load of Parquet, {_seconds(columns):.2f} s", ratio, "2.0 x", columns, ARROW_MB)
    ratio = f"{_seconds(others) / copy:.2f} x COPY"
    _print(f"first load from MariaDB, {_seconds(others):.2f} s", ratio, "4.0 x", others)
    speed = statistics.median(each["rows"] / each["seconds"] for each in pages)
    _print(f"first load of JSON in pages of {PAGE}", f"{speed:,.0f} rows/s", "50,000 rows/s", pages)
    book = load("xlsx")
    _print(f"first load of {book['rows']} rows of XLSX", f"{book['seconds']:.2f} s", "no limit", [book])
    return first


def _measure_replace(rows: int, first: float) -> None:
    """With one row in a hundred changed at the source each time."""
    load("things", "replaced")
    loads = []
    for _ in range(ROUNDS):
        psql(SOURCE, "UPDATE things SET note = md5(random()::text) WHERE id % 100 = 0")
        loads.append(load("things", "replaced"))
        assert loads[-1]["written"] == rows // 100, loads[-1]
    _print(
        f"replace with 1 % changed, {_seconds(loads):.2f} s", f"{_seconds(loads) / first:.2f} x first", "2.0 x", loads
    )


def _measure_growth(rows: int, first: float) -> None:
    """Ten times as many rows, and a hundredth of ``rows`` merged into them: half of them new."""
    psql(SOURCE, "DROP TABLE things")
    fill("things", rows * 10)
    big = load("things", "big")
    _print(
        f"first load of {rows * 10} rows, {big['seconds']:.2f} s",
        f"{big['seconds'] / first:.2f} x first",
        "12 x",
        [big],
    )
    merges = []
    for round_ in range(ROUNDS):
        psql(SOURCE, f"DROP TABLE IF EXISTS delta; CREATE TABLE delta {COLUMNS}")
        psql(SOURCE, f"INSERT INTO delta SELECT * FROM things WHERE id % 1000 = {round_}")
        psql(SOURCE, f"UPDATE delta SET note = 'merged', id = id + {rows * 10} * (id / 1000 % 2)")
        merges.append(load("delta", "big"))
    _print(f"merge of {merges[0]['rows']} rows into them", f"{_seconds(merges):.2f} s", "2 s", merges)


def _seconds(loads: Sequence[Load]) -> float:
    return statistics.median(each["seconds"] for each in loads)


def _print(what: str, figure: str, limit: str, loads: Sequence[Load], most: int = MAX_MB) -> None:
    peak = max(each["peak"] for each in loads)
    print(f"{what:48} {figure:>16}  (limit {limit:>13})  {peak:4.0f} MB (limit {most} MB)  {loads[-1]['timings']}")


@contextmanager
def engine(folder: Path) -> Iterator[None]:
    """An embedded server in ``folder``, as ``manage.py up`` starts it, with the hub's tables and an empty source."""
    folder.chmod(0o711)
    os.environ["HUB_DATA"] = str(folder / "hub")
    server = postgres.start()
    try:
        postgres.wait_ready(server)
        postgres.ensure_database()
        os.environ["DATABASE_URL"] = connection.database_url()
        psql("postgres", f"CREATE DATABASE {SOURCE}")
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], check=True)
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def copied_through() -> float:
    """Seconds that the rows take from the source's table into a bare one of the hub's database, by two ``psql``."""
    columns = COLUMNS.replace(" PRIMARY KEY", "")
    psql(connection.DATABASE, f"DROP TABLE IF EXISTS bare; CREATE TABLE bare {columns}")
    psql(connection.DATABASE, "CHECKPOINT")
    began = time.perf_counter()
    shell(f"{PSQL} -d {SOURCE} -c 'COPY things TO STDOUT' | {PSQL} -d {connection.DATABASE} -c 'COPY bare FROM STDIN'")
    return time.perf_counter() - began


def load(select: str, key: str = "") -> Load:
    """A run of the stream ``key``, a new one where that is empty."""
    psql(connection.DATABASE, "CHECKPOINT")
    return child("load", select, key or f"{select}_{time.time_ns()}")


def child(*arguments: str) -> Load:
    """What one step of the hub's own says, carried out in a process of its own."""
    argv = [sys.executable, "-m", "tests.bench.worker", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: Load = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    match sys.argv[1:]:
        case [rows]:
            measure(int(rows))
        case _:
            measure(ROWS)
