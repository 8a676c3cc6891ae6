"""A department's own PostgreSQL beside its files, to be changed between runs and while they read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from django.db import connection

from connectors.commands import register_source
from connectors.models import Run, Source
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.models import Relation
from tests.connectors.kinds.conftest import database, execute, in_mariadb, mariadb_server, server_settings

__all__ = ["database", "execute", "in_mariadb", "mariadb_server", "server_settings"]

Execute = Callable[[str], None]
Begin = Callable[[], Any]


@pytest.fixture
def registry(dataset: Dataset, server_settings: dict[str, str], database: str) -> Source:
    """The database that ``execute`` works in, as a source."""
    config = {
        "host": server_settings["host"],
        "port": int(server_settings["port"]),
        "database": database,
        "user": server_settings["user"],
        "allow_loopback": True,
    }
    secrets = {"password": server_settings["password"]}
    return register_source(
        actor=HUB, key="registry", agency=dataset.agency, kind="postgres", config=config, secrets=secrets
    )


@pytest.fixture
def begin(server_settings: dict[str, str], database: str) -> Begin:
    """Open a transaction in that database; it is rolled back where it is not committed."""

    @contextmanager
    def begun() -> Iterator[Any]:
        other = psycopg2.connect(**{**server_settings, "dbname": database})
        try:
            yield other
        finally:
            other.close()

    return begun


def shown(dataset: Dataset) -> dict[int, tuple[Any, ...]]:
    """The rows of a dataset whose first field is its key, by that; each without it, in the order of fields, as text."""
    columns = ", ".join(f"{field.column}::text" for field in dataset.fields.all()[1:])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c1, {columns} FROM {Relation.objects.get(dataset=dataset).table}")
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def logged(dataset: Dataset) -> list[tuple[str, int, str | None]]:
    """What the change log keeps: the operation, and key and second field of the row before; oldest version first."""
    log = Relation.objects.get(dataset=dataset).change_log
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT op, (before ->> 'c1')::int, before ->> 'c2' FROM {log} ORDER BY _v, op, 2")
        return [tuple(row) for row in cursor.fetchall()]


def staged() -> list[str]:
    """The tables that this test's runs have left in staging, or beside the data; those of an earlier test are swept."""
    runs = "|".join(run.hex for run in Run.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s", [f"^r({runs})_"])
        return [name for (name,) in cursor.fetchall()]
