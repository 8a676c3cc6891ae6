"""The kind ``mysql``: tables and queries of somebody else's MySQL or MariaDB, read only, as ``COPY`` text."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, ClassVar, Final

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, ER

from connectors.base import LIMITS_SCHEMA, Batch, CannotResume, Connector, Extract, Found, JsonSchema, Limits
from connectors.batches import batches
from connectors.columns import field_names, picks
from connectors.fetching.reach import Reach
from connectors.kinds.mysql.relations import TABLES, can_go_on, columns_of, found, from_on, lines, name_of, statement
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused

_CONNECT_SECONDS: Final = 10
_SAMPLE_SECONDS: Final = 10
_READ_SECONDS: Final = 4 * 3600
_SILENT_SECONDS: Final = 600


class Mysql(Connector):
    """Somebody else's MySQL or MariaDB database, read only."""

    kind: ClassVar[str] = "mysql"
    title: ClassVar[str] = "MySQL or MariaDB"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["host", "database", "user"],
        "properties": {
            "host": {"description": "The server's name or address.", "type": "string", "pattern": "^[^,/]+$"},
            "port": {
                "description": "The server's port.",
                "type": "integer",
                "minimum": 1,
                "maximum": 65535,
                "default": 3306,
            },
            "database": {"description": "The database's name.", "type": "string", "minLength": 1},
            "user": {"description": "Whom to sign in as; it needs SELECT only.", "type": "string", "minLength": 1},
            "sslmode": {
                "description": "Whether the connection is encrypted, and the server's certificate verified: only "
                "verify-full keeps the password from whoever answers in the server's place.",
                "enum": ["disable", "prefer", "require", "verify-full"],
                "default": "prefer",
            },
            **LIMITS_SCHEMA,
        },
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
            "table": {"description": "The table or view to read.", "type": "string", "minLength": 1},
            "query": {"description": "A SELECT to read instead of a table.", "type": "string", "minLength": 1},
        },
        "oneOf": [{"required": ["table"]}, {"required": ["query"]}],
    }

    def test(self) -> None:
        with self._connected(_SAMPLE_SECONDS) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def discover(self) -> Iterator[Found]:
        """All tables and views the user may read; one that cannot be sampled in time is shown without rows."""
        with self._connected(_SAMPLE_SECONDS) as connection:
            with connection.cursor() as cursor:
                cursor.execute(TABLES + " ORDER BY 1")
                tables = cursor.fetchall()
            for table, key in tables:
                with suppress(pymysql.MySQLError):
                    yield found(connection, {"table": table}, (key or "").split("\n") if key else ())

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._connected(_SAMPLE_SECONDS, select) as connection:
            key: list[str] = []
            if "table" in select:
                with connection.cursor() as cursor:
                    cursor.execute(TABLES + " AND t.table_name = %s", (select["table"],))
                    key = [name for _, names in cursor.fetchall() if names for name in names.split("\n")]
            return found(connection, select, key)

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        return True

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._connected(_READ_SECONDS, extract.select) as connection:
            offered = columns_of(connection, extract.select)
            titles, where = tuple(column.title for column in offered), name_of(extract.select)
            places = picks(extract.columns or titles, titles, where)
            words, resume = statement([offered[place] for place in places], extract.select), extract.resume or {}
            values: list[str] = []
            ordered = None
            if extract.cursor is not None:
                (at,) = picks((extract.cursor,), titles, where)
                words, values = from_on(words, offered[at], extract.since, resume.get("after"))
                ordered = places.index(at) if at in places and can_go_on(offered[at]) else None
            if ordered is None and resume:
                raise CannotResume
            had = dict(zip(field_names(titles), (column.type for column in offered), strict=True))
            names = extract.columns or field_names(titles)
            for batch in batches(names, lines(connection, words, values, ordered, resume), most=extract.most):
                yield replace(batch, positioned=False, offered=had)

    @contextmanager
    def _connected(self, seconds: int, select: Mapping[str, Any] | None = None) -> Iterator[Connection]:
        connection = self._connect()
        try:
            _prepare(connection, seconds)
            yield connection
        except (pymysql.ProgrammingError, pymysql.OperationalError, pymysql.InternalError) as error:
            raise self._explained(error, select or {}) from error
        except (pymysql.MySQLError, OSError) as error:
            raise self._broken() from error
        except RuntimeError as error:
            raise self._hostile(error) from error
        finally:
            connection.close() if connection.open else None

    def _connect(self) -> Connection:
        host, port = self.config["host"], self.config.get("port", 3306)
        address = Reach(host, port, Limits.of(self.config)).addresses(host, port)[0]
        connection = _Strict(
            host=host,
            port=port,
            user=self.config["user"],
            password=self.secrets.get("password", ""),
            database=self.config["database"],
            charset="utf8mb4",
            local_infile=False,
            read_timeout=_SILENT_SECONDS,
            write_timeout=_SILENT_SECONDS,
            connect_timeout=_CONNECT_SECONDS,
            program_name="hub",
            defer_connect=True,
            **self._encryption(),
        )
        try:
            # A socket of ours, to the address that was allowed: the name is not resolved a second time.
            connection.connect(socket.create_connection((address, port), _CONNECT_SECONDS))
        except (pymysql.MySQLError, OSError) as error:
            raise self._failure(error) from error
        except RuntimeError as error:
            raise self._hostile(error) from error
        return connection

    def _encryption(self) -> dict[str, Any]:
        """The driver's settings: by itself it encrypts where the server can, and looks at no certificate."""
        mode = self.config.get("sslmode", "prefer")
        if mode in ("disable", "prefer"):
            return {"ssl_disabled": mode == "disable"}
        context = ssl.create_default_context()
        if mode == "require":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return {"ssl": context}

    def _server(self) -> str:
        return f"MySQL at {self.config['host']} port {self.config.get('port', 3306)}"

    def _failure(self, error: Exception) -> SourceError:
        """Why no connection came about."""
        code = _code(error)
        if isinstance(error, _Unsafe) or "ssl" in str(error).lower() or "certificate" in str(error).lower():
            return SourceDown(
                f"The encrypted connection to {self._server()} failed.",
                code="source-certificate",
                hint="Check sslmode in the source's config, and the server's certificate.",
            )
        if code in (ER.CON_COUNT_ERROR, ER.SERVER_SHUTDOWN, ER.USER_LIMIT_REACHED, ER.TOO_MANY_USER_CONNECTIONS):
            return SourceDown(
                f"{self._server()} takes no connections for now.",
                code="source-busy",
                hint="The next run tries again by itself.",
            )
        if code == ER.BAD_DB_ERROR:
            return SourceMissing(
                f"{self._server()} has no database {self.config['database']!r}.",
                code="source-no-database",
                hint="Check database in the source's config.",
            )
        if code in (ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.HOST_NOT_PRIVILEGED, ER.HOST_IS_BLOCKED):
            return SourceRefused(
                f"{self._server()} refused the login of {self.config['user']!r} to {self.config['database']!r}.",
                hint="Check user and password of the source, and that the user may sign in from the hub's machine.",
            )
        return SourceDown(
            f"Nothing answers as {self._server()}.",
            hint="Check host and port, that the server runs and that the hub's machine can reach it; the next run "
            "tries again by itself.",
        )

    def _explained(self, error: Exception, select: Mapping[str, Any]) -> SourceError:
        """What the server said to a statement; its own words could show data, and are not repeated."""
        code, where = _code(error), name_of(select) if select else self._server()
        if code in (ER.NO_SUCH_TABLE, ER.BAD_TABLE_ERROR):
            return SourceMissing(f"{where} does not exist.", code="source-no-table", hint="Check the stream's select.")
        if code in (ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR):
            return SourceRefused(
                f"{self.config['user']!r} may not read {where}.", hint="Grant it SELECT, or read something else."
            )
        if code == ER.DUP_FIELDNAME:
            return SourceMalformed(
                f"{where} gives two columns one name.",
                code="source-duplicate-column",
                hint="Give each column of the query a name of its own (AS).",
            )
        if code in (ER.PARSE_ERROR, ER.BAD_FIELD_ERROR, ER.NON_UNIQ_ERROR, ER.WRONG_FIELD_WITH_GROUP):
            return SourceMalformed(
                f"{self._server()} does not understand {where.lower() if select else 'a statement'}.",
                code="source-query",
                hint="Try the stream's select.query in a client of that database.",
            )
        if code in _TIMED_OUT:
            return SourceDown(
                f"{self._server()} did not finish in time.",
                code="source-busy",
                hint="Something there holds the table, or the query is heavy; the next run tries again by itself.",
            )
        return self._broken()

    def _hostile(self, error: RuntimeError) -> Exception:
        """The driver has no class of its own for a server that asks for files; any other such error is no source's."""
        if _ASKS_FOR_FILES not in str(error):
            return error
        return SourceRefused(
            f"{self._server()} asked for a file of the hub's machine instead of giving rows.",
            code="source-hostile",
            hint="No MySQL server does that by itself: have it looked at before the source is used again.",
        )

    def _broken(self) -> SourceError:
        return SourceDown(
            f"The connection to {self._server()} broke off.",
            hint="Nothing was loaded; the next run tries again by itself.",
        )


