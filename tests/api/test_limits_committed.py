"""Limits of files and of statements, which take a database that was really written to."""

from typing import Any

import pytest
from django.db import connections
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.commands import edit_client
from hub.accounts.models import Client
from hub.catalog.models import Dataset
from hub.store.tables import ensure_relation
from tests.api.conftest import ROWS, Api
from tests.api.test_administration import body
from tests.api.test_limits import DATA, taken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def data(tmp_path: Any, settings: Any) -> None:
    """A folder of files for each test."""
    settings.HUB_DATA = tmp_path


def test_files_are_limited_and_counted_also_in_parts(reader: Api, flights: Dataset) -> None:
    size = len(b"".join(reader.get(f"{DATA}/file.ndjson")))
    assert taken(reader) == {"requests": 2, "rows": ROWS, "bytes": size}
    half = reader.get(f"{DATA}/file.ndjson", Range=f"bytes=0-{size // 2 - 1}")
    assert (half.status_code, half["RateLimit-Remaining"].isdigit()) == (206, True)
    assert len(b"".join(half)) == size // 2
    assert taken(reader)["rows"] == ROWS + ROWS // 2
    head = Browser().head(f"/api/v1/{DATA}/file.ndjson", headers={"Authorization": f"Bearer {reader.token}"})
    assert b"".join(head) == b""
    assert taken(reader) == {"requests": 6, "rows": ROWS + ROWS // 2, "bytes": size + size // 2}

    edit_client(actor=HUB, client=Client.objects.get(agency__code="ops"), limits={"rows_per_day": ROWS})
    refused = reader.get(f"{DATA}/file.ndjson")
    assert (refused.status_code, body(refused)["code"]) == (429, "quota-used-up")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("rows", {"sortby": "-delay", "count": "exact"}),
        ("aggregate", {"groupby": "delay"}),
        ("changes", {"limit": "10000"}),
    ],
)
def test_read_that_takes_too_long_is_503_with_its_own_code(
    reader: Api, flights: Dataset, path: str, params: dict[str, str]
) -> None:
    relation = ensure_relation(flights)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1, c2, c3) SELECT g, 'x', g FROM generate_series(1000, 100000) g"
        )
    with connections["serving"].cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("30s",)
        cursor.execute("SET statement_timeout = '15ms'")
    try:
        response = reader.get(f"{DATA}/{path}", params)
    finally:
        connections["serving"].close()

    assert (response.status_code, body(response)["code"]) == (503, "too-slow")
    assert "Narrow the filter" in body(response)["hint"]
