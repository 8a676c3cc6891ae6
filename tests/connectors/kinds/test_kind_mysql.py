"""Reading other people's MySQL and MariaDB, from a real server and from one that lies."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils.timezone import now

from connectors.base import Extract
from connectors.kinds.mysql import Mysql
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused
from tests import mariadb
from tests.connectors.kinds.conftest import InMariadb

TYPES = """
    CREATE TABLE things (i bigint unsigned, f float, d double, n decimal(40,10), b bit(3), day date, at datetime(6),
                         ts timestamp(3) NULL, t time, y year, s varchar(50), bytes varbinary(8), e enum('甲','乙'))
"""


@pytest.fixture
def config(mariadb_server: mariadb.Server) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": mariadb_server.port,
        "database": "registry",
        "user": "hub_reader",
        "allow_loopback": True,
    }


@pytest.fixture
def mysql(config: dict[str, Any]) -> Mysql:
    return Mysql(config, {"password": mariadb.PASSWORD})


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, mysql: Mysql, in_mariadb: InMariadb) -> Mysql:
        in_mariadb(
            "CREATE TABLE flights (flight integer PRIMARY KEY, carrier text, delay decimal(9,1), at datetime)",
            "INSERT INTO flights SELECT seq, 'UA', seq + 0.5, '2013-01-01' FROM seq_1_to_10",
        )
        return mysql

    @pytest.fixture
    def unreachable(self, config: dict[str, Any]) -> Mysql:
        return Mysql({**config, "port": 1}, {"password": mariadb.PASSWORD})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"table": "flights"}


def test_values_come_as_the_hub_writes_them(mysql: Mysql, in_mariadb: InMariadb) -> None:
    in_mariadb(
        TYPES,
        "SET time_zone = '-05:00'",
        "INSERT INTO things VALUES (18446744073709551615, 0.1, 0.1, 123456789012345678901234567890.1234567890, b'101',"
        " '2013-01-01', '2013-01-01 05:00:00.123456', '2013-01-01 00:00:00.5', '08:30:00', 2013, 'tab\\t数据\\\\ \\n',"
        " x'00ff', '乙')",
        "INSERT INTO things (i) VALUES (NULL)",
    )

    (batch,) = mysql.read(Extract({"table": "things"}))

    assert batch.copy.decode().split("\n") == [
        "18446744073709551615\t0.10000000149011612\t0.1\t123456789012345678901234567890.1234567890\t5\t2013-01-01"
        "\t2013-01-01 05:00:00.123456\t2013-01-01 05:00:00.500Z\t08:30:00\t2013\ttab\\t数据\\\\ \\n\t\\\\x00ff\t乙",
        "\t".join(["\\N"] * 13),
        "",
    ]
    assert [column.type for column in mysql.describe({"table": "things"}).columns] == [
        "integer", "number", "number", "decimal", "integer", "date", "datetime", "datetime", "time", "integer",
        "string", "string", "string",
    ]  # fmt: skip


def test_table_tells_its_key_and_what_it_requires(mysql: Mysql, in_mariadb: InMariadb) -> None:
    in_mariadb("CREATE TABLE `编 号` (`b``x` integer, `a` integer, c text, PRIMARY KEY (a, `b``x`))")

    (found,) = mysql.discover()

    assert (found.name, found.primary_key) == ("编 号", ("a", "b_x"))
    assert [(column.name, column.required) for column in found.columns] == [("b_x", True), ("a", True), ("c", False)]
    assert mysql.describe({"table": "编 号"}).primary_key == ("a", "b_x")


def test_cursor_gives_what_is_new_with_its_ties_and_without_a_value_last(mysql: Mysql, in_mariadb: InMariadb) -> None:
    in_mariadb(
        "CREATE TABLE log (id integer, at datetime)",
        "INSERT INTO log VALUES (3, '2020-01-02'), (1, '2020-01-01'), (2, '2020-01-02'), (4, '2020-01-03'), (5, NULL)",
    )
    select, names = {"table": "log"}, ("id", "at")

    everything = rows_of(mysql.read(Extract(select, names, cursor="at")))
    since = rows_of(mysql.read(Extract(select, names, cursor="at", since="2020-01-02 00:00:00")))

    assert everything[0][0] == "1"
    assert everything[-1] == ["5", "\\N"]
    assert {row[0] for row in since} == {"2", "3", "4"}


def test_cursor_of_a_query_with_per_cent_signs(mysql: Mysql, in_mariadb: InMariadb) -> None:
    in_mariadb(
        "CREATE TABLE log (id integer, `%s` varchar(9))", "INSERT INTO log VALUES (1, 'a%'), (2, 'ab'), (3, 'b')"
    )
    extract = Extract({"query": "SELECT * FROM log WHERE `%s` LIKE 'a%'"}, ("id", "%s"), cursor="%s", since="a%")

    assert rows_of(mysql.read(extract)) == [["1", "a%"], ["2", "ab"]]


def test_row_with_nul_is_kept_out_and_the_others_come(mysql: Mysql, in_mariadb: InMariadb) -> None:
    in_mariadb("CREATE TABLE t (id integer, s text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b\\0c'), (3, 'd')")

    (batch,) = mysql.read(Extract({"table": "t"}))

    assert batch.copy == b"1\ta\n3\td\n"
    assert [(reject.code, reject.cells) for reject in batch.rejects] == [("nul", ("2\tb\0c",))]


@pytest.mark.parametrize("length", [2, 250, 251, 65_535, 65_536, (1 << 24) - 5, 1 << 24])
def test_row_of_any_length_comes_whole(mysql: Mysql, in_mariadb: InMariadb, length: int) -> None:
    """Its length is written in one of four ways, and from 16 MiB on it comes in several packets."""
    in_mariadb("SET GLOBAL max_allowed_packet = 1 << 27")
    query = f"SELECT 1 AS n, REPEAT('x', {length - 2}) AS s UNION ALL SELECT 2, 'y'"

    found = b"".join(batch.copy for batch in mysql.read(Extract({"query": query})))

    assert found == b"1\t" + b"x" * (length - 2) + b"\n2\ty\n"


def test_closing_early_does_not_read_the_rest(mysql: Mysql, in_mariadb: InMariadb) -> None:
    reading = mysql.read(Extract({"query": "SELECT seq, REPEAT('x', 1000) AS s FROM seq_1_to_1000000000"}))

    next(reading)
    began = time.monotonic()
    reading.close()  # type: ignore[attr-defined]

    assert time.monotonic() - began < 20


def test_error_in_the_middle_of_the_rows_is_told(mysql: Mysql, in_mariadb: InMariadb) -> None:
    query = "SELECT seq, IF(seq = 5000, (SELECT 1 UNION SELECT 2), 1) AS n FROM seq_1_to_9999"

    with pytest.raises(SourceError):
        list(mysql.read(Extract({"query": query})))


@pytest.mark.parametrize(
    ("change", "select", "error", "code"),
    [
        ({"database": "other"}, {"table": "t"}, SourceRefused, "source-refused"),
        ({"user": "nobody"}, {"table": "t"}, SourceRefused, "source-refused"),
        ({}, {"table": "none"}, SourceMissing, "source-no-table"),
        ({}, {"query": "SELECT FROM"}, SourceMalformed, "source-query"),
        ({}, {"query": "SELECT 1 AS a, 2 AS a"}, SourceMalformed, "source-duplicate-column"),
        ({"host": "127.0.0.1", "allow_loopback": False}, {"table": "t"}, SourceRefused, "source-address-refused"),
        ({"sslmode": "verify-full"}, {"table": "t"}, SourceDown, "source-certificate"),
    ],
)
def test_what_is_wrong_is_said(
    config: dict[str, Any],
    in_mariadb: InMariadb,
    change: dict[str, Any],
    select: dict[str, Any],
    error: type[SourceError],
    code: str,
) -> None:
    in_mariadb("CREATE TABLE t (id integer)")

    with pytest.raises(error) as caught:
        list(Mysql({**config, **change}, {"password": mariadb.PASSWORD}).read(Extract(select)))

    assert caught.value.code == code
    assert caught.value.hint
    assert mariadb.PASSWORD not in str(caught.value)


def test_nothing_can_be_written(mysql: Mysql, mariadb_server: mariadb.Server, in_mariadb: InMariadb) -> None:
    in_mariadb("CREATE TABLE t (id integer)", "GRANT ALL ON registry.* TO hub_reader@'%'")
    try:
        with (
            mysql._connected(5) as connection,
            connection.cursor() as cursor,
            pytest.raises(Exception, match="READ ONLY"),
        ):
            cursor.execute("INSERT INTO t VALUES (1)")
    finally:
        in_mariadb("REVOKE ALL ON registry.* FROM hub_reader@'%'", "GRANT SELECT ON registry.* TO hub_reader@'%'")


DAY = timedelta(days=1)
OK = b"\0\0\0\x02\0\0\0"


def _packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def _greeting(plugin: bytes, *, is_encrypted: bool) -> bytes:
    flags = 0x00080000 | 0x8000 | 0x0200 | 0x0001 | (0x0800 if is_encrypted else 0)  # plugins, secure connection, 4.1
    return (
        b"\x0a5.7.1-rogue\0" + struct.pack("<I", 1) + b"12345678\0" + struct.pack("<H", flags & 0xFFFF) + b"\x2d"
        + struct.pack("<HH", 2, flags >> 16) + b"\x15" + b"\0" * 10 + b"123456789012\0" + plugin + b"\0"
    )  # fmt: skip


class Rogue:
    """A server that asks for what it should not have, and notes what it is told."""

    def __init__(self, plugin: bytes, answer: bytes, encrypting: ssl.SSLContext | None = None) -> None:
        self.heard = b""
        self._encrypting = encrypting
        self._plugin, self._answer = plugin, answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listening.accept()
        with ExitStack() as stack, suppress(OSError):  # whoever finds out hangs up
            stack.enter_context(client)
            client.settimeout(5)
            client.sendall(_packet(0, _greeting(self._plugin, is_encrypted=self._encrypting is not None)))
            number = 2
            if self._encrypting is not None:
                client.recv(4 + 32)  # that it wants to
                client = self._encrypting.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
                stack.enter_context(client)
                client.do_handshake()
                number = 3
            self.heard += client.recv(4096)
            client.sendall(_packet(number, self._answer))
            while heard := client.recv(4096):
                self.heard += heard
                client.sendall(_packet(1, OK if heard[5:8] == b"SET" else b"\xfb/etc/passwd"))

    def close(self) -> None:
        self._listening.close()
        self._thread.join(5)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (OK, "source-hostile"),  # in, and then a statement asks for a file
        (b"\xfemysql_clear_password\0", "source-certificate"),  # the password, as it is
        (b"\xfemysql_old_password\0", "source-certificate"),
    ],
)
def test_rogue_server_gets_neither_files_nor_the_password(config: dict[str, Any], answer: bytes, code: str) -> None:
    with closing(Rogue(b"mysql_native_password", answer)) as rogue, pytest.raises(SourceError) as caught:
        Mysql({**config, "port": rogue.port}, {"password": mariadb.PASSWORD}).test()

    assert caught.value.code == code
    assert b"root:" not in rogue.heard
    assert mariadb.PASSWORD.encode() not in rogue.heard


@pytest.fixture(scope="module")
def anybody(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Encryption under a certificate that nobody has signed but its owner."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now() - DAY, now() + DAY).sign(key, hashes.SHA256())
    file = tmp_path_factory.mktemp("rogue") / "pem"
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*plain) + made.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("sslmode", ["prefer", "require", "verify-full"])
def test_password_as_it_is_goes_to_nobody_whose_certificate_was_not_looked_at(
    config: dict[str, Any], anybody: ssl.SSLContext, sslmode: str
) -> None:
    asking = b"\xfemysql_clear_password\0"
    with closing(Rogue(b"mysql_native_password", asking, anybody)) as rogue, pytest.raises(SourceError) as caught:
        Mysql({**config, "port": rogue.port, "sslmode": sslmode}, {"password": mariadb.PASSWORD}).test()

    assert caught.value.code == "source-certificate"
    assert bool(rogue.heard) == (sslmode != "verify-full")
    assert mariadb.PASSWORD.encode() not in rogue.heard
