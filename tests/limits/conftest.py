"""Parties without a database behind them, many callers at once, and a Valkey of the test's own that can be stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest
import redis
from django.db import connections

from hub.accounts.limits import Limits
from hub.limits import valkey
from hub.limits.admission import forget_requests
from hub.limits.parties import Party
from hub.limits.rates import Rates
from hub.local.valkey import program

_T = TypeVar("_T")
CALLERS = 32


def party(actor: str = "ops/app", agency: str = "ops", **limits: int) -> Party:
    return Party(agency, actor, Limits(**limits))


def at_once(act: Callable[[int], _T], callers: int = CALLERS) -> list[_T]:
    """What ``act`` answers to each of so many threads, which begin together."""
    ready = Barrier(callers)

    def one(number: int) -> _T:
        ready.wait(30)
        try:
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(callers) as threads:
        return list(threads.map(one, range(callers)))


@pytest.fixture(autouse=True)
def anew() -> None:
    forget_requests()


@pytest.fixture
def rates() -> Rates:
    return Rates()


class Server:
    """A Valkey that stops and starts when it is told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/v.sock"
        self.start()

    def start(self) -> None:
        command = [str(program()), "--port", "0", "--unixsocket", f"{self._folder}/v.sock", "--save", ""]
        self._process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.02)
        raise AssertionError("Valkey did not start.")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Iterator[Server]:
    """Asked by whoever makes new ``Rates`` or a new connection."""
    own = Server(tmp_path_factory.mktemp("v"))
    settings.HUB_VALKEY_URL = own.url
    valkey._pool.cache_clear()
    yield own
    own.kill()
    valkey._pool.cache_clear()
