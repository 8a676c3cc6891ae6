"""Singer taps: a real one that reads a MariaDB, and programs that misbehave in every way a child can."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Extract
from connectors.kinds.singer import Singer
from connectors.kinds.singer import tap as child
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceError
from tests import mariadb
from tests.connectors.kinds.conftest import InMariadb

TAP_MYSQL = Path(sys.prefix) / "taps" / "bin" / "tap-mysql"
FULL = {"replication-method": "FULL_TABLE"}
CATALOG = """
import json, os, sys, time
if "--discover" in sys.argv:
    schema = {"properties": {"id": {"type": "integer"}, "name": {"type": ["null", "string"]},
                             "amount": {"type": ["null", "number"], "multipleOf": 0.01},
                             "at": {"type": ["null", "string"], "format": "date-time"}, "more": {"type": ["object"]}}}
    entry = {"tap_stream_id": "things", "stream": "things", "schema": schema, "key_properties": ["id"], "metadata": []}
    print(json.dumps({"streams": [entry]}))
    sys.exit()
def say(**message):
    print(json.dumps(message, ensure_ascii=False), flush=True)
settings = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
state = json.load(open(sys.argv[sys.argv.index("--state") + 1])) if "--state" in sys.argv else {}
catalog = json.load(open(sys.argv[sys.argv.index("--catalog") + 1]))
assert catalog["streams"][0]["metadata"][0]["metadata"]["selected"] is True
say(type="SCHEMA", stream="things", schema={}, key_properties=["id"])
"""
Written = Callable[[str], Singer]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """A tap that does what a few lines of Python say, after telling its catalog."""

    def tap(lines: str) -> Singer:
        program = tmp_path / "tap-written"
        program.write_text(f"#!{sys.executable}\n{CATALOG}\n{lines}\n")
        program.chmod(0o755)
        monkeypatch.setenv(child.TAPS, f"tap-written={program}")
        return Singer({"tap": "tap-written", "settings": {"start": 1}}, {"token": "canary-55e1"})

    return tap


@pytest.fixture
def real(mariadb_server: mariadb.Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Singer]:
    if not TAP_MYSQL.is_file():
        message = f"{TAP_MYSQL} not found: make brings it."
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    monkeypatch.setenv(child.TAPS, f"tap-mysql={TAP_MYSQL}")

    def tap(**settings: str) -> Singer:
        own = {"host": "127.0.0.1", "port": str(mariadb_server.port), "user": "hub_reader", "filter_dbs": "registry"}
        return Singer({"tap": "tap-mysql", "settings": {**own, **settings}}, {"password": mariadb.PASSWORD})

    return tap


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, real: Callable[..., Singer], in_mariadb: InMariadb) -> Singer:
        in_mariadb(
            "CREATE TABLE flights (flight integer PRIMARY KEY, carrier varchar(9), delay decimal(9,1), at datetime)",
            "INSERT INTO flights SELECT seq, 'UA', seq + 0.5, '2013-01-01' FROM seq_1_to_10",
        )
        return real()

    @pytest.fixture
    def unreachable(self, real: Callable[..., Singer]) -> Singer:
        return real(port="1")

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"stream": "registry-flights", "metadata": FULL}

    # This tap reads nothing of which it is not told how to replicate it.
    def test_what_is_discovered_can_be_read(self, connector: Singer) -> None:
        (found,) = connector.discover()

        assert (found.select["stream"], found.primary_key) == ("registry-flights", ("flight",))
        assert {column.name: column.type for column in found.columns} == {
            "flight": "integer", "carrier": "string", "delay": "decimal", "at": "datetime"
        }  # fmt: skip


def test_real_tap_goes_on_by_its_own_state(real: Callable[..., Singer], in_mariadb: InMariadb) -> None:
    in_mariadb("CREATE TABLE log (id integer PRIMARY KEY, s text)", "INSERT INTO log VALUES (1, '数据'), (2, 'b')")
    metadata = {"replication-method": "INCREMENTAL", "replication-key": "id"}
    select, names = {"stream": "registry-log", "metadata": metadata}, ("id", "s")

    *_, last = first = list(real().read(Extract(select, names, state={})))
    in_mariadb("INSERT INTO log VALUES (3, 'c')")
    again = rows_of(real().read(Extract(select, names, state=last.state)))

    assert rows_of(first) == [["1", "数据"], ["2", "b"]]
    assert again[-1] == ["3", "c"]
    assert ["1", "数据"] not in again


def test_records_come_with_every_digit_and_nothing_of_other_streams(written: Written) -> None:
    tap = written("""
say(type="RECORD", stream="others", record={"id": 0})
print('{"type": "RECORD", "stream": "things", "record": {"id": 9007199254740993, "amount": 1.10, "name": "数\\\\t"}}')
say(type="STATE", value={"at": 7})
say(type="ACTIVATE_VERSION", stream="things", version=1)
print('{"type": "RECORD", "stream": "things", "record": {"id": 2, "more": {"a": 1.50}, "name": null}}')
""")

    found = list(tap.read(Extract({"stream": "things"}, ("id", "name", "amount", "more"), state={})))

    assert rows_of(found) == [["9007199254740993", "数\\t", "1.10", "\\N"], ["2", "\\N", "\\N", '{"a":1.50}']]
    assert [batch.state for batch in found] == [None, {"at": 7}]
    assert [column.type for column in tap.describe({"stream": "things"}).columns] == [
        "integer", "string", "decimal", "datetime", "json"
    ]  # fmt: skip


def test_unusual_messages_are_read_as_usual_ones(written: Written) -> None:
    tap = written(r"""
print(r'{"type": "RECORD", "stream": "things", "record": {"id": 1, "name": "\u6570 \\u6570"}}')
print(r'{"type": "RECORD", "stream": "things", "record": {"id": 2, "name": "old"}, "record": {"id": 3.0}}')
print(r'{"record": {"id": 4, "name": "\\"}, "stream": "things", "time_extracted": null, "type": "RECORD"}')
print(r'{"type": 7, "stream": "things", "record": {"id": 5}}')
print(r'{"type": "RECORD", "stream": null, "record": {"id": 6}}')
print(r'{"type": "RECORD", "stream": "things", "record": [7]}')
print(r'{"type": "RECORD", "stream": "things"}')
print(r'{"type": "STATE", "value": {"at": 1.50, "name": "\u6570"}}', flush=True)
""")

    found = list(tap.read(Extract({"stream": "things"}, ("id", "name"), state={})))

    assert rows_of(found) == [["1", r"数 \\u6570"], ["3.0", r"\N"], ["4", r"\\"]]
    assert [(one.position, one.code) for batch in found for one in batch.rejects] == [
        (4, "not-an-object"), (5, "not-an-object")
    ]  # fmt: skip
    assert found[-1].state == {"at": 1.5, "name": "数"}


def test_settings_and_secrets_come_by_file_and_not_as_arguments(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "canary-hub")
    tap = written("""
say(type="RECORD", stream="things", record={"id": settings["start"], "name": settings["token"]})
say(type="RECORD", stream="things", record={"id": 2, "name": " ".join(sys.argv)})
say(type="RECORD", stream="things", record={"id": 3, "name": " ".join(sorted(os.environ))})
""")

    rows = rows_of(tap.read(Extract({"stream": "things"}, ("id", "name"))))

    assert rows[0] == ["1", "canary-55e1"]
    assert "canary" not in rows[1][1]
    assert "HUB" not in rows[2][1]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("say(type='RECORD', stream='things', record={'id': 1}); sys.exit(3)", "source-tap-failed"),
        ("os.kill(os.getpid(), 9)", "source-tap-failed"),
        ("print('Loading…', flush=True)", "source-not-singer"),
        ("print('{\"id\": 1}', flush=True)", "source-not-singer"),
        ('sys.stdout.write(\'{"type": "REC\')', "source-not-singer"),
        ("sys.stdout.write('x' * (20 << 20))", "source-not-singer"),
        ("bytearray(4 << 30)", "source-tap-failed"),
        ("time.sleep(60)", "source-silent"),
    ],
)
def test_child_that_fails_is_explained_and_gone(
    written: Written, monkeypatch: pytest.MonkeyPatch, lines: str, code: str
) -> None:
    monkeypatch.setattr(child, "SILENT_SECONDS", 1)
    tap, began = written(lines), time.monotonic()

    with pytest.raises(SourceError) as caught:
        list(tap.read(Extract({"stream": "things"}, ("id",))))

    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert time.monotonic() - began < 20
    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def test_closing_early_ends_the_tap_and_all_it_started(written: Written, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    tap = written(f"""
import subprocess
subprocess.Popen([sys.executable, "-c", "import time, pathlib; time.sleep(2); pathlib.Path({str(mark)!r}).touch()"])
while True:
    say(type="RECORD", stream="things", record={{"id": 1, "name": "x" * 1000}})
""")
    reading = tap.read(Extract({"stream": "things"}, ("id", "name")))
    next(reading)
    reading.close()  # type: ignore[attr-defined]

    time.sleep(3)
    assert not mark.exists()


def test_only_listed_programs_run(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    written("")
    for name in ("sh", "/bin/sh", ""):
        with pytest.raises(SourceError) as caught:
            Singer({"tap": name}, {}).test()
        assert (caught.value.code, "tap-written" in caught.value.hint) == ("source-unknown-tap", True)
    monkeypatch.setenv(child.TAPS, "gone=/none/such")
    with pytest.raises(SourceError) as caught:
        Singer({"tap": "gone"}, {}).test()
    assert caught.value.code == "source-no-tap"
    with pytest.raises(SourceError) as caught:
        written("").describe({"stream": "other"})
    assert (caught.value.code, "things" in caught.value.hint) == ("source-no-stream", True)
