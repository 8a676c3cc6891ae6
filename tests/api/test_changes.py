"""The change feed over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hub.accounts.commands import bump_epoch
from hub.audit.models import Event
from hub.catalog.models import Dataset
from tests.api.conftest import ROWS, Api

FEED = "datasets/dot.flights/changes"


def body(response: Any) -> Any:
    return json.loads(response.content)


def test_feed_gives_keys_rows_and_a_position_and_at_last_nothing(reader: Api, flights: Dataset) -> None:
    response = reader.get(FEED, {"limit": "1"})
    answer = body(response)
    row = {"id": 1, "名字": "名1", "delay": 1.5, "at": "2020-01-01T00:01:00Z"}
    assert list(answer) == ["data", "page"]
    assert answer["data"] == [{"op": "upsert", "key": {"id": 1}, "row": row}]
    event = Event.objects.get(kind="rows.changes")
    assert response["Hub-Receipt"] == str(event.id)
    assert response["Cache-Control"] == "private"
    assert "ETag" not in response

    more = body(reader.get(FEED, {"since": answer["page"]["next"], "limit": "10000"}))
    assert len(more["data"]) == ROWS - 1
    last = body(reader.get(FEED, {"since": more["page"]["next"]}))
    assert (last["data"], list(last["page"])) == ([], ["next"])


def test_numbers_may_be_strings(reader: Api, flights: Dataset) -> None:
    (change,) = body(reader.get(FEED, {"limit": "1", "numbers": "string"}))["data"]
    assert (change["key"], change["row"]["delay"]) == ({"id": "1"}, "1.50")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "all"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"numbers": "x"}, "numbers"),
        ({"filter": "id = 1"}, "filter"),
        ({"ssn": "secret-1"}, "ssn"),
        ({"limit": ["1", "2"]}, "limit"),
    ],
)
def test_wrong_parameters_are_named(reader: Api, flights: Dataset, params: dict[str, Any], field: str) -> None:
    response = reader.get(FEED, params)
    assert (response.status_code, body(response)["code"]) == (400, "parameter-invalid")
    assert [error["field"] for error in body(response)["errors"]] == [field]


def test_position_of_another_caller_is_refused(reader: Api, as_agency: Callable[..., Api], flights: Dataset) -> None:
    since = body(reader.get(FEED, {"limit": "7"}))["page"]["next"]
    response = as_agency("spy").get(FEED, {"since": since})
    assert (response.status_code, body(response)["code"]) == (400, "cursor-invalid")
    assert reader.get(FEED, {"since": since}).status_code == 200


def test_cursor_of_pages_is_no_position(reader: Api, flights: Dataset) -> None:
    cursor = body(reader.get("datasets/dot.flights/rows", {"limit": "7"}))["page"]["next"]
    assert body(reader.get(FEED, {"since": cursor}))["code"] == "cursor-invalid"


def test_dataset_without_a_key_has_no_feed(reader: Api, dataset: Callable[..., Dataset]) -> None:
    dataset("logs", primary_key=[])
    response = reader.get("datasets/dot.logs/changes")
    assert (response.status_code, body(response)["code"]) == (409, "no-key")


def test_who_may_not_read_gets_no_feed(reader: Api, owner: Api, flights: Dataset) -> None:
    Dataset.objects.filter(pk=flights.pk).update(sharing_class="closed", reason="R")
    bump_epoch()
    response = reader.get(FEED)
    assert (response.status_code, body(response)["code"]) == (403, "closed")
    assert len(body(owner.get(FEED))["data"]) == ROWS


def test_dataset_that_is_secret_has_no_address(reader: Api, dataset: Callable[..., Dataset]) -> None:
    dataset("vault", is_secret=True, sharing_class="closed", reason="R")
    missing, secret = reader.get("datasets/dot.none/changes"), reader.get("datasets/dot.vault/changes")
    assert (missing.status_code, secret.status_code) == (404, 404)
    assert missing.content.replace(b"none", b"vault") == secret.content
