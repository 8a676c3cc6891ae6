"""A table of twice as many rows as one request may look at; ``dot`` owns it, ``ops`` reads it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.db import connection

from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset, Field
from hub.query import demand, door
from hub.query.params import RowsQuery, parse_aggregate_query, parse_rows_query
from hub.query.views import open_view
from hub.query.wishes import select
from hub.store.models import Index
from hub.store.select.relation import json_row, rows_sql
from hub.store.tables import ensure_relation

ROWS = 5_000
MANY = 200_000
FIELDS = (
    ("id", "integer", "public"),
    ("origin", "string", "public"),
    ("dep_delay", "decimal", "public"),
    ("flight", "integer", "public"),
    ("ssn", "string", "personal"),
)


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.HUB_SCAN_ROWS = ROWS // 2
    settings.HUB_INDEX_ROWS = ROWS // 4
    demand.forget()


@pytest.fixture
def flights(db: None) -> Dataset:
    return made(ROWS)


def made(rows: int) -> Dataset:
    """Each origin and each flight has 100 rows; every tenth delay is missing."""
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
            f"INSERT INTO {relation.table} (c1, c2, c3, c4, c5) SELECT g, 'O' || g %% %s,"
            " CASE WHEN g %% 10 > 0 THEN g::bigint * 7919 %% 1000 / 10.0 END, g %% %s, 'secret-' || g"
            " FROM generate_series(1, %s) g",
            [rows // 100, rows // 100, rows],
        )
        cursor.execute(f"ANALYZE {relation.table}")
    relation.rows, relation.version = rows, 1
    relation.save()
    return dataset


@pytest.fixture
def ops(db: None) -> Callable[[], Caller]:
    return lambda: Caller(agency="ops", email="reader@ops.example", epoch=current_epoch())


Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read(ops: Callable[[], Caller]) -> Read:
    """The rows of a page, or groups where ``of_groups``, for parameters as in a query string."""

    def rows(of_groups: bool = False, **params: str) -> list[dict[str, Any]]:
        query: Mapping[str, list[str]] = {name: [value] for name, value in params.items()}
        parsed = parse_aggregate_query(query) if of_groups else parse_rows_query(query)
        answer: list[dict[str, Any]] = json.loads(f"[{door.read_rows(ops(), 'dot.flights', parsed).rows}]")
        return answer

    return rows


@pytest.fixture
def plan(ops: Callable[[], Caller]) -> Callable[..., str]:
    """How PostgreSQL answers a page of rows."""

    def told(**params: str) -> str:
        view = open_view(ops(), "dot.flights")
        query = parse_rows_query({name: [value] for name, value in params.items()})
        assert isinstance(query, RowsQuery)
        selection = select(view, query)
        statement = rows_sql(selection, json_row(selection.fields))
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + statement.text, statement.params)
            return "\n".join(line for (line,) in cursor.fetchall())

    return told


def stands(index: Index) -> list[tuple[str, bool]]:
    """The table of each physical index of ``index``, and whether it is valid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indrelid::regclass::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE c.relname LIKE %s ORDER BY 1",
            [f"%\\_i{index.pk.hex}"],
        )
        return cursor.fetchall()
