"""The kind ``postgres``: tables and queries of somebody else's PostgreSQL, streamed as ``COPY`` text, read only."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from connectors.base import LIMITS_SCHEMA, Batch, CannotResume, Connector, Extract, Found, JsonSchema, Limits
from connectors.columns import field_names, picks
from connectors.fetching.reach import Reach
from connectors.kinds.postgres.relations import (
    can_go_on,
    checked,
    columns_of,
    copied,
    explained,
    found,
    from_on,
    name_of,
    relation,
)
from connectors.order import by_value
from hub.errors import SourceDown, SourceError, SourceMissing, SourceRefused

_CONNECT_SECONDS: Final = 10
_SAMPLE_SECONDS: Final = 10
_LOCK_SECONDS: Final = 10
_READ_SECONDS: Final = 4 * 3600

_TABLES: Final = """
SELECT n.nspname, c.relname,
       ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_attribute a ON a.attnum = k.attnum
             WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid ORDER BY k.place)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
"""


class Postgres(Connector):
    """Somebody else's PostgreSQL database, read only."""

    kind: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["host", "database", "user"],
        "properties": {
            "host": {
                "description": "The server's name or address, or the folder of its Unix socket.",
                "type": "string",
                "minLength": 1,
                "pattern": "^[^,]+$",
            },
            "port": {
                "description": "The server's port.",
                "type": "integer",
                "minimum": 1,
                "maximum": 65535,
                "default": 5432,
            },
            "database": {"description": "The database's name.", "type": "string", "minLength": 1},
            "user": {"description": "The role to sign in as; it needs SELECT only.", "type": "string", "minLength": 1},
            "sslmode": {
                "description": "Whether the connection is encrypted, and the server's certificate verified.",
                "enum": ["disable", "allow", "prefer", "require", "verify-full"],
                "default": "prefer",
            },
            **LIMITS_SCHEMA,
        },
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"password": {"description": "The role's password.", "type": "string"}},
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "schema": {"description": "The table's schema; by default public.", "type": "string", "minLength": 1},
            "table": {"description": "The table or view to read.", "type": "string", "minLength": 1},
            "query": {"description": "A SELECT to read instead of a table.", "type": "string", "minLength": 1},
        },
        "oneOf": [{"required": ["table"]}, {"required": ["query"], "not": {"required": ["schema"]}}],
    }

    def test(self) -> None:
        with self._connected(_SAMPLE_SECONDS) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def discover(self) -> Iterator[Found]:
        """All tables and views the role may read; one that cannot be sampled in time is shown without rows."""
        with self._connected(_SAMPLE_SECONDS) as connection:
            with connection.cursor() as cursor:
                cursor.execute(_TABLES + " ORDER BY 1, 2")
                tables = cursor.fetchall()
            for schema, table, key in tables:
                try:
                    yield found(connection, {"schema": schema, "table": table}, tuple(key))
                except psycopg2.Error:
                    continue

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._connected(_SAMPLE_SECONDS) as connection, explained(select):
            key: tuple[str, ...] = ()
            if "table" in select:
                with connection.cursor() as cursor:
                    cursor.execute(
                        _TABLES + " AND n.nspname = %s AND c.relname = %s",
                        (select.get("schema", "public"), select["table"]),
                    )
                    row = cursor.fetchone()
                    key = tuple(row[2]) if row else ()
            return found(connection, select, key)

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        return True

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._connected(_READ_SECONDS) as connection, explained(extract.select):
            offered = columns_of(connection, extract.select)
            titles = tuple(column.title for column in offered)
            where = name_of(extract.select)
            places = picks(extract.columns or titles, titles, where)
            names = extract.columns or field_names(titles)
            statement = sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(offered[place].expression for place in places), relation(extract.select)
            )
            after, ordered = (extract.resume or {}).get("after"), None
            if extract.cursor is not None:
                (at,) = picks((extract.cursor,), titles, where)
                statement += from_on(offered[at], extract.since, after)
                ordered = places.index(at) if at in places and can_go_on(offered[at]) else None
            if ordered is None and after is not None:
                raise CannotResume
            types = tuple(offered[place].stored for place in places)
            had = dict(zip(field_names(titles), (column.type for column in offered), strict=True))
            for lines, count, value in by_value(copied(connection, statement, extract.most), ordered):
                mark = None if value is None else {"after": value}
                yield Batch(names, checked(lines, where), count, types=types, offered=had, checkpoint=mark)

    @contextmanager
    def _connected(self, seconds: int) -> Iterator[Connection]:
        connection = self._connect()
        try:
            # Settings rather than startup options: a pooler in between may refuse those.
            connection.set_session(readonly=True, autocommit=True)
            connection.set_client_encoding("UTF8")
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config(name, value, false) FROM (VALUES ('datestyle', 'ISO, YMD'), ('timezone', 'UTC'),"
                    " ('intervalstyle', 'iso_8601'), ('bytea_output', 'hex'), ('extra_float_digits', '1'),"
                    " ('statement_timeout', %s), ('lock_timeout', %s)) AS settings(name, value)",
                    (f"{seconds}s", f"{_LOCK_SECONDS}s"),
                )
            yield connection
        except (errors.QueryCanceled, errors.LockNotAvailable) as error:
            raise SourceDown(
                f"{self._server()} did not finish in time.",
                code="source-busy",
                hint="Something there holds the table, or the query is heavy; the next run tries again by itself.",
            ) from error
        except psycopg2.Error as error:
            raise SourceDown(
                f"The connection to {self._server()} broke off.",
                hint="Nothing was loaded; the next run tries again by itself.",
            ) from error
        finally:
            connection.close()

    def _connect(self) -> Connection:
        host, port = self.config["host"], self.config.get("port", 5432)
        sslmode = self.config.get("sslmode", "prefer")
        try:
            return psycopg2.connect(
                host=host,
                hostaddr=self._addresses(host, port),
                port=port,
                dbname=self.config["database"],
                user=self.config["user"],
                password=self.secrets.get("password"),
                passfile="/dev/null",  # libpq would look in the hub's own home folder for another password.
                sslmode=sslmode,
                sslrootcert="system" if sslmode == "verify-full" else None,
                gssencmode="disable",
                connect_timeout=_CONNECT_SECONDS,
                application_name="hub",
            )
        except psycopg2.OperationalError as error:
            raise self._failure(str(error)) from error

    def _addresses(self, host: str, port: int) -> str | None:
        limits = Limits.of(self.config)
        if not host.startswith("/"):
            # libpq takes one address for one host; the first allowed one is where the name led.
            return Reach(host, port, limits).addresses(host, port)[0]
        if not limits.allow_loopback:
            raise SourceRefused(
                f"This source may not reach the socket in {host}.",
                code="source-address-refused",
                hint="If this source runs on the hub's own machine, set allow_loopback = true in its config.",
            )
        return None

    def _server(self) -> str:
        return f"PostgreSQL at {self.config['host']} port {self.config.get('port', 5432)}"

    def _failure(self, text: str) -> SourceError:
        """libpq gives no code for a failed connection, only its own words, and the server's after ``FATAL:``."""
        if any(words in text for words in _SERVER_BUSY):
            return SourceDown(
                f"{self._server()} takes no connections for now.",
                code="source-busy",
                hint="The next run tries again by itself.",
            )
        if f'database "{self.config["database"]}" does not exist' in text:
            return SourceMissing(
                f"{self._server()} has no database {self.config['database']!r}.",
                code="source-no-database",
                hint="Check database in the source's config.",
            )
        if any(words in text for words in _NOT_REACHED) and "FATAL" not in text:
            return SourceDown(
                f"Nothing answers as {self._server()}.",
                hint="Check host and port, that the server runs and that the hub's machine can reach it; the next run "
                "tries again by itself.",
            )
        if "certificate" in text or "SSL" in text:
            return SourceDown(
                f"The encrypted connection to {self._server()} failed.",
                code="source-certificate",
                hint="Check sslmode in the source's config, and the server's certificate.",
            )
        return SourceRefused(
            f"{self._server()} refused the login of {self.config['user']!r} to {self.config['database']!r}.",
            hint="Check user and password of the source, and that the server lets the hub's machine in (pg_hba.conf).",
        )


_SERVER_BUSY: Final = ("starting up", "shutting down", "in recovery mode", "too many clients", "remaining connection")
_NOT_REACHED: Final = (
    "Connection refused",
    "timeout expired",
    "timed out",
    "No route to host",
    "unreachable",
    "No such file or directory",
    "closed the connection unexpectedly",
    "Connection reset",
    "could not receive data",
)
