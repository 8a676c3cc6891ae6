"""Takes from a process, for good, all calls of the kernel by which it would reach beyond what it was given."""

import ctypes
import os
import resource
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from errno import ENOSYS, EPERM
from typing import Final

_SET_SECCOMP: Final = 22
_FILTER_MODE: Final = 2

# Operations of the kernel's filter machine (linux/bpf_common.h), and its answers (linux/seccomp.h).
_LOAD, _IS, _IS_AT_LEAST, _HAS, _ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_DENY: Final = _FAIL | EPERM
_UNKNOWN: Final = _FAIL | ENOSYS
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_X32: Final = 0x40000000
_THREAD: Final = 0x00010000
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class _Calls:
    """The numbers of one machine's calls: those of no use to who only reads, and some that depend on what is asked."""

    audit: int
    denied: tuple[int, ...]
    clone: int
    openat: int
    tgkill: int
    prlimit: int
    open: int = -1


# Those of sockets; of other programs and processes, signals to them, a look into them; of changes to files, mounts,
# names, limits, modules and keys; of memory that no limit counts.
_EVERYWHERE: Final = (424, 425, 426, 427, 428, 429, 430, 431, 432, 434, 437, 438, 442, 447, 452)
_CALLS: Final[Mapping[str, _Calls]] = {
    "x86_64": _Calls(
        audit=0xC000003E,
        denied=(
            *(41, 42, 43, 49, 50, 53, 288),
            *(57, 58, 59, 322, 62, 129, 200, 297, 101, 310, 311),
            *(76, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 132, 133, 188, 189, 190, 197, 198, 199, 235),
            *(258, 259, 260, 261, 263, 264, 265, 266, 268, 280, 303, 304, 316),
            *(155, 160, 161, 164, 165, 166, 167, 169, 170, 171, 175, 246, 272, 298, 308, 313, 320, 321, 323),
            *(29, 30, 31, 67, 68, 69, 70, 71, 240, 241, 248, 249, 250, 319),
        ),
        clone=56, openat=257, tgkill=234, prlimit=302, open=2,
    ),
    "aarch64": _Calls(
        audit=0xC00000B7,
        denied=(
            *(198, 199, 200, 201, 202, 203, 242),
            *(221, 281, 129, 130, 138, 240, 117, 270, 271),
            *(5, 6, 7, 14, 15, 16, 33, 34, 35, 36, 37, 38, 45, 52, 53, 54, 55, 88, 264, 265, 276),
            *(39, 40, 41, 51, 97, 104, 105, 142, 161, 162, 164, 241, 268, 273, 280, 282, 294),
            *(180, 181, 186, 187, 189, 194, 195, 196, 217, 218, 219, 279),
        ),
        clone=220, openat=56, tgkill=131, prlimit=261,
    ),
}  # fmt: skip
_CLONE3: Final = 435


class Unconfined(OSError):
    """The machine does not let a process give up what it may."""


def give_up() -> None:
    """Leave this process with what it has open, for ever: no network, no other process, no file to write.

    Reading stays, and so does a file that it was handed open. It must not be able to gain privileges any more. Raises
    ``Unconfined``.
    """
    machine = os.uname().machine
    calls = _CALLS.get(machine)
    if calls is None:
        raise Unconfined(f"there is no list of calls for {machine}")
    steps = ctypes.create_string_buffer(b"".join(_steps(calls)))
    program = struct.pack("HP", len(steps) // len(_step(_ANSWER, _ALLOW)), ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_SECCOMP, _FILTER_MODE, program, 0, 0):
        raise Unconfined(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _steps(calls: _Calls) -> Iterator[bytes]:
    yield from (_step(_LOAD, _MACHINE), _step(_IS, calls.audit, 1, 0), _step(_ANSWER, _KILL), _step(_LOAD, _NUMBER))
    if calls.open >= 0:  # a machine with a second set of numbers
        yield from _if(_IS_AT_LEAST, _X32, _UNKNOWN)
    # Without it the C library begins threads by a call whose arguments can be seen here.
    yield from _if(_IS, _CLONE3, _UNKNOWN)
    for number in (*calls.denied, *_EVERYWHERE):
        yield from _if(_IS, number, _DENY)
    yield from _on(calls.clone, _lower(0), *_if(_HAS, _THREAD, _ALLOW), _step(_ANSWER, _DENY))
    yield from _on(calls.openat, _lower(2), *_if(_HAS, _WRITING, _DENY), _step(_ANSWER, _ALLOW))
    if calls.open >= 0:
        yield from _on(calls.open, _lower(1), *_if(_HAS, _WRITING, _DENY), _step(_ANSWER, _ALLOW))
    yield from _on(calls.tgkill, _lower(0), *_if(_IS, os.getpid(), _ALLOW), _step(_ANSWER, _DENY))
    is_own = (_lower(0), _step(_IS, 0, 1, 0), _step(_ANSWER, _DENY))
    yield from _on(calls.prlimit, *is_own, _lower(1), *_if(_IS, resource.RLIMIT_CPU, _ALLOW), _step(_ANSWER, _DENY))
    yield _step(_ANSWER, _ALLOW)


def _on(number: int, *steps: bytes) -> Iterator[bytes]:
    """These steps where the call at hand is ``number``; they end with an answer."""
    yield _step(_IS, number, 0, len(steps))
    yield from steps


def _if(test: int, value: int, answer: int) -> tuple[bytes, bytes]:
    return _step(test, value, 0, 1), _step(_ANSWER, answer)


def _lower(argument: int) -> bytes:
    """Load the lower half of an argument; on these machines it is the first."""
    return _step(_LOAD, _ARGUMENTS + 8 * argument)


def _step(operation: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("HBBI", operation, if_so, if_not, value)
