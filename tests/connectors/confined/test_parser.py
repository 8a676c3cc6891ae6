"""Reading in a process of its own: what it gives, what it dies of, and that nothing of it is left."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.confined.parser import Parser
from connectors.formats import reading
from connectors.formats.reading import Task
from connectors.formats.table import Options
from hub.errors import SourceError
from tests.connectors.hostile import workbooks
from tests.peak import greatest
from tests.whole.conftest import ROOT

MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
LARGE = "id,name\n" + "".join(f"{n},name {n}\n" for n in range(300_000))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str, bytes], BinaryIO]]:
    files: list[BinaryIO] = []

    def put(name: str, content: bytes) -> BinaryIO:
        (tmp_path / name).write_bytes(content)
        files.append((tmp_path / name).open("rb"))
        return files[-1]

    yield put
    for file in files:
        file.close()


@pytest.fixture
def parser() -> Iterator[Parser]:
    with Parser() as made:
        yield made


def task(name: str, **values: int) -> Task:
    return Task(Options(where=name, name=name), **values)


def pid_of(parser: Parser) -> int:
    assert parser._child is not None
    return parser._child.pid


def is_there(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def until_gone(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_there(pid)


def test_parquet_is_read_without_the_libraries_that_arrow_takes_where_it_finds_them(
    parser: Parser, opened: Callable[..., BinaryIO]
) -> None:
    written = io.BytesIO()
    pq.write_table(pa.table({"at": pa.array([MOMENT], pa.timestamp("us", "UTC"))}), written)

    (batch,) = parser.batches(opened("a.parquet", written.getvalue()), task("a.parquet"))

    assert batch.copy == b"1\t2024-02-29 12:30:00+00\n"
    assert greatest(pid_of(parser)) < 92, "megabytes; pandas alone takes forty"


def test_batches_are_those_that_reading_here_gives(parser: Parser, opened: Callable[..., BinaryIO]) -> None:
    odd = 'id,name\n1,"a\tb"\n2,\\N\n3,x,y\n4,\0\n5,"值"\n'
    for name, text in (("odd.csv", odd), ("large.csv", LARGE)):
        file = opened(name, text.encode())
        assert list(parser.batches(file, task(name))) == list(reading.read(file, task(name)))
        assert parser.found(file, task(name)) == reading.describe(file, task(name))


def test_one_process_reads_small_files_and_is_gone_in_the_end(opened: Callable[..., BinaryIO]) -> None:
    file = opened("a.csv", b"id\n1\n")
    with Parser() as parser:
        list(parser.batches(file, task("a.csv")))
        first = pid_of(parser)
        with pytest.raises(SourceError):
            list(parser.batches(opened("b.csv", b"id,id\n1,2\n"), task("b.csv")))
        list(parser.batches(file, task("a.csv")))
        assert pid_of(parser) == first
        assert is_there(first)
    assert not is_there(first)


def test_it_has_nothing_of_the_hub_but_the_file(
    parser: Parser, opened: Callable[..., BinaryIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "not-for-it")
    batches = parser.batches(opened("a.csv", LARGE.encode()), task("a.csv"))
    next(batches)
    about = Path(f"/proc/{pid_of(parser)}")

    names = {entry.partition(b"=")[0] for entry in (about / "environ").read_bytes().split(b"\0") if entry}
    held = [os.readlink(entry) for entry in (about / "fd").iterdir()]
    kinds = sorted(name.partition(":")[0] for name in held if name != "/dev/null" and "(deleted)" not in name)
    assert names == {b"LANG", b"MALLOC_ARENA_MAX", b"ARROW_DEFAULT_MEMORY_POOL"}
    assert kinds == sorted([str(tmp_path / "a.csv"), "pipe", "socket"])
    assert os.getpgid(pid_of(parser)) == pid_of(parser)


def test_file_that_takes_too_much_memory(
    parser: Parser, opened: Callable[..., BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_PARSE_MEGABYTES", "100")
    file = opened("a.json", b"[" + b"[]," * (8 << 20) + b"[]]")

    with pytest.raises(SourceError) as caught:
        list(parser.batches(file, task("a.json")))

    assert caught.value.code == "source-memory"
    assert "100 MiB" in caught.value.message
    assert "HUB_PARSE_MEGABYTES" in caught.value.hint


def test_file_that_computes_for_too_long(
    parser: Parser, opened: Callable[..., BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_PARSE_SECONDS", "1")
    file, began = opened("a.xlsx", workbooks.of_empty_rows(400_000)), time.monotonic()

    with pytest.raises(SourceError) as caught:
        list(parser.batches(file, task("a.xlsx")))

    assert caught.value.code == "source-slow"
    assert time.monotonic() - began < 8


def test_process_that_says_nothing(
    parser: Parser, opened: Callable[..., BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_PARSE_SECONDS", "1")
    batches = parser.batches(opened("a.csv", LARGE.encode()), task("a.csv", size=1000))
    next(batches)
    os.kill(pid_of(parser), signal.SIGSTOP)

    with pytest.raises(SourceError) as caught:
        list(batches)

    assert caught.value.code == "source-slow"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGSEGV, "source-unreadable"), (signal.SIGKILL, "source-memory")])
def test_process_that_dies(parser: Parser, opened: Callable[..., BinaryIO], number: signal.Signals, code: str) -> None:
    batches = parser.batches(opened("a.csv", LARGE.encode()), task("a.csv", size=1000))
    next(batches)
    os.kill(pid_of(parser), number)

    with pytest.raises(SourceError) as caught:
        list(batches)
    assert caught.value.code == code

    assert len(list(parser.batches(opened("b.csv", b"id\n1\n"), task("b.csv")))) == 1  # by another one


def test_stopping_ends_at_once_what_another_thread_waits_for(parser: Parser, opened: Callable[..., BinaryIO]) -> None:
    file, ends = opened("a.xlsx", workbooks.of_empty_rows(400_000)), list[str]()

    def read() -> None:
        try:
            list(parser.batches(file, task("a.xlsx")))
        except SourceError as error:
            ends.append(error.code)

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(1.5)
    pid, began = pid_of(parser), time.monotonic()
    parser.stop()
    reader.join()

    assert ends == ["source-stopped"]
    assert time.monotonic() - began < 1
    assert not is_there(pid)
    with pytest.raises(SourceError):
        list(parser.batches(opened("b.csv", b"id\n1\n"), task("b.csv")))


READER = """
import sys
sys.path.insert(0, sys.argv[1])
from connectors.confined.parser import Parser
from connectors.formats.reading import Task
from connectors.formats.table import Options
import threading, time
with Parser() as parser, open(sys.argv[2], "rb") as file:
    reader = threading.Thread(target=lambda: list(parser.batches(file, Task(Options(where="it", name=sys.argv[2])))))
    reader.start()
    while parser._child is None:
        time.sleep(0.01)
    print(parser._child.pid, flush=True)
    reader.join()
"""


def test_kill_of_the_hubs_process_leaves_nothing_behind(opened: Callable[..., BinaryIO], tmp_path: Path) -> None:
    opened("a.xlsx", workbooks.of_empty_rows(400_000))
    argv = [sys.executable, "-c", READER, str(ROOT), str(tmp_path / "a.xlsx")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        time.sleep(1.5)  # until it is at work
        assert is_there(pid)
        worker.kill()

        assert until_gone(pid, 2)
