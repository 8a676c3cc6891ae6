"""The README's tutorial, word for word, as a newcomer runs it."""

import json
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


def blocks() -> list[str]:
    """The commands of the tutorial, block by block."""
    tutorial = (ROOT / "README.md").read_text().partition("## Tutorial")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", tutorial, re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a clean copy of the project, in which everything is installed."""
    for name in _PARTS:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def shell(checkout: Path) -> Iterator["Shell"]:
    opened = Shell(checkout, free_port())
    yield opened
    opened.close()


class Shell:
    """Runs blocks of commands, one after another, with the hub on a port that is free."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._variables = ""
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
        keep = '\ndeclare -p TOKEN > "$PWD/variables" 2>/dev/null || true'
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


def test_tutorial_works_word_for_word(shell: Shell) -> None:
    start, csv, manifest, sync, read, access, exception = blocks()

    shell.start(start)
    shell.run(csv)
    applied = shell.run(manifest)
    synced = shell.run(sync)
    rows = json.loads(shell.run(read))
    told = json.loads(shell.run(access))
    shown = json.loads(shell.run(exception).splitlines()[-1])

    assert applied.endswith("6 things changed.\n")
    assert synced.startswith("succeeded: rows_read 3, inserted 3,")
    assert rows["data"] == [{"well": "W-2", "district": "North", "depth_m": 120.0}]
    assert told["decision"] == "permit"
    assert told["next_step"] == "Apply to water to see in clear: owner_phone."
    assert re.fullmatch("[0-9a-f]{32}", shown["data"][0]["owner_phone"])
