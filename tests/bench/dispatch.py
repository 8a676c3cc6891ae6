"""A thousand streams due at once, on a whole hub: how long until each has its run on the way, and that none has two."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from hub.local import connection
from tests.bench.rows import psql
from tests.whole.conftest import WholeHub, started, stopped

STREAMS = 1000
SOURCES = 10
LIMIT_SECONDS = 10
_WAIT_SECONDS = 120
_YEARLY = "0 0 1 1 *"


def bench() -> None:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        Path(folder).chmod(0o711)
        files = Path(folder) / "files"
        files.mkdir()
        (files / "wells.csv").write_text("well\nW-1\n")
        os.environ["HUB_DATA"] = str(Path(folder) / "hub")
        hub = started(Path(folder) / "hub", HUB_FILE_ROOTS=str(files))
        try:
            _apply(hub, files)
            seconds = _dispatched()
            runs, streams = psql(connection.DATABASE, _RUNS).split("|")
            assert int(runs) == int(streams) == STREAMS, (runs, streams)
            print(f"{STREAMS} streams due at once, all on their way  {seconds:7.1f} s   (limit {LIMIT_SECONDS} s)")
        finally:
            stopped(hub)


_RUNS = "SELECT count(*), count(DISTINCT stream_id) FROM connectors_run"
_SENT = "SELECT count(*), extract(epoch FROM max(sent_at) - '{due}') FROM connectors_outbox WHERE sent_at IS NOT NULL"
_COLUMNS = (
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
    " WHERE table_name = 'connectors_stream' AND column_name NOT IN ('id', 'key')"
)


def _apply(hub: WholeHub, files: Path) -> None:
    """As many sources as it takes for all streams to be read at once, each of the most that one allows."""
    config = {"url": f"file://{files}/", "max_concurrent_runs": STREAMS // SOURCES}
    select, merged = {"path": "wells.csv"}, {"mode": "merge", "schedule": _YEARLY}
    field = [{"name": "well", "type": "string"}]
    manifest: dict[str, Any] = {
        "agency": [{"code": "water", "name": "Water Board"}],
        "source": [{"key": f"s{n}", "agency": "water", "kind": "file", "config": config} for n in range(SOURCES)],
        "dataset": [{"key": "water.wells", "title": "Wells", "primary_key": ["well"], "field": field}],
        "stream": [
            {"key": f"s{n}", "source": f"s{n}", "dataset": "water.wells", "select": select, **merged}
            for n in range(SOURCES)
        ],
    }
    written = files.parent / "hub.yaml"
    written.write_text(json.dumps(manifest))
    hub.manage("apply", str(written))
    columns = psql(connection.DATABASE, _COLUMNS)
    psql(
        connection.DATABASE,
        f"INSERT INTO connectors_stream (id, key, {columns}) SELECT gen_random_uuid(), key || '_' || n, {columns}"
        f" FROM connectors_stream, generate_series(2, {STREAMS // SOURCES}) n",
    )


def _dispatched() -> float:
    """Seconds from the moment at which all are due to the last message sent."""
    due = psql(connection.DATABASE, "UPDATE connectors_stream SET next_due_at = now(); SELECT now()")
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        count, seconds = psql(connection.DATABASE, _SENT.format(due=due)).split("|")
        if int(count) >= STREAMS:
            return float(seconds)
        time.sleep(0.5)
    raise AssertionError(f"{count} of {STREAMS} were on their way after {_WAIT_SECONDS} s")
