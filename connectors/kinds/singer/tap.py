"""A Singer tap as a child of the hub's: started with its settings in files, heard line by line, and ended."""

import fcntl
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hub.errors import SourceDown, SourceMalformed, SourceMissing

TAPS: Final = "HUB_SINGER_TAPS"
SILENT_SECONDS = 600.0
_CHUNK: Final = 1 << 20
_MAX_LINE: Final = 16 << 20
_MAX_CATALOG: Final = 64 << 20
_MAX_MEMORY: Final = 2 << 30
_DISCOVER_SECONDS: Final = 120
_END_SECONDS: Final = 5.0
_GATHER_SECONDS: Final = 0.01
"""So long after something has come, more is waited for: most taps write a few records at a time."""


def programs() -> dict[str, str]:
    """The taps that this machine's administrator lets sources run, ``name=/path`` each, by name."""
    words = (word.partition("=") for word in os.environ.get(TAPS, "").split())
    return {name: path for name, _, path in words if path}


@dataclass
class Tap:
    """One tap at work in a folder of its own; of the hub's environment it gets nothing but where programs are."""

    name: str
    program: str
    folder: Path
    settings: Mapping[str, Any]

    def catalog(self) -> Any:
        """What the tap finds at its source; raises ``SourceError``."""
        with self._started("--discover") as process:
            body = b"".join(_chunks(process, _DISCOVER_SECONDS, _MAX_CATALOG, self.name))
            self._check_end(process)
        try:
            catalog = json.loads(body)
            entries = [(entry["tap_stream_id"], entry["schema"]["properties"]) for entry in catalog["streams"]]
        except (ValueError, KeyError, TypeError) as error:
            raise self._nonsense("Its catalog is none.") from error
        return catalog if entries else {"streams": []}

    @contextmanager
    def running(self, catalog: Any, state: Mapping[str, Any]) -> Iterator[Iterator[list[bytes]]]:
        """The lines it writes, many at a time; what it fails by is raised behind the last one."""
        arguments = ["--catalog", self._file("catalog", catalog)]
        if state:
            arguments += ["--state", self._file("state", state)]
        with self._started(*arguments) as process:
            yield self._heard(process)

    def _heard(self, process: "subprocess.Popen[bytes]") -> Iterator[list[bytes]]:
        rest = b""
        for chunk in _chunks(process, SILENT_SECONDS, 0, self.name):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE:
                raise self._nonsense(f"A line of it is longer than {_MAX_LINE >> 20} MiB.")
            if lines:
                yield lines
        self._check_end(process)
        if rest.strip():
            raise self._nonsense("It ends in the middle of a line.")

    @contextmanager
    def _started(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        program = shutil.which(self.program)
        if program is None:
            raise SourceMissing(
                f"The program of the tap {self.name} is not there.",
                code="source-no-tap",
                hint=f"Install it, or correct its path in the setting {TAPS}.",
            )
        process = subprocess.Popen(
            [program, "--config", self._file("config", self.settings), *arguments],
            cwd=self.folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it tells there may hold secrets and rows
            start_new_session=True,
        )
        assert process.stdout is not None
        with suppress(OSError):  # a larger pipe, where the system gives one: the tap waits less often
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _CHUNK)
        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _file(self, name: str, content: Any) -> str:
        """In files and not in arguments, which every user of the machine can list."""
        path = self.folder / f"{name}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content))
        return str(path)

    def _check_end(self, process: "subprocess.Popen[bytes]") -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        if process.returncode != 0:
            end = "did not end" if process.returncode is None else f"ended with code {process.returncode}"
            raise SourceDown(
                f"The tap {self.name} {end}.",
                code="source-tap-failed",
                hint="Nothing was loaded. Run the tap by hand with the same settings: it says there what is wrong.",
            )

    def _nonsense(self, what: str) -> SourceMalformed:
        return SourceMalformed(
            f"What the tap {self.name} writes is not Singer's. {what}",
            code="source-not-singer",
            hint="Nothing was loaded. Check that the program is a tap, and writes nothing else to its standard output.",
        )


def _chunks(process: "subprocess.Popen[bytes]", seconds: float, most: int, name: str) -> Iterator[bytes]:
    """What it writes, as it comes; raises where it is silent for longer, or writes more than ``most`` bytes."""
    assert process.stdout is not None
    size, descriptor = 0, process.stdout.fileno()
    with selectors.DefaultSelector() as waiting:
        waiting.register(descriptor, selectors.EVENT_READ)
        while waiting.select(seconds):
            time.sleep(_GATHER_SECONDS)
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                return
            size += len(chunk)
            if most and size > most:
                raise SourceMalformed(
                    f"The tap {name} tells of more than {most >> 20} MiB of streams.",
                    code="source-too-large",
                    hint="Nothing was loaded. Check that the program is a tap, and writes nothing else to its standard "
                    "output.",
                )
            yield chunk
    raise SourceDown(
        f"The tap {name} said nothing for {seconds:.0f} seconds.",
        code="source-silent",
        hint="Nothing was loaded; the next run tries again by itself.",
    )
