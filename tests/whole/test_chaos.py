"""Whatever dies, stops, is lost or comes twice: every job takes effect exactly once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import redis

from hub.local import connection, postgres

from .conftest import PLAIN, ROOT, WholeHub, environment, started, stopped

IS_LONG = os.environ.get("HUB_PROOF") == "long"
STREAMS = 50 if IS_LONG else 30
ROUNDS = 20 if IS_LONG else 2
"""At least: in two rounds each kind of trouble comes once, where it finds somebody to trouble."""
ROWS = 5_000
_MOST_SECONDS = 3000 if IS_LONG else 400
_FROZEN_SECONDS = 33
"""Longer than a lease."""

THING = """
[[dataset]]
key = "dot.d{n}"
title = "D{n}"
sensitivity = "public"
[[dataset.field]]
name = "id"
type = "integer"
[[dataset.field]]
name = "text"
type = "string"
[[stream]]
key = "s{n}"
source = "files"
dataset = "dot.d{n}"
mode = "append"
select = {{ path = "rows.csv" }}
"""
MANIFEST = """
[[agency]]
code = "dot"
name = "Transport"
[[client]]
agency = "dot"
name = "keeper"
roles = ["publisher"]
[[source]]
key = "files"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/", max_concurrent_runs = 100 }}
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WholeHub]:
    files = tmp_path / "files"
    files.mkdir()
    (files / "rows.csv").write_text("id,text\n" + "".join(f"{n},text {n}\n" for n in range(ROWS)))
    running = started(tmp_path / "hub", HUB_FILE_ROOTS=str(files), HUB_RATE_LIMITS="off")
    monkeypatch.setenv("HUB_DATA", str(running.folder))
    manifest = tmp_path / "hub.toml"
    manifest.write_text(MANIFEST.format(folder=files) + "".join(THING.format(n=n) for n in range(STREAMS)))
    running.manage("apply", str(manifest))
    yield running
    stopped(running)


@pytest.mark.timeout(_MOST_SECONDS + 120)
def test_every_job_takes_effect_exactly_once(hub: WholeHub) -> None:
    token, until = hub.token("dot", "keeper"), time.monotonic() + _MOST_SECONDS
    trouble, rounds = _Trouble(hub, random.Random(7)), 0
    try:
        while rounds < ROUNDS or not trouble.has_all_been:
            rounds += 1
            wanted = {f"s{n}" for n in range(STREAMS)}
            while wanted:
                runs = {stream: _asked(hub, token, stream) for stream in sorted(wanted)}
                trouble.begin()
                ends = {stream: _end(hub, token, run, trouble, until) for stream, run in runs.items()}
                wanted = {stream for stream, end in ends.items() if end != "succeeded"}
    finally:
        trouble.over()

    _until_quiet(hub, token)
    good = _numbers(
        "SELECT s.dataset_id, count(*) FROM connectors_run r JOIN connectors_stream s ON s.id = r.stream_id"
        " WHERE r.status = 'succeeded' GROUP BY 1"
    )
    loaded = _numbers("SELECT dataset_id, version FROM store_relation")
    rows = _numbers("SELECT dataset_id, rows FROM store_relation")
    counted = {
        key: int(_psql(f"SELECT count(*) FROM data.d{id}_g{generation}")) for key, id, generation in _relations()
    }
    assert set(good.values()) == {rounds}
    assert loaded == good, "a version for each run that succeeded, and for no other"
    assert rows == counted == {key: ROWS * count for key, count in good.items()}


