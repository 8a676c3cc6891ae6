"""Processor time of processes and all below them: what stays comparable where others take the processor away."""

import os
import subprocess
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def spent(*roots: int) -> float:
    """Seconds that these processes, those that they started and those of them that have ended have had by now."""
    return sum(map(_seconds, _below(roots)))


def _below(roots: tuple[int, ...]) -> set[int]:
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found, fresh = set(roots), set(roots)
    while fresh:
        fresh = {pid for pid, parent in pairs if parent in fresh} - found
        found |= fresh
    return found


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended, and its time is its parent's
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS
