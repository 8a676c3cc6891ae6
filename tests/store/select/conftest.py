"""Statements on temporary tables of a bare database: no hub is set up, so that each is asked in no time."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hub.local.connection import database_url
from hub.predicates import FieldType
from hub.store.select.relation import Shown, position
from hub.store.select.values import plain_text
from hub.store.sql import Sql
from hub.store.tables import PHYSICAL_TYPES
from tests.proofs.values import VALUES

Ask = Callable[[Sql | str], list[tuple[Any, ...]]]
Copied = Callable[[Sql], str]
Row = Mapping[FieldType, Any]

ROWS: tuple[Row, ...] = tuple(dict(zip(VALUES, cells)) for cells in zip_longest(*VALUES.values(), (None,) * 15))
"""Awkward values of every type side by side, nulls below the shorter lists; the last row is all nulls."""


@pytest.fixture(scope="session")
def database() -> Iterator[Connection]:
    """In a session far from UTC, on which no statement may depend; not on the database that others are copied from."""
    held = psycopg2.connect(database_url(), dbname="postgres", options="-c timezone=Asia/Shanghai")
    yield held
    held.close()


@pytest.fixture
def ask(database: Connection) -> Iterator[Ask]:
    """Run a statement; answers its rows. What it changed is undone after the test."""
    yield lambda sql: _run(database, sql)
    database.rollback()


@pytest.fixture
def copied(database: Connection) -> Iterator[Copied]:
    """Run a ``COPY … TO STDOUT``; answers its text."""

    def copied(sql: Sql) -> str:
        out = io.StringIO()
        with database.cursor() as cursor:
            cursor.copy_expert(cursor.mogrify(sql.text, sql.params), out)
        return out.getvalue()

    yield copied
    database.rollback()


def placed(page: Sql, terms: int) -> Sql:
    """The texts of a page's rows, each with the texts of its so many sort terms."""
    return f"SELECT row, {position(terms)} FROM (" + page + ") page"


def plain_row(fields: Sequence[Shown]) -> str:
    """A row as the texts of its cells, with commas between."""
    return " || ',' || ".join(plain_text(f"f{i}", field.type) for i, field in enumerate(fields))


@pytest.fixture(scope="session")
def cells(database: Connection) -> str:
    """The name of a table of ``ROWS``: a column for each type, called by it, and ``n`` to tell the rows apart."""
    columns = ", ".join(f'"{type_}" {PHYSICAL_TYPES[type_]}' for type_ in VALUES)
    _run(database, f"CREATE TEMP TABLE cells (n bigint NOT NULL, {columns})")
    places = ", ".join(["%s"] * (len(VALUES) + 1))
    for n, row in enumerate(ROWS):
        values = (n, *(_stored(type_, row[type_]) for type_ in VALUES))
        _run(database, Sql(f"INSERT INTO cells VALUES ({places})", values))
    database.commit()
    return "cells"


def _run(database: Connection, sql: Sql | str) -> list[tuple[Any, ...]]:
    whole = Sql("") + sql
    with database.cursor() as cursor:
        cursor.execute(whole.text, whole.params)
        return cursor.fetchall() if cursor.description else []


def _stored(type_: FieldType, value: Any) -> Any:
    if type_ in ("json", "geometry"):
        return None if value is None else json.dumps(value)
    return value.replace(tzinfo=None) if type_ == "datetime" and value is not None else value
