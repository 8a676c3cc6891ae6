"""Folders that grow: of the files that a pattern names only new and changed ones are read, by what is told of them."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from connectors.base import Batch, Extract
from connectors.fetching import places
from connectors.fetching import web as fetching
from connectors.kinds.file import File
from connectors.testing import Answering, Reply, Served, rows_of
from hub.errors import SourceError

Serve = Callable[[Answering | bytes], Served]
Read = tuple[list[str], Mapping[str, Any]]
SELECT = {"path": "day-*.csv"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def source(folder: Path) -> File:
    return File({"url": f"{folder.as_uri()}/"}, {})


def read(source: File, state: Mapping[str, Any] | None) -> Read:
    """The first cells that come, and the state they leave."""
    found: list[Batch] = list(source.read(Extract(SELECT, ("id",), state=state)))
    return [row[0] for row in rows_of(found)], found[-1].state or {}


def put(folder: Path, day: int, *cells: object) -> Path:
    path = folder / f"day-{day}.csv"
    path.write_text("id\n" + "".join(f"{cell}\n" for cell in cells))
    return path


def test_only_new_and_changed_files_are_read_in_the_order_of_their_names(source: File, folder: Path) -> None:
    put(folder, 3, 30)
    put(folder, 1, 10)
    first, state = read(source, {})
    put(folder, 2, 20)
    put(folder, 1, 11)
    second, state = read(source, state)
    third, last = read(source, state)

    assert (first, second, third) == (["10", "30"], ["11", "20"], [])
    assert last == state
    assert list(state["files"]) == ["day-1.csv", "day-2.csv", "day-3.csv"]


def test_without_a_state_all_is_read_and_none_is_kept(source: File, folder: Path) -> None:
    put(folder, 1, 10)

    assert read(source, None) == (["10"], {})
    assert read(source, None) == (["10"], {})


def test_change_of_the_same_size_is_told_by_its_time_and_of_the_same_time_by_its_size(
    source: File, folder: Path
) -> None:
    path = put(folder, 1, 10)
    os.utime(path, ns=(1, 1_000))
    _, state = read(source, {})
    put(folder, 1, 11)
    os.utime(path, ns=(1, 1_001))
    later, state = read(source, state)
    put(folder, 1, 111)
    os.utime(path, ns=(1, 1_001))
    longer, _ = read(source, state)

    assert (later, longer) == (["11"], ["111"])


@pytest.mark.parametrize("change", ["grows", "is replaced", "goes"])
def test_file_that_changes_while_it_is_read_is_read_again(source: File, folder: Path, change: str) -> None:
    put(folder, 1, 10)
    path = put(folder, 2, 20)
    batches = source.read(Extract(SELECT, ("id",), state={}))
    next(batches)
    next(batches)  # the second file is open now, and read
    if change == "grows":
        path.write_text(path.read_text() + "21\n")
    elif change == "is replaced":
        put(folder, 9, 22).rename(path)
    else:
        path.unlink()
    (last,) = batches
    assert last.state is not None
    again, _ = read(source, last.state)

    assert list(last.state["files"]) == ["day-1.csv"]
    assert again == {"grows": ["20", "21"], "is replaced": ["22"], "goes": []}[change]


def test_file_that_is_gone_is_forgotten_and_an_emptied_folder_is_no_error_once_it_was_read(
    source: File, folder: Path
) -> None:
    with pytest.raises(SourceError, match="No file matches"):
        read(source, {})
    path = put(folder, 1, 10)
    _, state = read(source, {})
    path.unlink()
    nothing, state = read(source, state)
    put(folder, 1, 10)

    assert (nothing, state) == ([], {"files": {}})
    assert read(source, state)[0] == ["10"]


def test_folder_that_is_gone_is_an_error(source: File, folder: Path) -> None:
    missing = File({"url": f"{folder.as_uri()}/no-such/"}, {})

    with pytest.raises(SourceError, match="no-such does not exist"):
        list(missing.read(Extract(SELECT, ("id",), state={"files": {"day-1.csv": "1"}})))


def test_discovery_fetches_of_a_large_text_only_its_first_lines(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SAMPLED_LINES", 1 << 18)
    body = b"id\n" + b"1\n" * (150 << 10)
    served = serve(lambda asked: Reply(body, type="", length=1 << 30))

    (found,) = File({"url": served.url + "a.csv", "allow_loopback": True}, {}).discover()

    assert ([column.type for column in found.columns], len(served.asked)) == (["integer"], 1)


def test_folder_may_hold_more_files_than_discovery_shows_but_not_any_number(
    source: File, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(100, 350):
        put(folder, day, day)

    assert read(source, {})[0] == [str(day) for day in range(100, 350)]
    monkeypatch.setattr(places, "MAX_FILES", 249)
    with pytest.raises(SourceError) as caught:
        read(source, {})
    assert caught.value.code == "source-too-many-files"


def test_bad_file_is_named_among_many(source: File, folder: Path) -> None:
    put(folder, 1, 10)
    put(folder, 2, "20,x")
    rejects = [reject for batch in source.read(Extract(SELECT, ("id",), state={})) for reject in batch.rejects]
    assert [(reject.position, reject.message.partition(":")[0]) for reject in rejects] == [(2, "day-2.csv")]

    (folder / "day-3.csv").write_text("")
    with pytest.raises(SourceError, match=r"day-3\.csv is empty"):
        read(source, {})


class Web(ThreadingHTTPServer):
    """A web server that lists ``files`` and tells of each the headers in ``about``; ``asked`` are method and path."""

    def __init__(self, *, knows_head: bool = True) -> None:
        self.files: dict[str, str] = {}
        self.about: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            server: Web

            def do_GET(self) -> None:
                name = self.path.strip("/")
                index = "".join(f'<a href="{file}">{file}</a>' for file in self.server.files)
                body = (self.server.files[name] if name else index).encode()
                self._told(name, "text/csv" if name else "text/html", len(body))
                self.wfile.write(body)

            def do_HEAD(self) -> None:
                self._told(self.path.strip("/"), "text/csv", len(self.server.files[self.path.strip("/")]))

            def _told(self, name: str, media_type: str, size: int) -> None:
                self.server.asked.append((self.command, name))
                self.send_response_only(200)
                headers = {"Content-Type": media_type, "Content-Length": str(size), **self.server.about.get(name, {})}
                for header, value in headers.items():
                    self.send_header(header, value)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        if not knows_head:
            del Handler.do_HEAD  # answered with 501
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def source(self) -> File:
        return File({"url": f"http://127.0.0.1:{self.server_port}/", "allow_loopback": True}, {})


@pytest.fixture
def web() -> Iterator[Callable[..., Web]]:
    servers: list[Web] = []

    def start(**values: bool) -> Web:
        servers.append(Web(**values))
        Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _moment(**ago: float) -> str:
    return format_datetime(datetime.now(UTC) - timedelta(**ago), usegmt=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"ETag": '"a"'}, {"ETag": '"b"'}),
        ({"Last-Modified": _moment(days=2)}, {"Last-Modified": _moment(days=1)}),
    ],
)
def test_web_server_tells_what_changed_by_tag_or_time(
    web: Callable[..., Web], before: dict[str, str], after: dict[str, str]
) -> None:
    server = web()
    server.files = {"day-2.csv": "id\n20\n", "day-1.csv": "id\n10\n", "other.csv": "x"}
    server.about = {"day-1.csv": before, "day-2.csv": before}
    first, state = read(server.source, {})
    server.asked.clear()
    unchanged, state = read(server.source, state)
    fetched = [name for method, name in server.asked if method == "GET"]
    server.files["day-1.csv"] = "id\n11\n"
    server.about["day-1.csv"] = after
    changed, _ = read(server.source, state)

    assert (first, unchanged, changed) == (["10", "20"], [], ["11"])
    assert fetched == [""]


@pytest.mark.parametrize(
    ("about", "knows_head"),
    [
        ({}, True),  # its size alone
        ({"Last-Modified": _moment(), "Date": _moment()}, True),  # it may change again within the same second
        ({"ETag": '"a"'}, False),
    ],
)
def test_file_of_which_a_web_server_does_not_tell_enough_counts_as_changed(
    web: Callable[..., Web], about: dict[str, str], knows_head: bool
) -> None:
    server = web(knows_head=knows_head)
    server.files, server.about = {"day-1.csv": "id\n10\n"}, {"day-1.csv": about}
    first, state = read(server.source, {})
    server.files["day-1.csv"] = "id\n11\n"

    assert (first, state) == (["10"], {"files": {}})
    assert read(server.source, state)[0] == ["11"]


def test_file_that_changes_on_a_web_server_while_it_is_read_is_read_again(web: Callable[..., Web]) -> None:
    server = web()
    server.files, server.about = {"day-1.csv": "id\n10\n"}, {"day-1.csv": {"ETag": '"a"'}}
    batches = server.source.read(Extract(SELECT, ("id",), state={}))
    next(batches)
    server.about["day-1.csv"] = {"ETag": '"b"'}
    (last,) = batches

    assert last.state == {"files": {}}


def test_file_that_the_index_names_and_the_server_does_not_have_is_an_error(serve: Serve) -> None:
    index = b'<a href="day-1.csv">1</a>'
    served = serve(lambda asked: Reply(index, type="text/html") if asked.path == "/" else Reply(status=404))
    source = File({"url": served.url, "allow_loopback": True}, {})

    with pytest.raises(SourceError, match=r"day-1\.csv does not exist"):
        read(source, {})
