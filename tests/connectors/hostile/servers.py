"""Servers that never end, lead elsewhere, ask for what is not theirs, or are not who they were."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import asyncssh

from connectors.testing import Answering, Asked, Reply, serving
from tests.connectors.hostile.files import GOOD_ROW, HEAD
from tests.connectors.kinds.test_kind_mysql import OK, Rogue
from tests.connectors.kinds.test_s3 import XXE
from tests.connectors.peers import PASSWORD, SftpPeer, sftp_serving

METADATA = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True)
class Asking:
    """How a stream asks such a server."""

    kind: str
    config: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    select: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HostileServer:
    label: str
    code: str
    running: Callable[[Path], Any]
    seconds: float = 60


def _http(
    answer: Answering, kind: str = "rest", select: dict[str, Any] | None = None, host: str = "", **config: Any
) -> Any:
    @contextmanager
    def running(folder: Path) -> Iterator[Asking]:
        with serving(answer) as served:
            url = served.url.replace("127.0.0.1", host) if host else served.url
            yield Asking(kind, {"url": url, "allow_loopback": True, **config}, select=select or {})

    return running


def _there(url: str) -> Answering:
    return lambda asked: Reply(status=302, headers={"Location": url})


def _page(asked: Asked) -> Reply:
    records = b'[{"id": %s, "name": "n", "at": null}]' % asked.params.get("page", "0").encode()
    return Reply(records, headers={"Connection": "close"})


@cache
def _packed_zeros() -> bytes:
    return gzip.compress(bytes(300 << 20))


def _swollen(asked: Asked) -> Reply:
    return Reply(_packed_zeros(), type="text/csv", headers={"Content-Encoding": "gzip"})


def _ready_to_swell(running: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """The same server with its answer at hand: what it takes to pack it is no drip."""

    def ready(folder: Path) -> Any:
        _packed_zeros()
        return running(folder)

    return ready


@contextmanager
def _dripping(folder: Path) -> Iterator[Asking]:
    """A byte every tenth of a second, and it goes on like that."""
    is_over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError):
            client, _ = listening.accept()
            with client:
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n" + HEAD)
                while not is_over.wait(0.1):
                    client.sendall(b"1")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.csv"
        yield Asking("file", {"url": url, "allow_loopback": True})
    finally:
        is_over.set()
        listening.close()
        thread.join()


@contextmanager
def _rogue_mysql(folder: Path) -> Iterator[Asking]:
    with closing(Rogue(b"mysql_native_password", OK)) as rogue:
        config = {"host": "127.0.0.1", "port": rogue.port, "database": "d", "user": "u", "allow_loopback": True}
        yield Asking("mysql", config, {"password": "not-to-be-told"}, {"table": "things"})
        assert b"root:" not in rogue.heard


@contextmanager
def _swapped_key(folder: Path) -> Iterator[Asking]:
    (folder / "a.csv").write_bytes(HEAD + GOOD_ROW)
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with sftp_serving(SftpPeer(folder)) as peer:
        yield Asking("file", {**peer.config("/"), "host_key": other}, {"password": PASSWORD}, {"path": "a.csv"})
        assert peer.logins == []


@contextmanager
def _store_with_entities(folder: Path) -> Iterator[Asking]:
    with serving(lambda asked: Reply(XXE, type="application/xml")) as served:
        config = {"url": "s3://exports/", "endpoint": served.url, "allow_loopback": True}
        yield Asking("file", config, select={"path": "*.csv"})


_LISTS = b"[" + b"[]," * (10 << 20) + b"[]]"
_AGAIN = {"kind": "page"}
SERVERS = [
    HostileServer("redirects in a circle", "source-redirects", _http(_there("/again"))),
    HostileServer("redirect to cloud metadata", "source-address-refused", _http(_there(METADATA))),
    HostileServer("redirect there as IPv6", "source-address-refused",
                  _http(_there("http://[::ffff:169.254.169.254]/"), "file", {"path": "a.csv"})),
    HostileServer("redirect there by NAT64", "source-address-refused", _http(_there("http://[64:ff9b::a9fe:a9fe]/"))),
    HostileServer("redirect to the hub's machine", "source-address-refused", _http(_there("http://127.0.0.1:1/"))),
    HostileServer("redirect to a file", "source-redirects", _http(_there("file:///etc/passwd"))),
    HostileServer("name that is bound anew", "source-address-refused",
                  _http(_page, host="rebinding.example", paging=_AGAIN)),
    HostileServer("pages without end", "source-endless-pages",
                  _http(lambda asked: Reply(b'[{"id": 1, "name": "n", "at": null}]'), paging=_AGAIN)),
    HostileServer("links in a circle", "source-endless-pages",
                  _http(lambda asked: Reply(b'[{"id": 1, "name": "n", "at": null}]',
                                            headers={"Link": '</next>; rel="next"'}), paging={"kind": "link"})),
    HostileServer("slow drip", "source-drips", _dripping),
    HostileServer("swollen answer", "source-too-large", _ready_to_swell(_http(_swollen))),
    HostileServer("swollen file", "source-too-large", _ready_to_swell(_http(_swollen, "file", {"path": "a.csv"}))),
    HostileServer("answer of empty lists", "source-too-large", _http(lambda asked: Reply(_LISTS))),
    HostileServer("answer without end to its depth", "source-not-json", _http(lambda asked: Reply(b"[" * (1 << 20)))),
    HostileServer("rogue MySQL", "source-hostile", _rogue_mysql),
    HostileServer("swapped host key", "source-host-key", _swapped_key),
    HostileServer("store with entities", "source-malformed", _store_with_entities),
]  # fmt: skip
