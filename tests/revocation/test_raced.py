"""No read that begins after a revocation's commit returns a byte, with 32 readers on a hub of two web processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg2
import pytest

from tests.revocation.readers import READERS, Readers, Slow, reading
from tests.revocation.world import World, populate
from tests.whole.conftest import ROOT, environment, started, stopped

ROUNDS = 12 if os.environ.get("HUB_PROOF") == "long" else 1
_ROWS = 600
_LONG_ROWS = 400_000
_CUT_SECONDS = 5.0
_CURL_PARTIAL_FILE = 18
Act = Callable[[], object]


@dataclass(frozen=True)
class Given:
    """What a reader sends to be let in, and the act that ends it."""

    end: Act
    headers: dict[str, str]
    cookies: dict[str, str] = field(default_factory=dict)


def _bearer(world: World, name: str) -> tuple[str, dict[str, str]]:
    issued = world.call("admin", "POST", "tokens", {"client": f"ops/{name}"})
    return issued["id"], {"Authorization": f"Bearer {issued['token']}"}


def _prohibit(world: World, name: str) -> Given:
    world.rule(name, f"dot.{name}", "agency:ops", effect="prohibit")
    return Given(lambda: world.approve(name), _bearer(world, name)[1])


def _hide(world: World, name: str) -> Given:
    world.rule(name, f"dot.{name}#word", "everyone", access="hidden")
    return Given(lambda: world.approve(name), _bearer(world, name)[1])


def _classify(world: World, name: str) -> Given:
    body = {"fields": [{"name": "word", "sensitivity": "personal"}]}
    return Given(lambda: world.call("author", "PATCH", f"datasets/dot.{name}", body), _bearer(world, name)[1])


def _agreement(world: World, name: str) -> Given:
    granted = {"fields": {"id": "clear", "word": "clear"}, "purpose": "A map", "valid_to": "2099-01-01T00:00:00Z"}
    terms = {"dataset": f"dot.{name}", "agency": "ops", "legal_basis": [{"title": "Cases Act"}]}
    world.call("author", "POST", "agreements", {"key": name, **granted, **terms})
    headers = {**_bearer(world, name)[1], "Hub-Agreement": name}
    return Given(lambda: world.call("author", "POST", f"agreements/{name}/end"), headers)


def _token(world: World, name: str) -> Given:
    id_, headers = _bearer(world, name)
    return Given(lambda: world.call("admin", "POST", f"tokens/{id_}/revoke"), headers)


def _client(world: World, name: str) -> Given:
    clients = world.call("admin", "GET", "clients?agency=ops&limit=1000")["data"]
    id_ = next(client["id"] for client in clients if client["name"] == name)
    return Given(lambda: world.call("admin", "PATCH", f"clients/{id_}", {"is_active": False}), _bearer(world, name)[1])


def _member(world: World, name: str) -> Given:
    return Given(lambda: world.remove_member(name), {}, world.sign_in(name))


def _group(world: World, name: str) -> Given:
    world.rule(name, f"dot.{name}", f"group:{name}", effect="permit")
    world.approve(name)
    world.call("admin", "PUT", f"groups/{name}", {"agencies": []})
    return Given(lambda: world.call("other", "POST", f"groups/{name}/approve"), _bearer(world, name)[1])


def _retire(world: World, name: str) -> Given:
    return Given(lambda: world.call("second", "POST", f"datasets/dot.{name}/retire"), _bearer(world, name)[1])


RACES: dict[str, tuple[Callable[[World, str], Given], int]] = {
    "prohibit": (_prohibit, 403),
    "hidden": (_hide, 200),
    "sensitivity": (_classify, 200),
    "agreement": (_agreement, 403),
    "token": (_token, 401),
    "client": (_client, 401),
    "member": (_member, 401),
    "group": (_group, 403),
    "retired": (_retire, 403),
}
"""What is given and then ended, by name, with the status of each read that begins afterwards."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("race")
    (folder / "files").mkdir()
    hub = started(folder / "hub", HUB_FILE_ROOTS=str(folder / "files"), HUB_RATE_LIMITS="off")
    try:
        names = {f"{race}-{n}": _ROWS for race in RACES for n in range(ROUNDS)} | {"long": _LONG_ROWS}
        conditional = tuple(name for name in names if name.startswith(("agreement", "group")))
        members = tuple(name for name in names if name.startswith("member"))
        yield populate(hub, names, conditional=conditional, members=members)
    finally:
        stopped(hub)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("race", RACES)
