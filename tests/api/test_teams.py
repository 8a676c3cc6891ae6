"""Teams over HTTP: made by administrators, seen by their agency, and what a steward can do then."""

import json
from collections.abc import Callable
from typing import Any

from django.test import Client as Browser

from hub.accounts.models import Team
from hub.catalog.models import Dataset
from tests.api.conftest import Api
from tests.cast import member

DESK = {
    "agency": "dot",
    "name": "desk",
    "members": ["clerk@dot.example"],
    "stewardships": [{"dataset": "dot.flights", "acts": ["edit"]}],
}


def body(response: Any) -> Any:
    return json.loads(response.content)


def test_team_is_made_changed_and_ended(system: Api, flights: Dataset) -> None:
    member("dot", email="clerk@dot.example")

    made = system.post("teams", DESK)
    assert made.status_code == 201
    address = made["Location"].removeprefix("/api/v1/")
    assert body(system.get(address)) == {"id": address.removeprefix("teams/"), **DESK}

    changed = system.patch(address, {"stewardships": [{"dataset": "dot.flights", "acts": ["review", "load"]}]})
    assert body(changed)["stewardships"] == [{"dataset": "dot.flights", "acts": ["load", "review"]}]
    assert body(changed)["members"] == DESK["members"]
    assert system.post(f"{address}/end").status_code == 204
    assert system.get(address).status_code == 404
    assert not Team.objects.exists()


def test_only_administrators_make_teams_and_only_their_agency_sees_them(
    system: Api, reviewer: Api, reader: Api, flights: Dataset
) -> None:
    member("dot", email="clerk@dot.example")
    assert reviewer.post("teams", DESK).status_code == 403

    address = system.post("teams", DESK)["Location"].removeprefix("/api/v1/")

    assert body(reviewer.get("teams"))["data"][0]["name"] == "desk"
    assert (body(reader.get("teams"))["data"], reader.get(address).status_code) == ([], 404)
    for call in (lambda api: api.patch(address, {"members": []}), lambda api: api.post(f"{address}/end")):
        assert (call(reviewer).status_code, call(reader).status_code) == (403, 404)
    assert b"clerk@dot.example" not in reader.get("teams").content


def test_whole_body_is_refused_where_one_part_is_wrong(system: Api, flights: Dataset) -> None:
    refused = system.post("teams", DESK)

    assert (refused.status_code, body(refused)["errors"][0]["field"]) == (400, "members")
    assert not Team.objects.exists()


def test_steward_edits_the_one_dataset_and_reads_nothing_by_it(
    system: Api, dataset: Callable[..., Dataset], flights: Dataset
) -> None:
    dataset("other")
    clerk = member("dot", email="clerk@dot.example")
    elsewhere = member("ops", email="clerk@dot.example")
    system.post("teams", DESK)
    browser = Browser()
    assert browser.login(username=clerk.email, password="correct horse battery")

    def patch(key: str) -> int:
        return browser.patch(f"/api/v1/datasets/{key}", {"title": "Mine"}, content_type="application/json").status_code

    assert (patch("dot.flights"), patch("dot.other")) == (200, 403)
    switched = browser.post("/profile", {"agency": elsewhere.agency})
    assert switched.status_code in (200, 302)
    assert patch("dot.flights") == 403
    rows = browser.get("/api/v1/datasets/dot.flights/rows")
    assert rows.status_code == 200
    assert b"secret-" not in rows.content
