"""Singer taps as sources: one of a few lines, and the one for MySQL."""

import json
import os
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from connectors.kinds.singer import tap
from tests.connectors.sources.content import Content, Peer
from tests.connectors.sources.databases import Mysql

PROGRAM = """
import json, os, pathlib, sys
held = json.loads(pathlib.Path(%r).read_text())
if "--discover" in sys.argv:
    forms = {"text": {"type": ["null", "string"]}, "time": {"type": ["null", "string"], "format": "date-time"}}
    properties = {name: forms[form] for name, form in held["columns"].items()}
    entry = {"tap_stream_id": "things", "stream": "things", "schema": {"properties": properties}, "metadata": []}
    print(json.dumps({"streams": [entry]}))
    sys.exit()
print(json.dumps({"type": "SCHEMA", "stream": "things", "schema": {}, "key_properties": ["id"]}))
for number, row in enumerate(held["rows"], start=1):
    record = dict(zip(held["columns"], row))
    print(json.dumps({"type": "RECORD", "stream": "things", "record": record}), flush=True)
    if number == held["ends"]:
        os.write(1, b'{"type": "RECORD", "str')
        os._exit(1)
print(json.dumps({"type": "STATE", "value": {"rows": len(held["rows"])}}))
"""


class Tap(Peer):
    """Tells all rows each time, and in its state how many they were."""

    kind: ClassVar[str] = "singer"
    cut_as: ClassVar[frozenset[str]] = frozenset({"source-tap-failed"})

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        folder: Path = request.getfixturevalue("folder")
        self._held, program = folder / "held.json", folder / "tap-things"
        program.write_text(f"#!{sys.executable} -IS\n" + PROGRAM % str(self._held))
        program.chmod(0o755)
        request.getfixturevalue("monkeypatch").setenv(tap.TAPS, f"tap-things={program}")
        self.config, self.select = {"tap": "tap-things"}, {"stream": "things"}

    def put(self, content: Content, ends: int = 0) -> None:
        self._content = content
        self._held.write_text(json.dumps({"columns": dict(content.columns), "rows": content.rows, "ends": ends}))

    def cut(self) -> None:
        self.put(self._content, ends=len(self._content.rows) // 2)


class TapMysql(Mysql):
    """The real one, which reads the whole table each time."""

    kind: ClassVar[str] = "singer"
    is_incremental: ClassVar[bool] = False
    cut_as: ClassVar[frozenset[str]] = frozenset({"source-tap-failed"})

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        program = Path(sys.prefix) / "taps" / "bin" / "tap-mysql"
        if not program.is_file():
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing(f"{program} not found: make brings it.")
        request.getfixturevalue("monkeypatch").setenv(tap.TAPS, f"tap-mysql={program}")
        own = {"host": "127.0.0.1", "port": str(self.config["port"]), "user": "hub_reader", "filter_dbs": "registry"}
        self.config = {"tap": "tap-mysql", "settings": own}
        self.select = {"stream": "registry-things", "metadata": {"replication-method": "FULL_TABLE"}}
