"""The transport department's own PostgreSQL database, with its flights and an account that may read them."""

import os
import subprocess

from hub.local import connection, postgres
from hub.local.demo import data
from hub.local.process import CannotStart

DATABASE = "transport"
READER = "transport_reader"

_SCHEMA = f"""
CREATE TABLE flights (
    year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int, sched_arr_time int,
    arr_delay int, carrier text, flight int, tailnum text, origin text, dest text, air_time int, distance int, hour int,
    minute int, time_hour timestamptz
);
GRANT SELECT ON flights TO {READER};
"""


def prepare() -> int:
    """Make the database and fill it, unless that was done before; answers the number of flights."""
    if not _sql("postgres", f"SELECT 1 FROM pg_roles WHERE rolname = '{READER}'"):
        _sql("postgres", f"CREATE ROLE {READER} LOGIN")
    _sql("postgres", f"ALTER ROLE {READER} PASSWORD '{password()}'")
    if not _sql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):
        _sql("postgres", f"CREATE DATABASE {DATABASE}")
    if not _sql(DATABASE, "SELECT to_regclass('flights')"):
        _sql(DATABASE, _SCHEMA)
    if not _sql(DATABASE, "SELECT 1 FROM flights LIMIT 1"):
        _load()
    return int(_sql(DATABASE, "SELECT count(*) FROM flights"))


def password() -> str:
    """Of the account that reads."""
    return connection.password(READER)


def _load() -> None:
    copy = "COPY flights FROM STDIN WITH (FORMAT csv, HEADER, NULL 'NA')"
    argv = [str(postgres.programs() / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", DATABASE, "-1", "-c", copy]
    environment = {**os.environ, **postgres.environment()}
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as psql:
        assert psql.stdin is not None
        assert psql.stderr is not None
        with data.flights() as flights:
            for chunk in iter(lambda: flights.read(1 << 20), b""):
                psql.stdin.write(chunk)
        psql.stdin.close()
        said = psql.stderr.read().decode().strip()
    if psql.returncode != 0:
        raise CannotStart("The transport department's database could not be filled.", hint=said)
    _sql(DATABASE, "ALTER TABLE flights ADD PRIMARY KEY (time_hour, carrier, flight)")


def _sql(database: str, statement: str) -> str:
    done = postgres.run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
    if done.returncode != 0:
        raise CannotStart("The transport department's database could not be made.", hint=done.stderr.strip())
    return done.stdout.strip()