_ASKS_FOR_FILES: Final = "LOAD_LOCAL"
_TIMED_OUT: Final = frozenset({1205, 1317, 1969, 3024})
"""A lock waited for too long; a statement was killed, or took longer than MariaDB's or MySQL's limit."""


class _Unsafe(pymysql.MySQLError):
    """The server asks for the password in a way in which others could read it."""


class _Strict(Connection):
    """The driver, which by itself answers a server that asks for the password as it is."""

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        is_readable = plugin_name in (b"mysql_clear_password", b"dialog", b"mysql_old_password")
        if is_readable and not _is_verified(self._sock):
            raise _Unsafe
        return super()._process_auth(plugin_name, auth_packet, handler)


def _is_verified(connected: socket.socket) -> bool:
    """Whether it is sure who is at the other end: encryption alone would carry a password to anybody."""
    return isinstance(connected, ssl.SSLSocket) and connected.context.verify_mode == ssl.CERT_REQUIRED


def _prepare(connection: Connection, seconds: int) -> None:
    """Times in UTC, one state of all tables, an end; what only one of the two products knows is asked of both."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION time_zone = '+00:00', net_write_timeout = {_SILENT_SECONDS}")
        for limit in (f"max_statement_time = {seconds}", f"max_execution_time = {seconds * 1000}"):
            with suppress(pymysql.OperationalError, pymysql.InternalError):
                cursor.execute(f"SET SESSION {limit}")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def _code(error: Exception) -> int:
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else CR.CR_UNKNOWN_ERROR
