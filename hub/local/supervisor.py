"""Runs the parts of a hub as children of one process: restarts what died, stops all that it started."""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from typing import TextIO

from hub.local import connection
from hub.local.process import CannotStart, spawn

Starter = Callable[[], "subprocess.Popen[bytes]"]

_LOG_BYTES = 10 << 20
_LOGS_KEPT = 5
_STOP_SECONDS = 20
_CALM_SECONDS = 30
_LONGEST_PAUSE = 10.0


@dataclass
class Child:
    """One part of the hub: how to start it and how to ask it to stop; ``settled`` waits until it answers."""

    name: str
    start: Starter
    stop: signal.Signals = signal.SIGTERM
    settled: Callable[["subprocess.Popen[bytes]"], None] | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Children in the order they were added; engines, which others wait for, are stopped after all others."""

    children: list[Child] = field(default_factory=list)

    def add(self, child: Child) -> None:
        """Start ``child`` and look after it from now on; returns once it answers."""
        self.children.append(child)
        _launch(child)
        if child.settled is not None and child.process is not None:
            child.settled(child.process)

    def look_after(self) -> None:
        """Restart each child that died, later and later while it keeps dying."""
        for child in self.children:
            if child.is_alive:
                continue
            if child.process is not None:
                _mark_failure(child)
            if time.monotonic() >= child.not_before:
                _launch(child)

    def restart(self, name: str) -> None:
        """End one child, which ``look_after`` then starts again."""
        for child in self.children:
            if child.name == name and child.process is not None:
                _end(child)

    def stop(self) -> None:
        """Stop all children: first those that work, all at once, then the last engine first."""
        works = [child for child in self.children if child.settled is None]
        for child in works:
            _ask(child)
        for child in works:
            _await(child)
        for child in reversed(self.children):
            _end(child)
        self.children.clear()


def _launch(child: Child) -> None:
    child.process = child.start()
    child.started_at = time.monotonic()
    if child.process.stdout is not None:
        threading.Thread(target=_keep_log, args=(child.name, child.process), daemon=True).start()


def _mark_failure(child: Child) -> None:
    assert child.process is not None
    code = child.process.returncode
    with suppress(ProcessLookupError):  # what it started must not go on beside its successor
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process = None
    lived = time.monotonic() - child.started_at
    child.failures = 1 if lived > _CALM_SECONDS else child.failures + 1
    pause = 0.0 if child.failures == 1 else min(2.0 ** (child.failures - 2), _LONGEST_PAUSE)
    child.not_before = time.monotonic() + pause
    logging.getLogger("hub").warning("%s ended (%s); starting it again in %.0f s", child.name, code, pause)


def _end(child: Child) -> None:
    _ask(child)
    _await(child)


def _ask(child: Child) -> None:
    if child.process is not None and child.process.poll() is None:
        child.process.send_signal(child.stop)


def _await(child: Child) -> None:
    """Until it has ended; one that does not heed is killed."""
    if child.process is None:
        return
    try:
        child.process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def _keep_log(name: str, process: "subprocess.Popen[bytes]") -> None:
    """Copy what the child says into its log, which rotates."""
    folder = connection.data_dir() / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    handler = RotatingFileHandler(folder / f"{name}.log", maxBytes=_LOG_BYTES, backupCount=_LOGS_KEPT)
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\n")
            handler.emit(logging.LogRecord(name, logging.INFO, "", 0, text, None, None))
    handler.close()


def python(*arguments: str, environment: dict[str, str] | None = None) -> Starter:
    """A starter of this interpreter with a module."""
    return lambda: spawn([sys.executable, "-m", *arguments], environment=environment)


def hold_data() -> TextIO:
    """The lock on the data folder, held while the file is open; raises ``CannotStart`` where another hub has it."""
    path = connection.lock_file()
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise CannotStart(
            f"A hub already runs on {path.parent}" + (f" ({holder})." if holder else "."),
            hint="Stop it first, or give this one another folder with --data.",
        ) from None
    return lock


def say_where(lock: TextIO, url: str) -> None:
    """Write into the lock where the hub answers."""
    lock.seek(0)
    lock.truncate()
    lock.write(url)
    lock.flush()


def check_port(host: str, port: int) -> None:
    """Raise ``CannotStart`` where the address cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "is in use" if error.errno == 98 else f"cannot be listened on ({error.strerror})"
        raise CannotStart(f"Port {port} on {host} {reason}.", hint="Choose another one with --port.") from None
