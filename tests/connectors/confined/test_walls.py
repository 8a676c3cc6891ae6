"""What a confined process cannot do; and that the same process can do it before it is confined."""

import json
import subprocess
import sys
from pathlib import Path

from tests.whole.conftest import ROOT

PROBES = """
import ctypes, json, os, resource, signal, socket, sys, tempfile, threading
sys.path.insert(0, sys.argv[1])
folder, other = sys.argv[2], int(sys.argv[3])
libc = ctypes.CDLL(None, use_errno=True)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def forked():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def called(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def threaded():
    done = []
    thread = threading.Thread(target=lambda: done.append(1))
    thread.start()
    thread.join()
    assert done

def limited(what):
    resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

PROBES = {
    "open a socket": lambda: socket.socket(),
    "open a local socket": lambda: socket.socketpair(),
    "use a socket that is open": lambda: udp.connect(("127.0.0.1", 9)),
    "begin a process": forked,
    "run a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "write a file": lambda: open(folder + "/new", "w"),
    "change a file": lambda: open(folder + "/old", "r+"),
    "make a nameless file": lambda: os.open(folder, os.O_TMPFILE | os.O_RDWR),
    "empty a file": lambda: os.truncate(folder + "/old", 0),
    "read another's file": lambda: open(folder + "/old").read(),
    "rename a file": lambda: os.rename(folder + "/old", folder + "/older"),
    "make a folder": lambda: os.mkdir(folder + "/folder"),
    "signal another": lambda: os.kill(other, 0),
    "look into another": lambda: resource.prlimit(other, resource.RLIMIT_CPU),
    "hide memory in a file": lambda: os.memfd_create("x"),
    "ask the kernel for others' sake": lambda: called(425, 1, ctypes.create_string_buffer(200)),
    "take more memory": lambda: limited(resource.RLIMIT_DATA),
    "fill memory": lambda: bytearray(200 << 20).count(1),
    "read its own code": lambda: open(json.__file__).read(),
    "begin a thread": threaded,
}
if sys.argv[4] == "confined":
    from connectors.confined import limits
    limits.confine(100, [sys.argv[1] + "/hub", sys.argv[1] + "/connectors"])
done = []
for name, probe in PROBES.items():
    try:
        probe()
        done.append(name)
    except (OSError, MemoryError, ValueError):
        pass
print(json.dumps(done))
"""
HARMLESS = {"read its own code", "begin a thread"}
LANDLOCK = "read another's file"


def _done(tmp_path: Path, how: str) -> set[str]:
    (tmp_path / "old").write_text("content")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        argv = [sys.executable, "-c", PROBES, str(ROOT), str(tmp_path), str(other.pid), how]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env={})
        other.kill()
    return set(json.loads(done.stdout))


def test_confined_process_reaches_nothing_but_its_own_code(tmp_path: Path) -> None:
    done = _done(tmp_path, "confined")

    assert done - {LANDLOCK} == HARMLESS
    assert (tmp_path / "old").read_text() == "content"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_where_the_kernel_has_landlock_it_reads_no_other_file(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from connectors.confined import landlock;"
    is_there = "print(landlock.read_only(['/']))"
    argv = [sys.executable, "-c", code + is_there, str(ROOT)]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    has_landlock = told.stdout.strip() == "True"

    assert (LANDLOCK in _done(tmp_path, "confined")) is not has_landlock


def test_process_that_is_not_confined_does_all_of_it(tmp_path: Path) -> None:
    done = _done(tmp_path, "free")

    assert len(done) >= 18
    assert {LANDLOCK, "open a socket", "begin a process", "write a file", "fill memory", *HARMLESS} <= done
