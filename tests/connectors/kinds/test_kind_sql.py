"""Reading databases through SQLAlchemy: a file of SQLite, and a PostgreSQL as one among many dialects."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Extract
from connectors.kinds.sql import Sql
from connectors.registry import faults
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceError
from tests import mariadb
from tests.connectors.kinds.conftest import InMariadb

Execute = Callable[[str], None]
FLIGHTS = "CREATE TABLE flights (flight integer PRIMARY KEY, carrier text NOT NULL, delay numeric(9, 1), at timestamp)"


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Execute]:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "registry.db", isolation_level=None)) as connection:
        yield connection.executescript


@pytest.fixture
def sqlite(tmp_path: Path, execute: Execute) -> Sql:
    return Sql({"dialect": "sqlite", "database": str(tmp_path / "registry.db")}, {})


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, sqlite: Sql, execute: Execute) -> Sql:
        execute(FLIGHTS)
        execute("INSERT INTO flights VALUES (1, 'UA', 1.5, '2013-01-01'), (2, 'AA', NULL, NULL), (3, 'B6', 2, NULL)")
        return sqlite

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Sql:
        return Sql({"dialect": "sqlite", "database": str(tmp_path / "none.db")}, {})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"table": "flights"}


class TestContractOnMariadb(ConnectorContract):
    """What a driver with a server of its own does, beside the kind that is made for it."""

    @pytest.fixture
    def connector(self, config: dict[str, Any], in_mariadb: InMariadb) -> Sql:
        in_mariadb(FLIGHTS, "INSERT INTO flights SELECT seq, 'UA', seq + 0.5, '2013-01-01' FROM seq_1_to_10")
        return Sql(config, {"password": mariadb.PASSWORD})

    @pytest.fixture
    def unreachable(self, config: dict[str, Any]) -> Sql:
        return Sql({**config, "port": 1}, {"password": mariadb.PASSWORD})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"table": "flights"}


@pytest.fixture
def config(mariadb_server: mariadb.Server) -> dict[str, Any]:
    return {
        "dialect": "mysql+pymysql",
        "host": "127.0.0.1",
        "port": mariadb_server.port,
        "database": "registry",
        "user": "hub_reader",
        "allow_loopback": True,
    }


def test_values_come_as_the_hub_writes_them(config: dict[str, Any], in_mariadb: InMariadb) -> None:
    in_mariadb(
        "CREATE TABLE things (i bigint, f double, n decimal(40,10), day date, at datetime(6), s varchar(50), b blob)",
        "INSERT INTO things VALUES (9223372036854775807, 0.1, 123456789012345678901234567890.1234567890, '2013-01-01',"
        " '2013-01-01 05:00:00.123456', 'tab\\t数据\\\\ \\n', x'00ff'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    connector = Sql(config, {"password": mariadb.PASSWORD})

    first, second = rows_of(connector.read(Extract({"table": "things"})))

    assert first == [
        "9223372036854775807", "0.1", "123456789012345678901234567890.1234567890", "2013-01-01",
        "2013-01-01 05:00:00.123456", "tab\\t数据\\\\ \\n", "\\\\x00ff",
    ]  # fmt: skip
    assert second == ["\\N"] * 7
    assert [column.type for column in connector.describe({"table": "things"}).columns] == [
        "integer", "number", "decimal", "date", "datetime", "string", "string"
    ]  # fmt: skip


def test_cursor_gives_what_is_new_with_its_ties(sqlite: Sql, execute: Execute) -> None:
    execute(FLIGHTS)
    execute(
        "INSERT INTO flights VALUES (3, 'a', 1, '2020-01-02'), (1, 'a', 1, '2020-01-01'), (2, 'a', 1, '2020-01-02'),"
        " (4, 'a', 1, '2020-01-03')"
    )
    extract = Extract({"table": "flights"}, ("flight",), cursor="flight", since="2")

    assert rows_of(sqlite.read(extract)) == [["2"], ["3"], ["4"]]


def test_query_with_per_cent_signs_on_a_driver_that_counts_by_them(
    config: dict[str, Any], in_mariadb: InMariadb
) -> None:
    in_mariadb("CREATE TABLE log (id integer, s varchar(9))", "INSERT INTO log VALUES (1, 'a%'), (2, 'ab'), (3, 'b')")
    extract = Extract({"query": "SELECT * FROM log WHERE s LIKE 'a%'"}, ("id",), cursor="id", since="2")

    assert rows_of(Sql(config, {"password": mariadb.PASSWORD}).read(extract)) == [["2"]]


@pytest.mark.parametrize("name", ["a%2e%2e.db", "数据 #1.db", "%2e%2e%2fregistry.db"])
def test_file_is_the_one_that_was_looked_at(execute: Execute, tmp_path: Path, name: str) -> None:
    """SQLite reads ``%2e%2e%2f`` in an address as a way out of the folder."""
    (tmp_path / "inside").mkdir()
    execute("CREATE TABLE outside (id integer)")
    with closing(sqlite3.connect(tmp_path / "inside" / name)) as connection:
        connection.execute("CREATE TABLE inside (id integer)")

    found = list(Sql({"dialect": "sqlite", "database": str(tmp_path / "inside" / name)}, {}).discover())

    assert [one.name for one in found] == ["inside"]


def test_query_gives_what_the_table_would_not(sqlite: Sql, execute: Execute) -> None:
    execute(FLIGHTS)
    execute("INSERT INTO flights VALUES (1, 'a:b', 1, NULL), (2, 'c', 1, NULL)")
    query = "SELECT carrier, count(*) AS n FROM flights WHERE carrier <> ':x' GROUP BY 1 ORDER BY 1 -- end"

    assert rows_of(sqlite.read(Extract({"query": query}))) == [["a:b", "1"], ["c", "1"]]
    assert [column.type for column in sqlite.describe({"query": query}).columns] == ["string", "integer"]


@pytest.mark.parametrize(
    ("change", "select", "code"),
    [
        (
            {"dialect": "oracle+oracledb", "host": "db.example", "port": 1521, "user": "u"},
            {"table": "t"},
            "source-unknown-host",
        ),
        ({"database": "/etc/passwd"}, {"table": "t"}, "source-outside-roots"),
        ({}, {"table": "none"}, "source-no-table"),
        ({}, {"query": "SELECT FROM"}, "source-query"),
        ({}, {"query": "DELETE FROM t"}, "source-query"),
    ],
)
def test_what_is_wrong_is_said(
    sqlite: Sql, execute: Execute, change: dict[str, Any], select: dict[str, Any], code: str
) -> None:
    execute("CREATE TABLE t (id integer); INSERT INTO t VALUES (1)")

    with pytest.raises(SourceError) as caught:
        list(Sql({**sqlite.config, **change}, {}).read(Extract(select)))

    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert rows_of(sqlite.read(Extract({"table": "t"}))) == [["1"]]


def test_driver_that_is_not_there_is_named(config: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        Sql({**config, "dialect": "mssql+pymssql"}, {}).test()

    assert caught.value.code == "source-no-driver"
    assert "mssql+pymssql" in caught.value.message


@pytest.mark.parametrize("database", ["registry?local_infile=1", "x?service=other"])
def test_no_option_of_a_driver_can_be_set(config: dict[str, Any], database: str) -> None:
    assert faults(Sql.config_schema, {**config, "database": database})
    assert faults(Sql.config_schema, {**config, "options": {"local_infile": 1}})
    assert faults(Sql.config_schema, {"dialect": "sqlite", "database": "/x", "host": "h"})
