"""A contract suite that every kind of source passes for free, and a web server on loopback for kinds that need one."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

from connectors import batches
from connectors.base import Batch, Connector, Extract, JsonSchema
from connectors.fetching import passage
from connectors.registry import KINDS, faults, load
from hub.errors import SourceError

FIELD_TYPES = frozenset(
    ("string", "integer", "number", "decimal", "boolean", "date", "datetime", "time", "json", "geometry")
)
MAX_BATCH = 8 << 20


class ConnectorContract:
    """What every kind must do. A subclass names the fixtures; the source behind them needs at least three rows."""

    @pytest.fixture
    def connector(self) -> Connector:
        """A connector to a source that works."""
        raise NotImplementedError

    @pytest.fixture
    def unreachable(self) -> Connector:
        """The same kind, told of a place where nothing answers."""
        raise NotImplementedError

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        """What to read from ``connector``."""
        raise NotImplementedError

    def test_kind_is_registered_under_its_own_name(self, connector: Connector) -> None:
        assert connector.kind in KINDS
        assert load(connector.kind) is type(connector)
        assert connector.title

    @pytest.mark.parametrize("part", ["config_schema", "secrets_schema", "select_schema"])
    def test_schema_is_closed_and_describes_every_setting(self, connector: Connector, part: str) -> None:
        schema: JsonSchema = getattr(connector, part)

        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        # What a source signs in with may have names that only its own program knows.
        assert schema["additionalProperties"] in ((False, {"type": "string"}) if part == "secrets_schema" else (False,))
        assert [name for name, about in schema["properties"].items() if not about.get("description")] == []

    def test_own_settings_fit_the_schemas(self, connector: Connector, select: Mapping[str, Any]) -> None:
        assert faults(connector.config_schema, connector.config) == ()
        assert faults(connector.secrets_schema, connector.secrets) == ()
        assert faults(connector.select_schema, select) == ()

    def test_unknown_setting_is_refused(self, connector: Connector) -> None:
        assert faults(connector.config_schema, {**connector.config, "no_such": 1}) != ()
        assert faults(connector.select_schema, {"no_such": 1}) != ()

    def test_a_source_that_works_passes_its_test(self, connector: Connector) -> None:
        connector.test()

    def test_an_unreachable_source_is_explained(self, unreachable: Connector) -> None:
        with pytest.raises(SourceError) as caught:
            unreachable.test()

        assert caught.value.message.endswith(".")
        assert caught.value.hint
        assert [secret for secret in unreachable.secrets.values() if secret in caught.value.message] == []

    def test_what_is_discovered_can_be_read(self, connector: Connector) -> None:
        found = list(connector.discover())

        assert found
        for each in found:
            assert faults(connector.select_schema, each.select) == ()
            assert {column.type for column in each.columns} <= FIELD_TYPES
            names = tuple(column.name for column in each.columns)
            assert {batch.columns for batch in connector.read(Extract(each.select, names))} == {names}
            assert {len(row) for row in each.samples} <= {len(names)}

    def test_description_agrees_with_what_is_read(self, connector: Connector, select: Mapping[str, Any]) -> None:
        described = connector.describe(select)

        assert {batch.columns for batch in connector.read(Extract(select))} == {
            tuple(column.name for column in described.columns)
        }
        assert 1 <= len(described.samples) <= 5

    def test_batches_are_whole_lines_of_bounded_size(self, connector: Connector, select: Mapping[str, Any]) -> None:
        found = list(connector.read(Extract(select)))

        assert sum(batch.count for batch in found) >= 3
        for batch in found:
            assert len(batch.copy) <= MAX_BATCH
            assert batch.copy == b"" or batch.copy.endswith(b"\n")
            assert batch.copy.count(b"\n") == batch.count
            assert {len(line) for line in _lines(batch)} <= {len(batch.columns) + batch.positioned}

    def test_columns_come_in_the_order_asked_for(self, connector: Connector, select: Mapping[str, Any]) -> None:
        names = tuple(column.name for column in connector.describe(select).columns)
        straight = rows_of(connector.read(Extract(select, names)))
        turned = rows_of(connector.read(Extract(select, names[::-1])))

        assert turned == [row[::-1] for row in straight]

    def test_closing_early_lets_go(self, connector: Connector, select: Mapping[str, Any]) -> None:
        before = set(threading.enumerate())
        batches = connector.read(Extract(select))
        list(islice(batches, 1))
        batches.close()  # type: ignore[attr-defined]

        assert [thread for thread in threading.enumerate() if thread not in before and thread.name == "copy_0"] == []

    def test_reading_goes_on_behind_every_checkpoint(
        self, connector: Connector, select: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "WAITS_SECONDS", 0)
        monkeypatch.setattr(passage, "MARKED_AFTER_SECONDS", 0)
        names = tuple(column.name for column in connector.describe(select).columns)
        found = list(connector.read(Extract(select, names, most=1)))

        for number, batch in enumerate(found, start=1):
            if batch.checkpoint is not None:
                resume = json.loads(json.dumps(batch.checkpoint))
                rest = connector.read(Extract(select, names, most=2, resume=resume))
                assert _copied(rest) == _copied(found[number:])

    def test_reading_twice_gives_the_same(self, connector: Connector, select: Mapping[str, Any]) -> None:
        assert rows_of(connector.read(Extract(select))) == rows_of(connector.read(Extract(select)))


def rows_of(batches: Iterable[Batch]) -> list[list[str]]:
    """The cells of all batches, without their positions, as COPY writes them."""
    return [line[batch.positioned :] for batch in batches for line in _lines(batch)]


def _copied(found: Iterable[Batch]) -> bytes:
    return b"".join(batch.copy for batch in found)


def _lines(batch: Batch) -> list[list[str]]:
    return [line.split("\t") for line in batch.copy.decode().split("\n")[:-1]]


@dataclass
class Asked:
    """One request as it came, and the port it came from."""

    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    port: int
    body: bytes = b""


@dataclass
class Reply:
    """What to answer; ``length`` announces another size than the body has."""

    body: bytes = b""
    status: int = 200
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


Answering = Callable[[Asked], Reply]


@dataclass
class Served:
    """A running server: its address, and the requests it has had."""

    url: str
    port: int
    asked: list[Asked]


@contextmanager
def serving(answer: Answering) -> Iterator[Served]:
    """Serve until the end of the ``with``."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query, port = dict(parse_qsl(parts.query)), self.client_address[1]
            request = Asked(parts.path, query, dict(self.headers), port, body)
            asked.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.length is not None:
                self.close_connection = True

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}/", server.server_port, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
