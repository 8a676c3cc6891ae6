"""One process that looks into files, from the side of the hub: begun, asked, heard, and ended for whatever reason."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any, BinaryIO, Final, cast

import connectors
import hub
from connectors.confined import wire
from connectors.formats.reading import Task
from hub.errors import HubError, SourceDown, SourceError, SourceMalformed

MEGABYTES: Final = "HUB_PARSE_MEGABYTES"
SECONDS: Final = "HUB_PARSE_SECONDS"
# Without the last, Arrow's own allocator would map a gigabyte at once, of which it takes little.
_ENVIRONMENT: Final = {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
_QUIET_TIMES: Final = 4
"""So many times as long as it may compute it may be silent: the machine has others to serve."""
_START: Final = "import sys; sys.path[:] = sys.argv[5].split(':'); from connectors.confined.child import main; main()"
_PACKAGES: Final = [os.path.abspath(next(iter(package.__path__))) for package in (connectors, hub)]
log = logging.getLogger(__name__)


class Child:
    """A running process, in a group of its own, that has of the hub's environment nothing."""

    def __init__(self) -> None:
        self.megabytes = int(os.environ.get(MEGABYTES, "352"))
        self.seconds = int(os.environ.get(SECONDS, "120"))
        self.is_stopped = False
        self.is_spent = False
        """Whether it is no more to be asked: it has ended, or has not said all that it was asked for."""
        self._control, other = socket.socketpair()
        self._control.settimeout(_QUIET_TIMES * self.seconds)
        self._answers = cast(BinaryIO, self._control.makefile("rb", 1 << 16))
        with other, tempfile.TemporaryFile() as scratch:
            passed = [other.fileno(), scratch.fileno()]
            path = [os.path.abspath(each) for each in sys.path if os.path.exists(each or ".")]
            root = os.path.dirname(_PACKAGES[0])
            code = [*_PACKAGES, sys.prefix, sys.base_prefix, *(each for each in path if each != root)]
            told = [*passed, self.megabytes, self.seconds, ":".join(path), ":".join(code)]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, *map(str, told)],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.PIPE,  # nothing is written there: its end tells that the hub's process is gone
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # what it says there may hold rows
                pass_fds=passed,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, task: Task, what: str, file: BinaryIO) -> None:
        """Hand over an open file; it is read by its descriptor, from the beginning."""
        descriptor = file.fileno()
        file.flush()
        message = wire.written(wire.task_head(task, what))
        with suppress(BrokenPipeError, ConnectionResetError):  # how it ended is told where its answer is asked for
            sent = socket.send_fds(self._control, [message], [descriptor])
            self._control.sendall(message[sent:])

    def answer(self, where: str) -> wire.Message:
        """The next thing that it tells of the file named ``where``; raises the ``SourceError`` that it tells, or is."""
        try:
            message = self._message()
        except TimeoutError as error:
            raise self._too_slow(where) from error
        except ValueError as error:
            raise unreadable(where, "a message that is none") from error
        if message is None:
            raise self._end_of(where)
        self.is_spent = False
        if "error" in message[0]:
            raise self._told(message[0], where)
        if "failed" in message[0]:
            self.is_spent = True
            if message[0]["failed"] == "memory":
                raise self._too_large(where)
            raise unreadable(where, f"{message[0]['failed']} at {message[0]['at']}")
        return message

    def _message(self) -> wire.Message | None:
        """What it says; none where it has ended. Raises ``HubError`` where it could not be shut in."""
        self.is_spent = True
        try:
            message = wire.read(self._answers)
        except ConnectionResetError:
            return None
        if message is not None and "unconfined" in message[0]:
            raise _unconfined(message[0]["unconfined"])
        return message

    def _told(self, head: dict[str, Any], where: str) -> SourceError:
        try:
            return wire.error_of(head)
        except (KeyError, TypeError):
            return unreadable(where, "an error that is none")

    def kill(self) -> None:
        """End it at once, from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End it, and leave nothing of it."""
        self.kill()
        self._process.wait()
        assert self._process.stdin is not None
        for end in (self._process.stdin, self._answers, self._control):
            end.close()

    def _end_of(self, where: str) -> SourceError:
        """What it died of."""
        if self.is_stopped:
            return SourceDown(f"Reading {where} was ended.", code="source-stopped")
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        if code == -signal.SIGXCPU:
            return self._too_slow(where)
        if code == -signal.SIGKILL:  # by the kernel, where the whole machine has no memory left
            return self._too_large(where)
        return unreadable(where, f"signal {-code}" if code is not None and code < 0 else f"exit {code}")

    def _too_large(self, where: str) -> SourceError:
        return SourceMalformed(
            f"{where} takes more than {self.megabytes} MiB of memory to be read.",
            code="source-memory",
            hint=f"Nothing was loaded. Have it written as CSV or in smaller parts, or raise {MEGABYTES}.",
        )

    def _too_slow(self, where: str) -> SourceError:
        return SourceMalformed(
            f"{where} gave no rows within {self.seconds} seconds of work.",
            code="source-slow",
            hint=f"Nothing was loaded. Have it written as CSV or in smaller parts, or raise {SECONDS}.",
        )


def unreadable(where: str, how: str) -> SourceError:
    """The error for a file whose reader has failed; ``how`` repeats nothing of the file."""
    log.warning("the process that read a file ended with %s", how)
    return SourceMalformed(
        f"{where} cannot be read: its reader ended with {how}.",
        code="source-unreadable",
        hint="Nothing was loaded. It may be damaged or made to do harm; have it written again.",
    )


def _unconfined(why: str) -> HubError:
    return HubError(
        f"Files are not read, as this machine does not let their reader be confined: {why}.",
        code="unconfined",
        hint="Run the hub on Linux (x86-64 or ARM64) where seccomp filters are allowed.",
    )
