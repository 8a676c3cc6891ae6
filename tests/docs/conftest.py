"""A folder like a fresh copy of the project, with a shell in which documents are run word for word."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.whole.conftest import ROOT, environment, free_port

_PARTS = ("Makefile", "manage.py", "hub", "connectors", "policies", "requirements.txt", ".venv")


def blocks(text: str) -> list[str]:
    """The commands of a document, or of a part of it, block by block."""
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


class Shell:
    """Runs blocks of commands, one after another, with the hub on a port that is free."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._names: set[str] = set()
        self._hub: subprocess.Popen[str] | None = None

    def start(self, block: str) -> None:
        """A block that goes on: the hub."""
        command = block.replace("make up", f"make up ARGS='--port {self._port}'")
        log = self._folder / "up.log"
        with log.open("w") as output:
            self._hub = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self._folder,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        until = time.monotonic() + 120
        while "hub ready" not in log.read_text():
            assert self._hub.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)

    def run(self, block: str) -> str:
        """What the block prints; its variables are there for the next one."""
        script = block.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}")
        self._names |= set(re.findall(r"^([A-Z]+)=", block, re.MULTILINE))
        keep = f'\ndeclare -p {" ".join(self._names)} > "$PWD/variables"' if self._names else ""
        before = "set -e\n[ -f variables ] && . ./variables\n"
        done = subprocess.run(
            ["bash", "-c", before + script + keep],
            cwd=self._folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        if self._hub is not None and self._hub.poll() is None:
            os.killpg(self._hub.pid, signal.SIGINT)
            self._hub.wait(60)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """In a folder that looks like a clean copy of the project, in which everything is installed."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in _PARTS:
        (folder / name).symlink_to(ROOT / name)
    opened = Shell(folder, free_port())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tutorial(shell: Shell) -> list[str]:
    """What each block of the README's tutorial prints, but for the first, which is the hub and goes on."""
    text = (ROOT / "README.md").read_text().partition("## Tutorial")[2].partition("\n## ")[0]
    start, *others = blocks(text)
    shell.start(start)
    return [shell.run(block) for block in others]