class _Trouble:
    """What goes wrong, one thing a second, drawn by lot until everything has been."""

    def __init__(self, hub: WholeHub, dice: random.Random) -> None:
        self._hub, self._dice = hub, dice
        self._beat: subprocess.Popen[bytes] | None = None
        self._frozen: list[tuple[float, int]] = []
        self._next = 0.0
        self._drawn: list[Callable[[], None]] = []
        self._queue: list[Callable[[], None]] = []
        self._done: set[str] = set()
        self.acts = (
            self.kill_a_child, self.kill_the_worker, self.freeze_a_child, self.flush_the_broker, self.double_messages,
            self.stop_postgres_at_once, self.add_a_scheduler, self.kill_the_ticker,
        )  # fmt: skip

    @property
    def has_all_been(self) -> bool:
        return self._done >= {act.__name__ for act in self.acts}

    def begin(self) -> None:
        """Before a round: half of all kinds of trouble are to come, the other half with the next."""
        self._drawn = self._drawn or self._dice.sample(self.acts, len(self.acts))
        self._queue = [self._drawn.pop() for _ in range(len(self.acts) // 2)]

    def go_on(self) -> None:
        """Do what is due."""
        moment = time.monotonic()
        for due, pid in [frozen for frozen in self._frozen if frozen[0] <= moment]:
            self._frozen.remove((due, pid))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self._queue and moment >= self._next:
            self._next = moment + self._dice.uniform(0.5, 2)
            act = self._queue.pop()
            with suppress(StopIteration, ProcessLookupError, IndexError, redis.exceptions.ConnectionError):
                act()
                self._done.add(act.__name__)
                return
            self._queue.insert(0, act)  # it found nobody, and comes again after the others

    def over(self) -> None:
        for _, pid in self._frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self._beat is not None:
            self._beat.kill()
            self._beat.wait()

    def kill_a_child(self) -> None:
        os.kill(self._dice.choice(self._children()), signal.SIGKILL)

    def kill_the_worker(self) -> None:
        os.kill(self._hub.child("--queues runs"), signal.SIGKILL)

    def kill_the_ticker(self) -> None:
        os.kill(self._hub.child("--queues ticks"), signal.SIGKILL)

    def freeze_a_child(self) -> None:
        """It loses its lease, another one takes its run over, and then it goes on."""
        pid = self._dice.choice(self._children())
        os.kill(pid, signal.SIGSTOP)
        self._frozen.append((time.monotonic() + _FROZEN_SECONDS, pid))

    def flush_the_broker(self) -> None:
        _broker().flushall()

    def double_messages(self) -> None:
        broker = _broker()
        for message in broker.lrange("runs", 0, -1):
            broker.rpush("runs", message, message)

    def stop_postgres_at_once(self) -> None:
        """And wait for its end: whoever asks for a run of a server that dies with the answer asks twice."""
        server = self._hub.child("postgres")
        os.kill(server, signal.SIGQUIT)
        while Path(f"/proc/{server}").exists():
            time.sleep(0.01)

    def add_a_scheduler(self) -> None:
        if self._beat is None:
            argv = [sys.executable, "-m", "celery", "--app", "hub.celery", "--quiet", "beat", "--pidfile="]
            argv += ["--schedule", str(self._hub.folder / "second-scheduler")]
            settings = environment(HUB_DATA=str(self._hub.folder))
            self._beat = subprocess.Popen(argv, env=settings, cwd=ROOT, stderr=subprocess.DEVNULL)

    def _children(self) -> list[int]:
        worker = str(self._hub.child("--queues runs"))
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", worker], capture_output=True, text=True, check=False)
        return list(map(int, listed.stdout.split()))


def _asked(hub: WholeHub, token: str, stream: str) -> str:
    address = f"{hub.url}/api/v1/streams/{stream}/sync"
    answer = _told(lambda: httpx.post(address, headers=_bearer(token), timeout=30, verify=PLAIN))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _end(hub: WholeHub, token: str, run: str, trouble: _Trouble, until: float) -> str:
    while True:
        trouble.go_on()
        status = str(_told(lambda: hub.get(f"/runs/{run}", token)).json()["status"])
        if status not in ("queued", "running"):
            return status
        assert time.monotonic() < until, f"run {run} is {status}"
        time.sleep(0.2)


def _told(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """An answer, as soon as the database is there again."""
    while True:
        with suppress(httpx.TransportError):
            answer = ask()
            if answer.status_code != 503:
                return answer
        time.sleep(0.3)


def _until_quiet(hub: WholeHub, token: str) -> None:
    """Until nobody works on anything any more: a frozen worker, too, has found that its run is another's."""
    time.sleep(3)
    for status in ("queued", "running"):
        assert _told(lambda status=status: hub.get("/runs", token, status=status)).json()["data"] == []


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _broker() -> redis.Redis:
    path = str(connection.socket_dir("valkey") / "valkey.sock")
    return redis.Redis(unix_socket_path=path, password=connection.password("valkey"))


def _psql(statement: str) -> str:
    done = postgres.run("psql", "-qAtX", "-F", " ", "-d", connection.DATABASE, "-c", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _numbers(statement: str) -> dict[str, int]:
    return {key: int(number) for key, number in (line.split() for line in _psql(statement).splitlines())}


def _relations() -> list[tuple[str, int, int]]:
    lines = _psql("SELECT dataset_id, id, generation FROM store_relation").splitlines()
    return [(key, int(id), int(generation)) for key, id, generation in map(str.split, lines)]
