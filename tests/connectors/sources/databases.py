"""Databases as sources: a PostgreSQL, a MariaDB and a file of SQLite, with a table ``things`` each."""

import os
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pymysql
import pytest

from tests import mariadb
from tests.connectors.sources.content import Content, Peer


def _literal(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"


def _without_zone(value: str | None) -> str:
    """A time as databases write it that know of no zones."""
    is_time = value is not None and value.startswith("20") and value.endswith("Z")
    return _literal(value.replace("T", " ").removesuffix("Z") if value is not None and is_time else value)


class Database(Peer):
    """One transaction for each change, so that whoever reads meanwhile sees all of it or nothing."""

    is_incremental: ClassVar[bool] = True
    types: ClassVar[dict[str, str]]

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.select = {"table": "things"}
        self._columns: object = None
        self._is_cut = False

    def put(self, content: Content) -> None:
        if self._is_cut:
            self.run(["DROP VIEW things", "ALTER TABLE kept RENAME TO things"])
            self._is_cut = False
        # A table that is dropped waits for its readers, rows do not.
        emptied = ["BEGIN", "DELETE FROM things"]
        if self._columns != content.columns:
            columns = ", ".join(f"{name} {self.types[type_]}" for name, type_ in content.columns.items())
            emptied = ["DROP TABLE IF EXISTS things", f"CREATE TABLE things ({columns})", "BEGIN"]
        rows = ", ".join("(" + ", ".join(map(self.literal, row)) + ")" for row in content.rows)
        self.run([*emptied, f"INSERT INTO things VALUES {rows}" if rows else "", "COMMIT"])
        self._columns = dict(content.columns)

    @abstractmethod
    def run(self, statements: Iterable[str]) -> None: ...

    def cut_at(self, row: str) -> None:
        """From now on the row in the middle is one that does not come before ``row`` has been worked out."""
        view = f"CREATE VIEW things AS SELECT * FROM kept WHERE id <> '100' OR {row}"
        self.run(["ALTER TABLE things RENAME TO kept", view])
        self._is_cut = True

    def literal(self, value: str | None) -> str:
        return _without_zone(value)


class Postgres(Database):
    kind: ClassVar[str] = "postgres"
    types: ClassVar[dict[str, str]] = {"text": "text", "time": "timestamptz"}

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        server = request.getfixturevalue("server_settings")
        self._execute: Callable[[str], None] = request.getfixturevalue("execute")
        where = {"host": server["host"], "port": int(server["port"]), "user": server["user"]}
        self.config |= {**where, "database": request.getfixturevalue("database")}
        self.secrets = {"password": server["password"]}

    def run(self, statements: Iterable[str]) -> None:
        self._execute(";".join(statements))

    def literal(self, value: str | None) -> str:
        return _literal(value)

    def cut(self) -> None:
        self.cut_at("pg_terminate_backend(pg_backend_pid())")


class Mysql(Database):
    kind: ClassVar[str] = "mysql"
    types: ClassVar[dict[str, str]] = {"text": "varchar(99)", "time": "datetime"}

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        server = request.getfixturevalue("mariadb_server")
        self._execute: Callable[..., None] = request.getfixturevalue("in_mariadb")
        self._socket = server.admin.unix_socket
        self._killing: Thread | None = None
        self.config |= {"host": "127.0.0.1", "port": server.port, "database": "registry", "user": "hub_reader"}
        self.secrets = {"password": mariadb.PASSWORD}

    def run(self, statements: Iterable[str]) -> None:
        self._execute(*filter(None, statements))

    def cut(self) -> None:
        self._execute("GRANT SHOW VIEW ON registry.* TO hub_reader@'%'")
        self.cut_at("sleep(60) = 0")
        self._killing = Thread(target=self._kill)
        self._killing.start()

    def put(self, content: Content) -> None:
        if self._killing is not None:
            self._killing.join()
        super().put(content)

    def _kill(self) -> None:
        """The connection that has come to that row."""
        halted = "SELECT id FROM information_schema.processlist WHERE user = 'hub_reader' AND state = 'User sleep'"
        ends = time.monotonic() + 30
        with closing(pymysql.connect(unix_socket=self._socket, user="root")) as own, own.cursor() as cursor:
            while not cursor.execute(halted) and time.monotonic() < ends:
                time.sleep(0.02)
            cursor.execute("KILL %s", cursor.fetchone())


class MariadbBySqlalchemy(Mysql):
    kind: ClassVar[str] = "sql"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.config["dialect"] = "mysql+pymysql"


class Sqlite(Database):
    """Whoever reads sees the state of the file at its beginning, as it writes ahead into a log."""

    kind: ClassVar[str] = "sql"
    types: ClassVar[dict[str, str]] = {"text": "text", "time": "timestamp"}
    cut_as: ClassVar[frozenset[str]] = frozenset({"source-query"})

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        folder: Path = request.getfixturevalue("folder")
        self._path = folder / "registry.db"
        self.config |= {"dialect": "sqlite", "database": str(self._path)}

    def run(self, statements: Iterable[str]) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(";".join(statements))

    def cut(self) -> None:
        """The table's first page is whole, the others are not."""
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with self._path.open("r+b") as file:
            file.seek(3 * 4096)
            file.write(os.urandom(self._path.stat().st_size - file.tell()))
        self._columns = None

    def put(self, content: Content) -> None:
        if self._columns is None:
            for path in self._path.parent.glob("registry.db*"):
                path.unlink()
        super().put(content)
