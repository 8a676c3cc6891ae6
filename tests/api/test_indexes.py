"""Indexes over HTTP: asked for, listed and dropped by who administers the dataset, unknown to everyone else."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.store.models import Index
from tests.api.conftest import Api

PATH = "datasets/dot.flights/indexes"


def test_an_owner_asks_for_indexes_lists_and_drops_them(owner: Api, flights: Dataset) -> None:
    asked = owner.post(PATH, {"fields": ["-delay", "名字"]})
    again = owner.post(PATH, {"fields": ["-delay", "名字"]})
    other = owner.post(PATH, {"fields": ["at"]})

    assert (asked.status_code, again.status_code, other.status_code) == (202, 202, 202)
    told = asked.json()
    assert again.json() == told
    assert (told["fields"], told["origin"], told["status"]) == (["-delay", "名字"], "asked", "wanted")
    assert owner.get(asked["Location"]).json() == told
    assert [index["fields"] for index in owner.get(PATH).json()["data"]] == [["-delay", "名字"], ["at"]]
    assert [index["fields"] for index in owner.get(PATH, {"limit": "1"}).json()["data"]] == [["-delay", "名字"]]

    assert owner._sent("delete", f"{PATH}/{told['id']}", "", {}).status_code == 204
    assert [index["fields"] for index in owner.get(PATH).json()["data"]] == [["at"]]
    assert owner.get(f"{PATH}/{told['id']}").status_code == 404
    kinds = Event.objects.filter(kind__startswith="index.").order_by("at").values_list("kind", flat=True)
    assert list(kinds) == ["index.asked", "index.asked", "index.dropped"]


def test_nobody_else_learns_of_indexes_or_asks_for_one(
    as_agency: Callable[..., Api], owner: Api, flights: Dataset
) -> None:
    index = owner.post(PATH, {"fields": ["ssn"]}).json()
    others = (as_agency("ops"), as_agency("ops", "publisher", "reviewer"), as_agency("dot"))

    for api in others:
        answers = [
            api.get(PATH),
            api.get(f"{PATH}/{index['id']}"),
            api.get(f"{PATH}/{uuid4()}"),
            api.post(PATH, {"fields": ["ssn"]}),
            api.post(PATH, {"fields": ["nothing"]}),
            api._sent("delete", f"{PATH}/{index['id']}", "", {}),
            api._sent("delete", f"{PATH}/{uuid4()}", "", {}),
        ]
        assert {answer.status_code for answer in answers} == {403}
        assert len({answer.content for answer in answers}) == 1

    assert Index.objects.count() == 1


def test_of_a_secret_dataset_there_is_nothing(
    as_agency: Callable[..., Api], owner: Api, dataset: Callable[..., Dataset]
) -> None:
    dataset("vault", is_secret=True, sharing_class="closed", reason="x")

    api = as_agency("ops", "publisher")

    assert api.get("datasets/dot.vault/indexes").status_code == 404
    assert api.post("datasets/dot.vault/indexes", {"fields": ["id"]}).status_code == 404
    assert owner.post("datasets/dot.vault/indexes", {"fields": ["id"]}).status_code == 202


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        ([], "fields", "invalid"),
        (["id", "-id"], "fields[1]", "invalid"),
        (["delay", "nothing"], "fields[1]", "unknown-field"),
        (["extra"], "fields[0]", "not-sortable"),
        (["id"] * 9, "fields", "invalid"),
    ],
)
def test_what_is_no_index_is_refused_at_its_place(
    owner: Api, dataset: Callable[..., Dataset], fields: list[str], place: str, code: str
) -> None:
    dataset(
        "flights",
        fields=[{"name": n, "type": t} for n, t in (("id", "integer"), ("delay", "decimal"), ("extra", "json"))],
    )

    answer = owner.post(PATH, {"fields": fields})

    assert answer.status_code == 400
    assert (place, code) in [(error["field"], error["code"]) for error in answer.json()["errors"]]


def test_too_many_indexes_are_refused(owner: Api, flights: Dataset) -> None:
    for number in range(20):
        Index.objects.create(dataset=flights, fields=[f"f{number}"], origin="asked")

    answer = owner.post(PATH, {"fields": ["at"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-indexes")


def test_a_costly_read_is_told_so(reader: Api, flights: Dataset, settings: object, transactional_db: None) -> None:
    settings.HUB_SCAN_ROWS = 10  # type: ignore[attr-defined]

    for path in ("rows?filter=delay > 3", "rows?sortby=at", "rows?count=exact", "aggregate?groupby=at"):
        answer = reader.get(f"datasets/dot.flights/{path}")
        assert (answer.status_code, answer.json()["code"]) == (400, "too-costly")
        assert "filter by id" in answer.json()["hint"]
    assert reader.get("datasets/dot.flights/rows/7").status_code == 200
    whole = reader.get("datasets/dot.flights/rows?limit=all&f=csv")
    assert len(whole.getvalue().splitlines()) == 21


def test_the_request_that_is_documented_is_answered(owner: Api, dataset: Callable[..., Dataset]) -> None:
    document = (Path(__file__).parents[2] / "docs" / "publish.md").read_text().partition("\n## Indexes")[2]
    asked = re.search(r"-d '(\{\"fields\".*?\})' http://127\.0\.0\.1:8000/api/v1/(\S+)", document)
    assert asked is not None
    dataset(
        "wells", fields=[{"name": "district", "type": "string"}, {"name": "depth_m", "type": "decimal"}], primary_key=[]
    )

    answer = owner.post(asked[2].replace("water.", "dot."), json.loads(asked[1]))

    assert (answer.status_code, answer.json()["fields"]) == (202, ["district", "-depth_m"])
