"""The role that serves rows can do nothing else."""

import pytest
from django.db import ProgrammingError, connections

from hub.catalog.models import Dataset
from hub.store.models import Relation

from .conftest import Load


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET c3 = 0",
        "DELETE FROM {table}",
        "INSERT INTO {table} (c1) VALUES ('x')",
        "DROP TABLE {table}",
        "CREATE TABLE data.mine (x int)",
        "SELECT * FROM accounts_user",
        "SELECT client_id FROM accounts_token",
        "SELECT secrets FROM connectors_source",
        "SELECT value FROM store_rejected",
        "SELECT details FROM audit_event",
        "UPDATE audit_event SET kind = ''",
        "DELETE FROM audit_event",
        "UPDATE accounts_epoch SET value = 0",
        "SET ROLE hub",
    ],
)
def test_serving_role_may_not(dataset: Dataset, load: Load, statement: str) -> None:
    load(dataset, [("JFK", "2013-01-01", "1")])
    table = Relation.objects.get(dataset=dataset).table

    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        _serve(statement.format(table=table))


def test_serving_role_reads_rows_and_owns_nothing(dataset: Dataset, load: Load) -> None:
    load(dataset, [("JFK", "2013-01-01", "1")])

    assert _serve("SELECT current_user") == [("hub_serving",)]
    assert _serve(f"SELECT c1 FROM {Relation.objects.get(dataset=dataset).table}") == [("JFK",)]
    assert _serve("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == [(0,)]
    assert _serve("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user") == [
        (False, False, False)
    ]


def _serve(statement: str) -> list[tuple[object, ...]]:
    with connections["serving"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