def test_no_read_that_begins_after_the_commit_returns_a_byte(world: World, race: str, number: int) -> None:
    (give, status), name = RACES[race], f"{race}-{number}"
    given = give(world, name)

    with reading(f"{world.hub.url}/api/v1/datasets/dot.{name}", given.headers, given.cookies) as readers:
        readers.wait(3)
        ended = _ended(given)
        readers.wait(3, since=ended)

    _check(readers, ended, status)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_running_streams_are_cut_for_their_readers_to_see(world: World, form: str) -> None:
    id_, headers = _bearer(world, "long")
    slow = [Slow(_stream(world, form), headers) for _ in range(4)]
    with _finished(world, len(slow)) as closings:
        for stream in slow:
            stream.start()
        _until(lambda: all(stream.received for stream in slow))
        ended = _ended(Given(lambda: world.call("admin", "POST", f"tokens/{id_}/revoke"), headers))

    assert time.monotonic() - ended < _CUT_SECONDS
    for stream in slow:
        stream.join(30)
    rows = [stream.received.count(b"\n") for stream in slow]
    assert [end["outcome"] for end in closings] == ["revoked"] * len(slow)
    assert max(rows) <= max(end["rows"] for end in closings) + 1 < _LONG_ROWS
    assert [stream.is_cut for stream in slow] == [True] * len(slow)


def test_stream_that_the_database_leaves_is_cut(world: World) -> None:
    url, headers = _stream(world, "csv"), _bearer(world, "long")[1]
    curl = ["curl", "--silent", "--limit-rate", "2M", "--output", "/dev/null", "--header"]
    whole = subprocess.run(
        [*curl, f"Authorization: {headers['Authorization']}", url.replace("dot.long", "dot.token-0")]
    )
    running = subprocess.Popen([*curl, f"Authorization: {headers['Authorization']}", url])
    with closing(psycopg2.connect(_database(world))) as owner, owner.cursor() as cursor:
        owner.autocommit = True
        _until(lambda: _ended_backends(cursor) > 0)

    assert running.wait(30) == _CURL_PARTIAL_FILE
    assert whole.returncode == 0


def test_stream_whose_reader_leaves_is_closed_as_broken_off(world: World) -> None:
    url, headers = _stream(world, "ndjson"), _bearer(world, "long")[1]

    with _finished(world, 1) as closings, httpx.stream("GET", url, headers=headers) as response:
        next(response.iter_raw(1 << 16))

    assert closings[0]["outcome"] == "broken off"
    assert closings[0]["rows"] < _LONG_ROWS


def _stream(world: World, form: str) -> str:
    return f"{world.hub.url}/api/v1/datasets/dot.long/rows?f={form}&limit=all"


@contextmanager
def _finished(world: World, count: int) -> Iterator[list[dict[str, Any]]]:
    """The closing events of so many streams that end after the block began; there when it is over."""
    closings: list[dict[str, Any]] = []
    before = len(_closings(world))
    yield closings
    _until(lambda: len(_closings(world)) - before >= count)
    closings += _closings(world)[: -before or None]


def _database(world: World) -> str:
    script = "from hub.local.connection import database_url; print(database_url())"
    found = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(HUB_DATA=str(world.hub.folder)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def _ended_backends(cursor: "psycopg2.extensions.cursor") -> int:
    """End the sessions that stream at this moment."""
    cursor.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE usename LIKE '%serving' AND state = 'active' AND query LIKE 'COPY %'"
    )
    return int(cursor.fetchone()[0])


def _closings(world: World) -> list[dict[str, Any]]:
    events = world.call("author", "GET", "events?kind=rows.streamed&dataset=dot.long")["data"]
    return [event["details"] for event in events]


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def _ended(given: Given) -> float:
    """The moment after the answer that it is done."""
    given.end()
    return time.monotonic()


def _check(readers: Readers, ended: float, status: int) -> None:
    before = {reading.reader for reading in readers.readings if reading.began < ended and reading.secret}
    after = [reading for reading in readers.readings if reading.began > ended]
    assert [reading for reading in after if reading.secret] == []
    assert [reading for reading in after if reading.rows != (status == 200)] == []
    assert {reading.status for reading in after} == {status}
    assert {reading.status for reading in readers.readings} <= {200, status, 403, 0}
    assert len(before) == len({reading.reader for reading in after}) == READERS
