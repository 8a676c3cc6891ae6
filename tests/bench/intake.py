"""How fast rows come in, by each way, beside ``COPY | COPY`` of the same rows; ``python -m tests.bench.intake 100000``.

An embedded PostgreSQL of its own, with the settings that the hub gives it; every load in a process of its own, whose
greatest memory is measured. What is compared takes turns, and medians are compared.
"""

import functools
import http.server
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
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import xlsxwriter

from hub.local import connection, postgres
from tests.bench import foreign

ROWS = 1_000_000
ROUNDS = 3
PAGE = 1000
XLSX_ROWS = 100_000
MAX_MB = 200
ARROW_MB = 300
"""Sixty megabytes of it are the library's own."""
SOURCE = "source"
FIELDS = {
    "id": "integer",
    "code": "string",
    "name": "string",
    "amount": "decimal",
    "rate": "decimal",
    "count": "integer",
    "day": "date",
    "due": "date",
    "at": "datetime",
    "changed": "datetime",
    "active": "boolean",
    "paid": "boolean",
    "note": "string",
}
_COLUMNS = (
    "(id bigint PRIMARY KEY, code text NOT NULL, name text, amount numeric(12,2), rate numeric, count integer,"
    " day date, due date, at timestamptz, changed timestamp, active boolean, paid boolean, note text)"
)
_ROWS = (
    "SELECT i, 'C' || lpad((i * 7919 % 1000000007)::text, 10, '0'),"
    " CASE i % 4 WHEN 0 THEN '浦东新区' ELSE 'Name, no. ' || i % 5000 END, (i * 31 % 1000000) / 100.0,"
    " CASE WHEN i % 10 > 0 THEN (i * 17 % 100000) / 1000.0 END, i % 1000, date '2000-01-01' + (i % 9000)::int,"
    " CASE WHEN i % 5 > 0 THEN date '2020-01-01' + (i % 3000)::int END,"
    " timestamptz '2020-01-01Z' + i * interval '61 seconds', timestamp '2021-01-01' + i * interval '1.5 seconds',"
    " i % 3 = 0, i % 7 = 0, CASE WHEN i % 3 = 0 THEN 'note ' || md5(i::text) END"
    " FROM generate_series(1::bigint, {rows}) i"
)
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
        psql(SOURCE, f"DROP TABLE IF EXISTS delta; CREATE TABLE delta {_COLUMNS}")
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


def fill(table: str, rows: int) -> None:
    """A table of the source that loads and copies read from."""
    psql(SOURCE, f"CREATE TABLE {table} {_COLUMNS}; INSERT INTO {table} {_ROWS.format(rows=rows)}")
    psql(SOURCE, f"VACUUM ANALYZE {table}")


def copied_through() -> float:
    """Seconds that the rows take from the source's table into a bare one of the hub's database, by two ``psql``."""
    columns = _COLUMNS.replace(" PRIMARY KEY", "")
    psql(connection.DATABASE, f"DROP TABLE IF EXISTS bare; CREATE TABLE bare {columns}")
    psql(connection.DATABASE, "CHECKPOINT")
    began = time.perf_counter()
    _shell(
        f"{_PSQL} -d {SOURCE} -c 'COPY things TO STDOUT' | {_PSQL} -d {connection.DATABASE} -c 'COPY bare FROM STDIN'"
    )
    return time.perf_counter() - began


def psql(database: str, statement: str) -> str:
    done = postgres.run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


_PSQL = f"{postgres.programs() / 'psql'} -qAtX -v ON_ERROR_STOP=1"


def _shell(line: str) -> None:
    subprocess.run(["bash", "-o", "pipefail", "-c", line], env={**os.environ, **postgres.environment()}, check=True)


@contextmanager
def served(folder: Path, rows: int) -> Iterator[str]:
    """The rows as ``things.csv``, and ``rows`` of them as JSON in pages, from a server in a process of its own."""
    folder.mkdir()
    _shell(f"{_PSQL} -d {SOURCE} -c 'COPY things TO STDOUT (FORMAT csv, HEADER)' > {folder}/things.csv")
    some = f"things t WHERE id <= {rows} GROUP BY (id - 1) / {PAGE} ORDER BY min(id)"
    page = f"SELECT json_agg(t ORDER BY id) AS j FROM {some}"
    _shell(f"{_PSQL} -d {SOURCE} -c \"SELECT replace(j::text, E'\\n', '') FROM ({page}) q\" > {folder}/pages")
    written(folder)
    argv = [sys.executable, "-m", "tests.bench.intake", "serve", str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def written(folder: Path) -> None:
    """The rows of ``things.csv`` by gzip and as Parquet too, and the first of them as a workbook."""
    _shell(f"gzip -k {folder}/things.csv")
    kinds = {"integer": pa.int64(), "decimal": pa.float64(), "date": pa.date32(), "boolean": pa.bool_()}
    types = {name: kinds.get(type_, pa.string()) for name, type_ in FIELDS.items()}
    types |= {"count": pa.int32(), "at": pa.timestamp("us", "UTC"), "changed": pa.timestamp("us")}
    options = csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, true_values=["t"], false_values=["f"]
    )
    table = csv.read_csv(folder / "things.csv", convert_options=options)
    places = {name: place for place, name in enumerate(FIELDS)}
    for name, scale in (("amount", 2), ("rate", 3)):
        table = table.set_column(places[name], name, table[name].cast(pa.decimal128(18, scale), safe=False))
    parquet.write_table(table, folder / "things.parquet")
    with xlsxwriter.Workbook(folder / "things.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(FIELDS))
        for number, row in enumerate(table.slice(0, XLSX_ROWS).to_pylist(), start=1):
            sheet.write_row(number, 0, ["" if cell is None else str(cell) for cell in row.values()])


def serve(folder: Path) -> None:
    """Answer at once: a file as it is, and page after page of JSON."""
    pages = (folder / "pages").read_bytes().splitlines()

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != "/things":
                return super().do_GET()
            number = int(parse_qs(parts.query)["page"][0])
            body = pages[number - 1] if number <= len(pages) else b"[]"
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


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
        case ["serve", folder]:
            serve(Path(folder))
        case [rows]:
            measure(int(rows))
        case _:
            measure(ROWS)
