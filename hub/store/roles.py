"""The serving role: owns nothing, reads rows and what guards them, adds audit events."""

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import extensions, sql

_READS = {
    "accounts_token": ("id", "digest", "expires_at", "revoked_at"),
    "accounts_epoch": ("id", "value"),
    "store_relation": ("id", "dataset_id", "generation", "version", "synced_at"),
    "store_hashkey": ("name", "inner", "outer"),
}


def ensure_serving_role() -> None:
    """Make the role of the ``serving`` connection and give it exactly what serving needs; safe to repeat.

    The owner needs ``CREATEROLE`` only while the role is missing.
    """
    account = settings.DATABASES["serving"]
    name, password = str(account["USER"]), str(account["PASSWORD"])
    role = sql.Identifier(name)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('serving role'))")
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        known = cursor.fetchone() is not None
        verifier = extensions.encrypt_password(password, name, connection.connection, "scram-sha-256")
        statement = "ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}"
        cursor.execute(sql.SQL(statement).format(role, sql.Literal(verifier)))
        for grant in _grants():
            cursor.execute(grant.format(role=role))


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
