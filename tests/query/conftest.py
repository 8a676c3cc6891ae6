"""One cast: an agency that owns the rows, one that may read them, and what must not leak."""

from collections.abc import Callable, Mapping

import pytest
from django.db import connection

from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset, Field
from hub.query import door
from hub.query.params import parse_rows_query
from hub.store.tables import ensure_relation
from policies.models import Rule

FIELDS = (
    ("id", "integer", "public"),
    ("名字", "string", "public"),
    ("delay", "decimal", "internal"),
    ("at", "datetime", "public"),
    ("tailnum", "string", "public"),
    ("ssn", "string", "personal"),
    ("ratio", "number", "public"),
    ("ok", "boolean", "public"),
    ("day", "date", "public"),
    ("extra", "json", "public"),
)


@pytest.fixture
def flights(db: None) -> Dataset:
    """Twenty rows; every cell of ``ssn`` holds a word that must never be seen."""
    owner = Agency.objects.create(code="dot", name="Transport")
    Agency.objects.create(code="ops", name="Operations")
    dataset = Dataset.objects.create(
        agency=owner, key="dot.flights", title="Flights", status="published", primary_key=["id"]
    )
    for number, (name, type_, sensitivity) in enumerate(FIELDS, start=1):
        Field.objects.create(dataset=dataset, number=number, name=name, type=type_, sensitivity=sensitivity)
    relation = ensure_relation(dataset)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10)"
            " SELECT g, '名' || g, g * 1.50, timestamp '2020-01-01' + g * interval '1 minute', 'N' || (g % 3),"
            " 'secret-' || g, g / 4.0, g % 2 = 0, date '2020-01-01' + g::int, '{\"a\": 1.50}'"
            " FROM generate_series(1, 20) g"
        )
    return dataset


@pytest.fixture
def rule(flights: Dataset) -> Callable[..., Rule]:
    def made(**values: object) -> Rule:
        values = {"target_dataset": flights, "reason": "Because", "author": "a", "approver": "b", **values}
        return Rule.objects.create(key=f"rule-{Rule.objects.count()}", status="approved", **values)

    return made


@pytest.fixture
def ops(flights: Dataset) -> Caller:
    return Caller(agency="ops", email="reader@ops.example", epoch=current_epoch())


@pytest.fixture
def read(ops: Caller) -> Callable[..., door.RowsPage]:
    """Read as ``ops`` with parameters as in a query string."""

    def page(caller: Caller = ops, **params: str) -> door.RowsPage:
        query: Mapping[str, list[str]] = {name: [value] for name, value in params.items()}
        return door.read_rows(caller, "dot.flights", parse_rows_query(query))

    return page
