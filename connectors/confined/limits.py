"""What a process that looks into a file may take: memory, processor time, descriptors; and what it may touch."""

import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import Final

from connectors.confined.landlock import read_only
from connectors.confined.syscalls import give_up
from connectors.formats.packed import MAX_UNPACKED

_DESCRIPTORS: Final = 64
_MAPPED: Final = 1 << 30
"""Bytes beside its data that may be mapped: the programs' own files, and room that threads reserve and do not take."""
_SET_DUMPABLE: Final = 4
_SET_OWN_NAME: Final = 15
_SET_NO_NEW_PRIVILEGES: Final = 38
_CAPABILITIES: Final = 0x20080522
_MACHINE_READS: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/zoneinfo", "/etc/localtime"),
    # All that ``mimetypes`` looks for, which the library for workbooks does as it is loaded.
    *(
        "/etc/mime.types",
        "/etc/httpd/mime.types",
        "/etc/httpd/conf/mime.types",
        "/etc/apache/mime.types",
        "/etc/apache2/mime.types",
        "/usr/local/etc/httpd/conf",
    ),
    "/usr/local/etc/mime.types",
)


def confine(megabytes: int, code: Sequence[str]) -> None:
    """Bound this process for good; of the machine it reads its own ``code``, and writes nothing. Raises ``Unconfined``.

    Its memory is what it has written or could (``RLIMIT_DATA``); beyond it, an allocation fails as ``MemoryError``.
    """
    data = megabytes << 20
    for what, limit in (
        (resource.RLIMIT_DATA, data),
        (resource.RLIMIT_AS, data + _MAPPED),
        (resource.RLIMIT_FSIZE, MAX_UNPACKED),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_OWN_NAME, b"hub-file", 0, 0, 0)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)  # a picture of its memory would be one of the rows
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.capset((ctypes.c_uint32 * 2)(_CAPABILITIES, 0), (ctypes.c_uint32 * 6)())
    read_only((*code, sys.prefix, sys.base_prefix, *_MACHINE_READS))
    give_up()


def take_time(seconds: int) -> None:
    """From now on the process may take so many seconds of processor time; ``SIGXCPU`` ends it then."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, resource.RLIM_INFINITY))


def die_with(parent: int) -> None:
    """Have the kernel end this process when the other end of the pipe ``parent`` is closed, whatever it is doing.

    A signal at the parent's death (``PR_SET_PDEATHSIG``) would come when the thread ends that has started it.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(parent, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(parent, fcntl.F_SETFL, fcntl.fcntl(parent, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([parent], [], [], 0)[0]:
        sys.exit()
