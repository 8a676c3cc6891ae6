"""Files on an SFTP server: fetched whole from whoever shows the pinned key, and from nobody else."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import asyncssh
import pytest

from connectors.base import Extract
from connectors.fetching import places, sftp
from connectors.kinds.file import File
from connectors.registry import faults
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused
from tests.connectors.peers import PASSWORD, SftpPeer, sftp_serving

SECRETS = {"password": PASSWORD}
LONG_AGO = (1_600_000_000, 1_600_000_000)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SftpPeer]:
    with sftp_serving(SftpPeer(tmp_path)) as serving:
        yield serving


def source(peer: SftpPeer, path: str = "/", secrets: Mapping[str, str] = SECRETS, **config: Any) -> File:
    return File(peer.config(path, **config), secrets)


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, LONG_AGO)
    return path


def read(file: File, path: str, *columns: str, **select: Any) -> list[list[str]]:
    return rows_of(file.read(Extract({"path": path, **select}, columns)))


class TestCsvOverSftp(ConnectorContract):
    @pytest.fixture
    def connector(self, peer: SftpPeer) -> File:
        put(peer.folder, "航班.csv", "代码,名称\nUA,联合\nAA,美国\nDL,达美\n".encode("gb18030"))
        return source(peer)

    @pytest.fixture
    def unreachable(self) -> File:
        return File({"url": "sftp://exports@127.0.0.1:1/", "allow_loopback": True}, {"password": "very-secret"})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "航班.csv"}


def test_pattern_reads_files_in_the_order_of_their_paths_and_follows_links_to_files(peer: SftpPeer) -> None:
    put(peer.folder, "2024/日报-2.csv", b"id\n2\n")
    put(peer.folder, "2024/日报-1.csv", b"id\n1\n")
    put(peer.folder, "2023/日报-9.csv", b"id\n9\n")
    put(peer.folder, "日报-3.csv", b"id\n3\n")
    (peer.folder / "日报-4.csv").symlink_to("日报-3.csv")
    (peer.folder / "日报-5.csv").symlink_to("nowhere")
    (peer.folder / "loop").symlink_to(".")

    assert read(source(peer), "**/日报-*.csv") == [["9"], ["1"], ["2"], ["3"], ["3"]]
    assert read(source(peer), "日报-*.csv") == [["3"], ["3"]]
    assert read(source(peer, "/2024/"), "*.csv") == [["1"], ["2"]]
    assert read(source(peer, "/2024/日报-2.csv"), "") == [["2"]]


def test_only_new_and_changed_files_are_read(peer: SftpPeer) -> None:
    def night(state: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
        found = list(source(peer).read(Extract({"path": "*.csv"}, ("id",), state=state)))
        return [row[0] for row in rows_of(found)], found[-1].state or {}

    put(peer.folder, "1.csv", b"id\n10\n")
    put(peer.folder, "2.csv", b"id\n20\n")
    first, state = night({})
    put(peer.folder, "3.csv", b"id\n30\n")
    os.utime(put(peer.folder, "1.csv", b"id\n11\n"), (1_600_000_001, 1_600_000_001))
    second, state = night(state)
    third, last = night(state)

    assert (first, second, third, last) == (["10", "20"], ["11", "30"], [], state)


def test_file_of_this_very_second_counts_as_changed_the_next_time(peer: SftpPeer) -> None:
    os.utime(put(peer.folder, "1.csv", b"id\n10\n"))
    found = list(source(peer).read(Extract({"path": "*.csv"}, ("id",), state={})))

    assert found[-1].state == {"files": {}}


def test_names_in_another_encoding_are_read_where_the_source_says_so(peer: SftpPeer) -> None:
    name = "日报.csv".encode("gb18030")
    Path(os.fsdecode(os.fsencode(peer.folder) + b"/" + name)).write_bytes(b"id\n1\n")

    with pytest.raises(SourceMissing) as caught:
        read(source(peer), "*.csv")
    assert "filename_encoding" in caught.value.hint
    assert read(source(peer, filename_encoding="gb18030"), "*报.csv") == [["1"]]


def test_private_key_signs_in_and_one_that_is_none_is_not_repeated(peer: SftpPeer) -> None:
    put(peer.folder, "a.csv", b"id\n1\n")
    key = peer.client_key.export_private_key("openssh", "pass-phrase").decode()

    assert read(source(peer, secrets={"private_key": key, "passphrase": "pass-phrase"}), "a.csv") == [["1"]]
    for secrets in ({"private_key": key}, {"private_key": "secret nonsense"}):
        with pytest.raises(SourceRefused) as caught:
            source(peer, secrets=secrets).test()
        assert caught.value.code == "source-private-key"
        assert "secret nonsense" not in str(caught.value)


@pytest.mark.parametrize("form", ["fingerprint", "shown", "line", "known_hosts"])
def test_host_key_is_pinned_in_any_of_the_forms_it_is_told_in(peer: SftpPeer, form: str) -> None:
    forms = {
        "fingerprint": peer.host_key.get_fingerprint(),
        "shown": f"ssh-ed25519 {peer.host_key.get_fingerprint()}",
        "line": peer.public,
        "known_hosts": f"[files.example]:2222 {peer.public}",
    }
    file = source(peer, host_key=forms[form])

    assert faults(File.config_schema, file.config) == ()
    file.test()


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256"])
def test_server_with_several_host_keys_shows_the_one_that_is_pinned(tmp_path: Path, kind: str) -> None:
    peer = SftpPeer(tmp_path, host_key=asyncssh.generate_private_key(kind))
    peer.other_keys = [asyncssh.generate_private_key("ssh-ed25519")]
    with sftp_serving(peer):
        source(peer).test()

    assert len(peer.logins) == 1


@pytest.mark.parametrize("pinned", ["", "another line", "another fingerprint"])
def test_host_key_that_is_not_pinned_is_refused_shown_and_nobody_signs_in(peer: SftpPeer, pinned: str) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    key = {"": "", "another line": other.export_public_key().decode(), "another fingerprint": other.get_fingerprint()}

    with pytest.raises(SourceRefused) as caught:
        source(peer, host_key=key[pinned]).test()
    assert caught.value.code == "source-host-key"
    assert peer.host_key.get_fingerprint() in caught.value.message
    assert peer.logins == []


def test_host_key_that_is_swapped_between_two_runs_is_refused(peer: SftpPeer, tmp_path: Path) -> None:
    put(peer.folder, "a.csv", b"id\n1\n")
    pinned = source(peer)
    assert read(pinned, "a.csv") == [["1"]]
    with sftp_serving(SftpPeer(tmp_path)) as swapped:
        pinned.config = {**pinned.config, "url": swapped.config()["url"]}
        with pytest.raises(SourceRefused) as caught:
            read(pinned, "a.csv")

    assert caught.value.code == "source-host-key"
    assert swapped.logins == []


@pytest.mark.parametrize(
    ("config", "secrets", "path", "kind", "code"),
    [
        ({}, {"password": "wrong-word"}, "a.csv", SourceRefused, "source-refused"),
        ({}, {}, "a.csv", SourceRefused, "source-refused"),
        ({"allow_loopback": False}, SECRETS, "a.csv", SourceRefused, "source-address-refused"),
        ({}, SECRETS, "none.csv", SourceMissing, "source-no-file"),
        ({}, SECRETS, "none/*.csv", SourceMissing, "source-no-file"),
        ({}, SECRETS, "folder", SourceMissing, "source-no-file"),
        ({}, SECRETS, "locked.csv", SourceRefused, "source-refused"),
    ],
)
def test_what_fails_is_told_by_its_code_and_without_secrets(
    tmp_path: Path, config: dict[str, Any], secrets: dict[str, str], path: str, kind: type[SourceError], code: str
) -> None:
    put(tmp_path, "a.csv", b"id\n1\n")
    put(tmp_path, "locked.csv", b"id\n1\n")
    (tmp_path / "folder").mkdir()
    with sftp_serving(SftpPeer(tmp_path), Locked) as peer, pytest.raises(kind) as caught:
        read(source(peer, secrets=secrets, **config), path)

    assert caught.value.code == code
    assert caught.value.hint
    assert "wrong-word" not in str(caught.value)


class Locked(asyncssh.SFTPServer):
    """Lets nobody read what is called so."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if path.endswith(b"locked.csv"):
            raise asyncssh.SFTPPermissionDenied("no")
        return super().open(path, pflags, attrs)


