"""A hub that is stopped before it is ready leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.whole.conftest import ROOT, environment, free_port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_start_that_is_interrupted_stops_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "hub"
    argv = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(free_port()), "--data", str(folder)]
    process = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 60
    while not (folder / "postgres" / "data" / "postmaster.pid").exists():
        assert time.monotonic() < until
        time.sleep(0.05)

    process.send_signal(number)
    said, _ = process.communicate(timeout=60)

    assert "Stopped before the hub was ready." in said
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()
