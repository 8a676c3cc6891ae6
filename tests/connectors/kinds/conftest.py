"""The sources the tests read from: web servers on loopback and databases of their own in a real PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import psycopg2
import pytest

from connectors.testing import Answering, Reply, Served, serving
from tests import mariadb

InMariadb = Callable[..., None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answering | bytes], Served]]:
    """Start a server; given bytes it answers those to everything."""
    with ExitStack() as stack:

        def start(answer: Answering | bytes) -> Served:
            answering = (lambda asked: Reply(answer)) if isinstance(answer, bytes) else answer
            return stack.enter_context(serving(answering))

        yield start


@pytest.fixture(scope="session")
def server_settings() -> dict[str, str]:
    """Host, port, user and password of the PostgreSQL that DATABASE_URL names."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    query = parse_qs(parts.query)
    return {
        "host": query["host"][0] if "host" in query else unquote(parts.hostname or "127.0.0.1"),
        "port": str(parts.port or query.get("port", ["5432"])[0]),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": parts.path.strip("/") or "postgres",
    }


@pytest.fixture(scope="session")
def database(server_settings: dict[str, str]) -> Iterator[str]:
    """A database of the tests' own, dropped at the end."""
    name = f"kinds_{uuid4().hex[:12]}"
    connection = psycopg2.connect(**server_settings)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        yield name
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.close()


@pytest.fixture
def execute(server_settings: dict[str, str], database: str) -> Iterator[Callable[[str], None]]:
    """Run statements in the tests' database; what they made in the schema ``public`` is gone after the test."""
    connection = psycopg2.connect(**{**server_settings, "dbname": database})
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor.execute
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    connection.close()


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mariadb.Server]:
    mariadb.require()
    with mariadb.started(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture
def in_mariadb(mariadb_server: mariadb.Server) -> Iterator[InMariadb]:
    """Run statements there as the database's owner; what they made is gone after the test."""
    yield mariadb_server.execute
    mariadb_server.execute("DROP DATABASE registry", "CREATE DATABASE registry CHARACTER SET utf8mb4", "USE registry")
