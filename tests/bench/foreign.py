"""The rows of ``tests.bench.intake`` in a MariaDB, and from a Singer tap that is heard alone and by the hub."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.kinds.singer.tap import TAPS
from tests import mariadb

ROUNDS = 3
_TABLE = (
    "CREATE TABLE registry.things (id bigint PRIMARY KEY, code varchar(20) NOT NULL, name text, amount decimal(12,2),"
    " rate decimal(12,3), count integer, day date, due date, at timestamp NULL, changed datetime(6), active varchar(5),"
    " paid varchar(5), note text)"
)
_LOADED = (
    "LOAD DATA LOCAL INFILE '{}' INTO TABLE registry.things CHARACTER SET utf8mb4 FIELDS TERMINATED BY ','"
    " OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES (id, code, name, amount, @rate, count, day, @due, @at, changed,"
    " active, paid, @note) SET rate = NULLIF(@rate, ''), due = NULLIF(@due, ''), at = LEFT(@at, 19),"
    " note = NULLIF(@note, '')"
)
_TAP = """
import csv, json, sys
names = {names!r}
if "--discover" in sys.argv:
    schema = {{"properties": {{name: {{"type": ["null", "string"]}} for name in names}}}}
    print(json.dumps({{"streams": [{{"tap_stream_id": "things", "stream": "things", "schema": schema}}]}}))
    sys.exit()
write, record = sys.stdout.write, {{"type": "RECORD", "stream": "things"}}
for row in csv.DictReader(open({path!r}, encoding="utf-8")):
    record["record"] = {{name: cell or None for name, cell in row.items()}}
    write(json.dumps(record))
    write("\\n")
"""


@contextmanager
def started(folder: Path, names: tuple[str, ...]) -> Iterator[int]:
    """The port of a MariaDB that holds the rows of ``things.csv`` in ``folder``, beside a tap that tells them."""
    program = folder / "tap-things"
    program.write_text(f"#!{sys.executable} -IS\n" + _TAP.format(names=names, path=str(folder / "things.csv")))
    program.chmod(0o755)
    os.environ[TAPS] = f"things={program}"
    data = folder / "mariadb"
    data.mkdir()
    with mariadb.started(data) as server:
        server.execute("SET GLOBAL local_infile = 1", "SET time_zone = '+00:00'", _TABLE)
        loading = ["mariadb", "--no-defaults", f"--socket={data / 's'}", "--user=root", "--local-infile=1"]
        statement = "SET time_zone = '+00:00'; " + _LOADED.format(folder / "things.csv")
        subprocess.run([*loading, "-e", statement], check=True)
        server.execute("ANALYZE TABLE registry.things")
        yield server.port


def measure_taps(folder: Path, load: Callable[[str], dict[str, Any]]) -> tuple[float, list[dict[str, Any]]]:
    """Seconds that the tap takes to write all into nothing, and the hub's loads of what it writes."""
    alone, loads = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([str(folder / "tap-things")], stdout=subprocess.DEVNULL, check=True)
        alone.append(time.perf_counter() - began)
        loads.append(load("tap"))
    return statistics.median(alone), loads
