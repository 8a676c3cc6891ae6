"""Rows over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import NotFound
from tests.api.conftest import ROWS, Api


def body(response: Any) -> Any:
    return json.loads(response.content)


def streamed(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_page_has_rows_position_version_and_receipt(reader: Api, flights: Dataset) -> None:
    response = reader.get("datasets/dot.flights/rows", {"limit": "1", "count": "exact"})
    answer = body(response)
    assert list(answer) == ["data", "page", "dataset", "receipt"]
    assert answer["data"] == [{"id": 1, "名字": "名1", "delay": 1.5, "at": "2020-01-01T00:01:00Z"}]
    assert list(answer["page"]) == ["limit", "next", "count"]
    assert (answer["page"]["limit"], answer["page"]["count"]) == (1, ROWS)
    assert answer["dataset"] == {"key": "dot.flights", "version": 3}
    event = Event.objects.get(pk=answer["receipt"])
    assert (event.kind, event.agency, event.actor, event.dataset) == ("rows.read", "ops", "ops/app", "dot.flights")
    assert response["Hub-Receipt"] == answer["receipt"]
    assert response["Cache-Control"] == "private"


def test_decimals_keep_their_digits(reader: Api, flights: Dataset) -> None:
    assert b'"delay":1.50' in reader.get("datasets/dot.flights/rows", {"limit": "1"}).content


def test_pages_follow_one_another_to_the_end(reader: Api, flights: Dataset) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        params = {"limit": "7", **({"cursor": cursor} if cursor else {})}
        answer = body(reader.get("datasets/dot.flights/rows", params))
        seen += [row["id"] for row in answer["data"]]
        cursor = answer["page"]["next"]
    assert seen == list(range(1, ROWS + 1))


def test_cursor_of_another_caller_is_refused(reader: Api, as_agency: Callable[..., Api], flights: Dataset) -> None:
    cursor = body(reader.get("datasets/dot.flights/rows", {"limit": "7"}))["page"]["next"]
    response = as_agency("spy").get("datasets/dot.flights/rows", {"limit": "7", "cursor": cursor})
    assert (response.status_code, body(response)["code"]) == (400, "cursor-invalid")


def test_filter_sort_and_properties(reader: Api, flights: Dataset) -> None:
    params = {"filter": "delay > 27 AND \"名字\" LIKE '名%'", "sortby": "-id", "properties": "id"}
    assert body(reader.get("datasets/dot.flights/rows", params))["data"] == [{"id": 20}, {"id": 19}]


def test_hidden_field_is_a_name_that_does_not_exist(reader: Api, flights: Dataset) -> None:
    hidden = reader.get("datasets/dot.flights/rows", {"ssn": "secret-1"})
    unknown = reader.get("datasets/dot.flights/rows", {"zzz": "secret-1"})
    assert hidden.status_code == 400
    assert hidden.content.replace(b"ssn", b"zzz") == unknown.content
    assert b"secret-" not in reader.get("datasets/dot.flights/rows").content


def test_owner_reads_its_own_in_clear(owner: Api, flights: Dataset) -> None:
    assert body(owner.get("datasets/dot.flights/rows", {"limit": "1"}))["data"][0]["ssn"] == "secret-1"


def test_same_answer_again_is_304_with_a_receipt_of_its_own(reader: Api, flights: Dataset) -> None:
    first = reader.get("datasets/dot.flights/rows")
    again = reader.get("datasets/dot.flights/rows", If_None_Match=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["Hub-Receipt"] != first["Hub-Receipt"]
    assert reader.get("datasets/dot.flights/rows", If_None_Match='"other"').status_code == 200


def test_another_page_has_another_tag(reader: Api, flights: Dataset) -> None:
    tags = {reader.get("datasets/dot.flights/rows", {"limit": limit})["ETag"] for limit in ("1", "2")}
    assert len(tags) == 2


@pytest.mark.parametrize(("ask", "expected"), [({"f": "csv"}, {}), ({}, {"Accept": "text/csv"})])
def test_csv_streams_the_whole_view(
    reader: Api, flights: Dataset, transactional_db: None, ask: dict[str, str], expected: dict[str, str]
) -> None:
    response = reader.get("datasets/dot.flights/rows", {**ask, "limit": "all"}, **expected)
    lines = streamed(response).split("\r\n")
    assert response["Content-Type"].startswith("text/csv")
    assert lines[:2] == ["id,名字,delay,at", "1,名1,1.50,2020-01-01T00:01:00Z"]
    assert len(lines) == ROWS + 2


def test_ndjson_streams_the_whole_view_and_is_recorded_twice(
    reader: Api, flights: Dataset, transactional_db: None
) -> None:
    response = reader.get("datasets/dot.flights/rows", {"f": "ndjson", "limit": "all"})
    rows = [json.loads(line) for line in streamed(response).splitlines()]
    assert [row["id"] for row in rows] == list(range(1, ROWS + 1))
    closing = Event.objects.get(kind="rows.streamed")
    assert closing.details == {"opening": response["Hub-Receipt"], "rows": ROWS, "outcome": "complete"}


def test_one_row_by_its_key(reader: Api, flights: Dataset) -> None:
    response = reader.get("datasets/dot.flights/rows/7")
    assert body(response) == {"id": 7, "名字": "名7", "delay": 10.5, "at": "2020-01-01T00:07:00Z"}
    missing = reader.get("datasets/dot.flights/rows/700")
    assert (missing.status_code, body(missing)["code"]) == (404, "not-found")


def test_keys_with_several_columns_escape_commas() -> None:
    from hub.api.views.rows import key_values

    assert key_values(r"a\,b,c\\,") == ("a,b", "c\\", "")
    assert key_values(r"\N,N,\\N,x\N,") == (None, "N", r"\N", "xN", "")
    with pytest.raises(NotFound):
        key_values("a\\")


def test_purpose_is_recorded_as_it_was_written(reader: Api, flights: Dataset) -> None:
    receipt = reader.get("datasets/dot.flights/rows", Hub_Purpose="延误统计".encode().decode("latin-1"))["Hub-Receipt"]
    assert Event.objects.get(pk=receipt).details["purpose"] == "延误统计"


def test_agreement_that_is_not_ones_own_is_refused(reader: Api, flights: Dataset) -> None:
    response = reader.get("datasets/dot.flights/rows", Hub_Agreement="nobody-2026")
    assert (response.status_code, body(response)["code"]) == (403, "agreement-invalid")


def test_conditional_data_is_denied_with_a_next_step(reader: Api, dataset: Callable[..., Dataset]) -> None:
    dataset("planes", sharing_class="conditional", reason="Safety", conditions="On request")
    response = reader.get("datasets/dot.planes/rows")
    answer = body(response)
    assert (response.status_code, answer["code"]) == (403, "denied")
    assert "dot.planes" in answer["hint"]


def test_rows_are_read_only(reader: Api, flights: Dataset) -> None:
    response = reader.post("datasets/dot.flights/rows")
    assert (response.status_code, response["Allow"], body(response)["code"]) == (405, "GET, HEAD", "method-not-allowed")


@pytest.mark.parametrize("path", ["rows", "rows/1"])
def test_a_read_takes_one_statement(reader: Api, flights: Dataset, path: str) -> None:
    reader.get(f"datasets/dot.flights/{path}")
    with CaptureQueriesContext(connections["serving"]) as statements:
        reader.get(f"datasets/dot.flights/{path}")
    asked = [q["sql"] for q in statements.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert [sql[:13] for sql in asked] == ["EXECUTE read_"]
