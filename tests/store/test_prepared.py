"""Statements that are planned once for a connection: few at a time, and the same answers as without."""

from typing import Any

import pytest
from django.db import connections, transaction

from hub.store import prepared
from hub.store.prepared import Prepared, serve_prepared
from hub.store.sql import Slot, Sql

pytestmark = pytest.mark.django_db

TEXT = Prepared(Sql("SELECT %s::text || %s", (Slot("text"), "' %s")))


@pytest.fixture(autouse=True)
def nothing_left_over(db: None) -> None:
    with connections["serving"].cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
        prepared._names.pop(cursor.connection, None)


@pytest.mark.parametrize("is_on", [True, False])
def test_values_come_through_as_they_are(settings: Any, is_on: bool) -> None:
    settings.HUB_PREPARED_STATEMENTS = is_on
    for text in ("", "'; DROP TABLE accounts_token; --", "a\\'b", "$1 %s %(x)s", "名"):
        assert serve_prepared(TEXT, {"text": text}) == (f"{text}' %s",)
    assert len(_known()) == is_on


def test_a_statement_is_planned_once(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2, connection=connections["serving"]):
        serve_prepared(TEXT, {"text": "first"})
    with django_assert_num_queries(1, connection=connections["serving"]):
        serve_prepared(Prepared(TEXT.statement), {"text": "second"})


def test_a_value_in_several_places_is_given_once() -> None:
    twice = Prepared(Sql("SELECT %s::int + %s", (Slot("number"), Slot("number"))))
    assert serve_prepared(twice, {"number": 21}) == (42,)


def test_a_connection_keeps_those_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "_KEPT", 2)
    first, second, third = (Prepared(Sql(f"SELECT {n} + %s::int", (Slot("number"),))) for n in range(3))
    for statement in (first, second, first, third):
        serve_prepared(statement, {"number": 1})
    assert _known() == {first.name, third.name}
    assert serve_prepared(second, {"number": 1}) == (2,)


def test_a_table_that_is_gone_gives_no_row() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE TABLE data.d0_g0 AS SELECT 1 AS c1")
    gone = Prepared(Sql("SELECT c1 FROM data.d0_g0 WHERE c1 = %s", (Slot("number"),)))
    assert serve_prepared(gone, {"number": 1}) == (1,)
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP TABLE data.d0_g0")
    with transaction.atomic(using=connections["serving"].alias):
        assert serve_prepared(gone, {"number": 1}) is None
        transaction.set_rollback(True, using=connections["serving"].alias)


def _known() -> set[str]:
    with connections["serving"].cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}
