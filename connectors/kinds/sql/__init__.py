"""The kind ``sql``: tables and queries of any database that SQLAlchemy has a dialect for, read only, row by row."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.base import LIMITS_SCHEMA, Batch, CannotResume, Connector, Extract, Found, JsonSchema, Limits
from connectors.batches import batches
from connectors.columns import field_names, picks
from connectors.fetching.disk import Disk
from connectors.fetching.reach import Reach
from connectors.kinds.sql.relations import (
    AT_ONCE,
    FILES,
    can_go_on,
    columns_of,
    found,
    from_on,
    name_of,
    records,
    statement,
)
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused

# What drivers would do by themselves: send files of this machine to a server that asks, look for passwords in them.
_SAFE: Final[Mapping[str, Mapping[str, Any]]] = {
    "pymysql": {"local_infile": False},
    "mysqldb": {"local_infile": 0},
    "mysqlconnector": {"allow_local_infile": False},
    "psycopg2": {"passfile": os.devnull},
    "psycopg": {"passfile": os.devnull},
}


class Sql(Connector):
    """Somebody else's database, read only, through its SQLAlchemy dialect."""

    kind: ClassVar[str] = "sql"
    title: ClassVar[str] = "Another SQL database"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["dialect", "database"],
        "properties": {
            "dialect": {
                "description": "SQLAlchemy's name of dialect and driver, such as mssql+pymssql or oracle+oracledb; the "
                "driver must be installed beside the hub. sqlite reads a file.",
                "type": "string",
                "pattern": "^[a-z0-9_]+(\\+[a-z0-9_]+)?$",
            },
            "host": {"description": "The server's name or address.", "type": "string", "pattern": "^[^,/?@]+$"},
            "port": {"description": "The server's port.", "type": "integer", "minimum": 1, "maximum": 65535},
            "database": {
                "description": "The database's name; for sqlite the file, below one of HUB_FILE_ROOTS.",
                "type": "string",
                "pattern": "^[^?]+$",
            },
            "user": {"description": "Whom to sign in as; it needs SELECT only.", "type": "string", "minLength": 1},
            **LIMITS_SCHEMA,
        },
        "if": {"properties": {"dialect": {"pattern": "^sqlite"}}},
        "then": {"not": {"anyOf": [{"required": ["host"]}, {"required": ["port"]}, {"required": ["user"]}]}},
        "else": {"required": ["host", "port", "user"]},
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"password": {"description": "The user's password.", "type": "string"}},
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "schema": {"description": "The table's schema; by default the user's own.", "type": "string"},
            "table": {"description": "The table or view to read.", "type": "string", "minLength": 1},
            "query": {"description": "A SELECT to read instead of a table.", "type": "string", "minLength": 1},
        },
        "oneOf": [{"required": ["table"]}, {"required": ["query"], "not": {"required": ["schema"]}}],
    }

    def test(self) -> None:
        with self._connected() as connection:
            connection.execute(sa.select(sa.literal(1)))

    def discover(self) -> Iterator[Found]:
        """All tables and views of the user's own schema; one that cannot be sampled is left out."""
        with self._connected() as connection:
            about = sa.inspect(connection)
            for table in sorted([*about.get_table_names(), *about.get_view_names()]):
                with suppress(SQLAlchemyError):
                    yield found(connection, {"table": table})

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._connected(select) as connection:
            return found(connection, select)

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        return True

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._connected(extract.select) as connection:
            offered = columns_of(connection, extract.select)
            titles, where = tuple(column.title for column in offered), name_of(extract.select)
            places = picks(extract.columns or titles, titles, where)
            selected = statement([offered[place] for place in places], extract.select)
            resume, ordered = extract.resume or {}, None
            if extract.cursor is not None:
                (at,) = picks((extract.cursor,), titles, where)
                dialect = connection.dialect.name
                selected = from_on(selected, offered[at], extract.since, resume, dialect)
                ordered = places.index(at) if at in places and can_go_on(offered[at], dialect) else None
            if ordered is None and resume:
                raise CannotResume
            names = extract.columns or field_names(titles)
            had = dict.fromkeys(field_names(titles), "")
            rows = connection.execution_options(stream_results=True, max_row_buffer=AT_ONCE).execute(selected)
            for batch in batches(names, records(rows, ordered, resume), most=extract.most):
                yield replace(batch, offered=had)

    @contextmanager
    def _connected(self, select: Mapping[str, Any] | None = None) -> Iterator[sa.Connection]:
        engine = self._engine()
        try:
            with self._opened(engine) as connection, connection.begin() as transaction:
                try:
                    yield connection
                finally:
                    with suppress(SQLAlchemyError):
                        transaction.rollback()
        except NoSuchTableError as error:
            raise SourceMissing(
                f"{name_of(select or {})} does not exist.", code="source-no-table", hint="Check the stream's select."
            ) from error
        except SQLAlchemyError as error:
            raise self._explained(error, select) from error
        finally:
            engine.dispose()

    @contextmanager
    def _opened(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            connection = engine.connect()
        except SQLAlchemyError as error:
            raise SourceDown(
                f"No connection to {self._server()} came about.",
                hint="Check host, port, user and password, and that the server lets the hub's machine in; the next run "
                "tries again by itself.",
            ) from error
        with connection:
            yield connection

    def _engine(self) -> sa.Engine:
        """To the address that was allowed, with no option beside those of the schema: drivers' options read files."""
        dialect = self.config["dialect"]
        try:
            url = self._url()
            safe = _SAFE.get(url.get_driver_name(), {})
            return sa.create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=safe)
        except (NoSuchModuleError, ModuleNotFoundError, ImportError) as error:
            known = sorted({entry.name for entry in entry_points(group="sqlalchemy.dialects")})
            raise SourceMalformed(
                f"No driver for {dialect} is installed beside the hub.",
                code="source-no-driver",
                hint="Install the package that brings it"
                + (f"; beside SQLAlchemy's own there are: {', '.join(known)}." if known else "."),
            ) from error

    def _url(self) -> sa.URL:
        if self.config["dialect"].partition("+")[0] == FILES:
            path = os.path.realpath(self.config["database"])
            Disk({"url": Path(path).as_uri()}, {}).test()
            return sa.URL.create("sqlite", database=Path(path).as_uri(), query={"mode": "ro", "uri": "true"})
        host, port = self.config["host"], self.config["port"]
        return sa.URL.create(
            self.config["dialect"],
            self.config["user"],
            self.secrets.get("password"),
            # Drivers resolve names themselves: they are given the address that was allowed.
            Reach(host, port, Limits.of(self.config)).addresses(host, port)[0],
            port,
            self.config["database"],
        )

    def _server(self) -> str:
        if "host" not in self.config:
            return str(self.config["database"])
        return f"{self.config['dialect']} at {self.config['host']} port {self.config['port']}"

    def _explained(self, error: SQLAlchemyError, select: Mapping[str, Any] | None) -> SourceError:
        """The server's own words could show data and are not repeated."""
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return SourceDown(
                f"The connection to {self._server()} broke off.",
                hint="Nothing was loaded; the next run tries again by itself.",
            )
        where = name_of(select) if select else self._server()
        return SourceRefused(
            f"{self._server()} did not give {where}: {type(error).__name__}.",
            code="source-query",
            hint="Try the stream's select in a client of that database, as the source's user.",
        )
