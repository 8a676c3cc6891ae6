"""The rows that loads are measured with: made by PostgreSQL in a source of its own, the same each time."""

import os
import subprocess

from hub.local import postgres

PAGE = 1000
SOURCE = "source"
PSQL = f"{postgres.programs() / 'psql'} -qAtX -v ON_ERROR_STOP=1"
FIELDS = {
    "id": "integer",
    "code": "string",
    "name": "string",
    "amount": "decimal",
    "rate": "decimal",
    "count": "integer",
    "day": "date",
    "due": "date",
    "at": "datetime",
    "changed": "datetime",
    "active": "boolean",
    "paid": "boolean",
    "note": "string",
}
COLUMNS = (
    "(id bigint PRIMARY KEY, code text NOT NULL, name text, amount numeric(12,2), rate numeric, count integer,"
    " day date, due date, at timestamptz, changed timestamp, active boolean, paid boolean, note text)"
)
_ROWS = (
    "SELECT i, 'C' || lpad((i * 7919 % 1000000007)::text, 10, '0'),"
    " CASE i % 4 WHEN 0 THEN '浦东新区' ELSE 'Name, no. ' || i % 5000 END, (i * 31 % 1000000) / 100.0,"
    " CASE WHEN i % 10 > 0 THEN (i * 17 % 100000) / 1000.0 END, i % 1000, date '2000-01-01' + (i % 9000)::int,"
    " CASE WHEN i % 5 > 0 THEN date '2020-01-01' + (i % 3000)::int END,"
    " timestamptz '2020-01-01Z' + i * interval '61 seconds', timestamp '2021-01-01' + i * interval '1.5 seconds',"
    " i % 3 = 0, i % 7 = 0, CASE WHEN i % 3 = 0 THEN 'note ' || md5(i::text) END"
    " FROM generate_series(1::bigint, {rows}) i"
)


def fill(table: str, rows: int) -> None:
    """A table of the source that loads and copies read from."""
    psql(SOURCE, f"CREATE TABLE {table} {COLUMNS}; INSERT INTO {table} {_ROWS.format(rows=rows)}")
    psql(SOURCE, f"VACUUM ANALYZE {table}")


def psql(database: str, statement: str) -> str:
    done = postgres.run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def shell(line: str) -> None:
    """A pipe of programs, each of which has to succeed; those of PostgreSQL reach the embedded server."""
    subprocess.run(["bash", "-o", "pipefail", "-c", line], env={**os.environ, **postgres.environment()}, check=True)
