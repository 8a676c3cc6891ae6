"""The serving role: owns nothing, reads rows and what guards them, adds audit events."""

import time

from django.conf import settings
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg2 import errors, extensions, sql

from hub.errors import Forbidden

_ATTEMPTS = 5
_RACES = (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_)
_READS = {
    "accounts_token": ("id", "digest", "expires_at", "revoked_at"),
    "accounts_epoch": ("id", "value"),
    "store_relation": ("id", "dataset_id", "generation", "version", "synced_at"),
    "store_hashkey": ("name", "inner", "outer"),
}


def ensure_serving_role() -> None:
    """Make the role of the ``serving`` connection and give it exactly what serving needs; safe to repeat.

    A role that settings say is given gets the rights alone. Raises ``Forbidden`` where the database's owner may not
    make the role.
    """
    account = settings.DATABASES["serving"]
    name, password = str(account["USER"]), str(account["PASSWORD"])
    try:
        for attempt in range(_ATTEMPTS):
            try:
                return _ensure(name, password)
            except DatabaseError as error:
                # Roles are the whole server's: another database's hub did the same at this very moment.
                if not isinstance(error.__cause__, _RACES) or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * (attempt + 1))
    except ProgrammingError as error:
        raise Forbidden(
            f"The role {name}, which serves rows, could not be prepared: {str(error).splitlines()[0]}.",
            hint="Give the database's owner CREATEROLE, or make the role yourself and name it in SERVING_DATABASE_URL.",
        ) from error


def _ensure(name: str, password: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('serving role'))")
        if not settings.SERVING_ROLE_IS_GIVEN:
            _make(cursor, name, password)
        for grant in _grants():
            cursor.execute(grant.format(role=sql.Identifier(name)))


def _make(cursor: CursorWrapper, name: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    known = cursor.fetchone() is not None
    verifier = extensions.encrypt_password(password, name, connection.connection, "scram-sha-256")
    statement = "ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}"
    cursor.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(verifier)))


def _grants() -> list[sql.SQL]:
    reads = [
        f"GRANT SELECT ({', '.join(map(_quoted, columns))}) ON {table} TO {{role}}"
        for table, columns in sorted(_READS.items())
    ]
    return [
        sql.SQL(text)
        for text in (
            "GRANT USAGE ON SCHEMA public, data TO {role}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA data TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA data GRANT SELECT ON TABLES TO {role}",
            "GRANT INSERT ON audit_event TO {role}",
            *reads,
        )
    ]


def _quoted(column: str) -> str:
    return f'"{column}"'