class Growing(asyncssh.SFTPServer):
    """Writes on in a file while it is read."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        with open(file_obj.name, "ab") as more:
            more.write(b"99\n")
        return super().read(file_obj, offset, size)


class Short(asyncssh.SFTPServer):
    """Gives less than it says a file has."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        return super().read(file_obj, offset, size) if offset < 5 and size < 5 else b""


@pytest.mark.parametrize("files", [Growing, Short])
def test_file_that_is_not_the_same_at_the_end_is_told(tmp_path: Path, files: type[asyncssh.SFTPServer]) -> None:
    put(tmp_path, "a.csv", b"id\n1\n" * 10)
    with sftp_serving(SftpPeer(tmp_path), files) as peer, pytest.raises(SourceDown) as caught:
        read(source(peer), "a.csv")

    assert caught.value.code == "source-changed"


class Tricks(asyncssh.SFTPServer):
    """Lists names that lead elsewhere, and never comes to an end."""

    async def scandir(self, path: bytes) -> Any:
        about = asyncssh.SFTPAttrs(type=asyncssh.FILEXFER_TYPE_REGULAR, permissions=0o100644, size=1, mtime=1)
        for name in (b"../../etc/passwd.csv", b"/etc/passwd.csv", b"..", b"."):
            yield asyncssh.SFTPName(name, attrs=about)
        number = 0
        while True:
            number += 1
            yield asyncssh.SFTPName(b"%d.txt" % number, attrs=about)


def test_names_that_lead_elsewhere_are_none_and_a_listing_without_end_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_FILES", 100)
    with sftp_serving(SftpPeer(tmp_path), Tricks) as peer, pytest.raises(SourceMalformed) as caught:
        read(source(peer), "**/*.csv")

    assert caught.value.code == "source-too-many-files"


def test_file_beyond_all_measure_is_not_fetched(peer: SftpPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_FILE", 10)
    put(peer.folder, "a.csv", b"id\n1234567\n")

    with pytest.raises(SourceMalformed) as caught:
        read(source(peer), "a.csv")
    assert caught.value.code == "source-too-large"


class Stalled(asyncssh.SFTPServer):
    """Takes for ever over a file."""

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        await asyncio.sleep(600)
        return b""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the server's file stays open
def test_server_that_falls_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "QUIET_SECONDS", 0.3)
    put(tmp_path, "a.csv", b"id\n1\n")
    with sftp_serving(SftpPeer(tmp_path), Stalled) as peer:
        began = time.monotonic()
        with pytest.raises(SourceDown):
            read(source(peer), "a.csv")

    assert time.monotonic() - began < 20


def test_greeting_that_only_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "LOGIN_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    for _ in range(1000):
                        connection.sendall(b"S")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = Thread(target=drip)
        thread.start()
        url = f"sftp://exports@127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(SourceDown):
            File({"url": url, "allow_loopback": True}, SECRETS).test()
        thread.join()
