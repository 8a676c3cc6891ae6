"""Carries out a hub's commands, each in a fork of one process that has loaded everything, as takes two seconds."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

_SAID = ("stdout", "stderr")


class Commands:
    """What ``manage.py`` would do, for a hub whose ``environment`` is given."""

    def __init__(self, environment: dict[str, str]) -> None:
        argv = [sys.executable, "-m", __name__]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self._process = subprocess.Popen(argv, env=environment, cwd=Path(__file__).parents[2], **pipes)
        self._turn = Lock()

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with TemporaryDirectory() as folder, self._turn:
            self._process.stdin.write(json.dumps([arguments, folder]) + "\n")
            code = int(self._process.stdout.readline())
            said = [(Path(folder) / name).read_text() for name in _SAID]
        return subprocess.CompletedProcess(arguments, code, *said)

    def close(self) -> None:
        self._process.communicate()


def _serve() -> None:
    from django import setup
    from django.core.management import call_command

    from hub.local.commandline import run

    setup()
    call_command("check", stdout=StringIO())
    for line in sys.stdin:
        arguments, folder = json.loads(line)
        child = os.fork()
        if child == 0:
            _speak_into(folder)
            return run(["manage.py", *arguments])
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _speak_into(folder: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(_SAID, start=1):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT), number)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    _serve()
