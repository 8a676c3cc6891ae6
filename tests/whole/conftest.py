"""Whole hubs, started as their users start them: a process, a folder, a port."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import pytest

from tests import engines
from tests.whole.commands import Commands

ROOT = Path(__file__).parents[2]
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To ask hubs with, which speak plain HTTP: without it each request would first read who vouches for all the world."""
_START_SECONDS = 180


@dataclass(frozen=True)
class WholeHub:
    """A hub that runs on ``folder``; ``process`` is its supervisor."""

    folder: Path
    port: int
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def commands(self) -> Commands:
        return Commands(environment(HUB_DATA=str(self.folder)))

    def manage(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = self.commands.run(*arguments)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def token(self, agency: str, client: str) -> str:
        return self.manage("token", "create", "--agency", agency, "--client", client).stdout.strip()

    def get(self, path: str, token: str, **params: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}/api/v1{path}", params=params, headers=headers, timeout=30, verify=PLAIN)

    def children(self) -> dict[int, str]:
        """The processes that the supervisor started itself, with their command lines."""
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        pairs = (line.strip().partition(" ") for line in listed.stdout.splitlines())
        return {int(pid): arguments for pid, _, arguments in pairs}

    def child(self, words: str) -> int:
        return next(pid for pid, arguments in self.children().items() if words in arguments)


def environment(**extra: str) -> dict[str, str]:
    """Of a user who has set nothing: the tests' own engines are not the hub's."""
    mine = ("DATABASE_URL", "HUB_DATA", "HUB_TEST_DATA", "DJANGO_SETTINGS_MODULE")
    return {**{name: value for name, value in os.environ.items() if name not in mine}, **extra}


def manage(folder: Path, *arguments: str, check: bool = True, **extra: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, str(ROOT / "manage.py"), *arguments, "--data", str(folder)]
    done = subprocess.run(argv, env=environment(**extra), capture_output=True, text=True, check=False, timeout=120)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(folder: Path, command: Sequence[str] = ("up",), **extra: str) -> WholeHub:
    """Start a hub and wait for the line that says it is ready; in tests a new one finds its database made."""
    if not folder.exists() and "HUB_TEST_DATA" in os.environ:
        engines.copy_of_new_hub(folder)
    port = free_port()
    argv = [sys.executable, str(ROOT / "manage.py"), *command, "--port", str(port), "--data", str(folder)]
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(argv, env=environment(**extra), stdout=output, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + _START_SECONDS
    while f"hub ready http://127.0.0.1:{port}\n" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    return WholeHub(folder, port, process)


def stopped(hub: WholeHub) -> None:
    """Ask the hub to stop, which every hub does with all that it has started."""
    if "commands" in vars(hub):
        hub.commands.close()
    children = hub.children()
    if hub.process.poll() is None:
        assert children
        hub.process.send_signal(signal.SIGTERM)
    code = hub.process.wait(60)
    assert (code, [words for pid, words in children.items() if _is_alive(pid)]) == (0, [])


def _is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    """One hub for all tests of this folder that leave it running; its files may come from ``files`` beside its data."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "files").mkdir()
    running = started(folder / "hub", HUB_FILE_ROOTS=str(folder / "files"))
    yield running
    stopped(running)
