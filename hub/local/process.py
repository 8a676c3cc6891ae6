"""Starts other programs so that they end with the hub, and not as root where a program refuses that."""

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hub.errors import HubError

NOBODY = 65534
_SET_PARENT_DEATH_SIGNAL = 1


class CannotStart(HubError):
    """The hub cannot start here; the message says why, the hint what to do."""

    code = "cannot-start"


def dying_with_parent(stop: signal.Signals) -> Callable[[], None]:
    """For ``preexec_fn``: the kernel sends ``stop`` when the parent is gone, however it went (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        if hasattr(libc, "prctl"):
            libc.prctl(_SET_PARENT_DEATH_SIGNAL, stop)

    return ask


def spawn(
    argv: Sequence[str],
    *,
    stop: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    output: int | IO[Any] = subprocess.PIPE,
) -> "subprocess.Popen[bytes]":
    """A child in a process group of its own, so that Ctrl-C in a terminal reaches the hub alone."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
        preexec_fn=dying_with_parent(stop),
    )


def as_nobody(argv: Sequence[str], needs: Sequence[Path], stop: str = "INT") -> list[str]:
    """``argv`` such that root runs it as the user ``nobody``; anybody else just runs it.

    ``needs`` are the folders it has to reach. Where their parents are closed to others the program is given the
    right to pass through, and only then; where even that is refused, ``CannotStart``.
    """
    if os.geteuid() != 0:
        return list(argv)
    if shutil.which("setpriv") is None:
        raise CannotStart(
            "PostgreSQL does not run as root, and the command setpriv (util-linux) is missing.",
            hint="Install util-linux, or start the hub as an ordinary user.",
        )
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # PostgreSQL asks access(2) for its own programs, which heeds such a right only with no_setuid_fixup.
    passing = [*become, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    passing.append("--securebits=+no_setuid_fixup")
    for candidate in (become, passing):
        if all(_reaches(candidate, folder) for folder in needs):
            return [*candidate, f"--pdeathsig={stop}", *argv]
    closed = next(folder for folder in needs if not _reaches(become, folder))
    raise CannotStart(
        f"PostgreSQL does not run as root, and the user nobody cannot reach {closed}.",
        hint="Start the hub as an ordinary user, or keep project and --data below a folder that others may pass.",
    )


def _reaches(prefix: Sequence[str], folder: Path) -> bool:
    looked = subprocess.run([*prefix, "stat", f"{folder}/."], capture_output=True, check=False)
    return looked.returncode == 0
