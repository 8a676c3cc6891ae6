"""Views that are copied out: the database is held up by nobody."""

import time

import pytest
from django.db import connection

from hub.store import copying
from hub.store.copying import serve_snapshot
from hub.store.sql import Sql

pytestmark = pytest.mark.django_db(transaction=True)

_ROWS = 200_000
_COPY = Sql(f"COPY (SELECT g, repeat('x', 500) FROM generate_series(1, {_ROWS}) g) TO STDOUT")
_UNDER_WAY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (SELECT g,%'"
)


def test_all_lines_come_the_first_of_them_soon() -> None:
    with serve_snapshot() as snapshot:
        chunks = list(snapshot.copied(_COPY))

    assert sum(map(len, chunks)) == _ROWS
    sizes = [sum(map(len, chunk)) for chunk in chunks]
    assert sizes[0] < 32_768
    assert max(sizes) < 1 << 20


def test_a_reader_that_takes_nothing_lets_go_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PATIENCE", 0.5)
    with serve_snapshot() as snapshot:
        chunks = snapshot.copied(_COPY)
        next(chunks)
        assert _under_way() == 1

        assert _ends_soon()
        with pytest.raises(TimeoutError, match="took no rows"):
            list(chunks)


def test_a_reader_that_has_enough_ends_the_statement() -> None:
    with serve_snapshot() as snapshot:
        chunks = snapshot.copied(_COPY)
        next(chunks)
        assert _under_way() == 1
        chunks.close()

    assert _ends_soon()


def _ends_soon() -> bool:
    until = time.monotonic() + 10
    while _under_way() and time.monotonic() < until:
        time.sleep(0.05)
    return _under_way() == 0


def _under_way() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY + " AND state = 'active'")
        return int(cursor.fetchone()[0])
