"""Things of one key that several owners have, at the API and on the pages of whoever sees all of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.models import User
from hub.catalog.models import Dataset
from policies.commands import approve_rule, draft_rule
from tests.api.conftest import Api
from tests.cast import member

RULE = {"key": "r1", "party": "everyone", "effect": "prohibit", "reason": "Review"}
FULL = "Name it in full: dot::r1, ::r1."


def body(response: Any) -> Any:
    return json.loads(response.content)


@pytest.fixture
def authority(as_agency: Callable[..., Api]) -> Api:
    return as_agency("hub", "authority", "auditor")


@pytest.fixture
def both(flights: Dataset, owner: Api, authority: Api) -> None:
    """``r1`` of the catalogue and ``r1`` of ``dot``, neither of which keeps the other from being made."""
    for api, target in ((owner, "dot.flights"), (authority, "*")):
        made = api.post("rules", {**RULE, "target": target})
        assert (made.status_code, body(made)["key"]) == (201, "r1")


@pytest.mark.usefixtures("both")
def test_whoever_sees_one_names_it_by_its_key_alone(owner: Api) -> None:
    assert body(owner.get("rules/r1"))["target"] == "dot.flights"
    assert body(owner.get("rules/dot::r1"))["target"] == "dot.flights"
    assert owner.get("rules/::r1").status_code == 404
    assert owner.post("rules", {**RULE, "target": "dot.*"}).status_code == 409


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(("method", "path"), [("get", ""), ("patch", ""), ("post", "/approve"), ("get", "/versions")])
def test_whoever_sees_several_is_told_their_full_names(authority: Api, method: str, path: str) -> None:
    ask = getattr(authority, method)

    answer = ask(f"rules/r1{path}") if method != "patch" else ask("rules/r1", {})

    told = body(answer)
    assert (answer.status_code, told["code"], told["hint"]) == (409, "key-ambiguous", FULL)
    assert body(authority.get("rules/::r1"))["target"] == "*"


def test_address_of_a_new_thing_names_it_alone(flights: Dataset, owner: Api, authority: Api) -> None:
    first = owner.post("rules", {**RULE, "target": "dot.flights"})
    second = authority.post("rules", {**RULE, "target": "*"})

    assert (first.headers["Location"], second.headers["Location"]) == ("/api/v1/rules/r1", "/api/v1/rules/::r1")
    assert body(authority.get(second.headers["Location"]))["target"] == "*"


@pytest.mark.usefixtures("both")
def test_pages_of_a_list_lose_none_of_one_key(authority: Api) -> None:
    first = body(authority.get("rules", {"limit": "1"}))
    second = body(authority.get("rules", {"limit": "1", "cursor": first["page"]["next"]}))

    assert {rule["target"] for page in (first, second) for rule in page["data"]} == {"*", "dot.flights"}
    assert second["page"]["next"] is None


def test_end_of_a_rule_is_rehearsed_with_the_catalogue_s_of_the_same_key_in_force(
    flights: Dataset, owner: Api, reader: Api
) -> None:
    assert reader.get("datasets/dot.flights/rows").status_code == 200
    for target in ("*", "dot.flights"):
        rule = draft_rule(actor=HUB, target=target, **{**RULE, "party": "agency:ops"})
        approve_rule(actor=HUB, rule=rule, approver="second")

    told = body(owner.post("rules/rehearse", {"key": "r1", "retire": True}))

    assert told["calls"] == {"gains": 0, "loses": 0, "changes": 0, "same": 1}


@pytest.mark.usefixtures("both")
def test_page_of_several_says_which_there_are() -> None:
    member("hub", "authority", "auditor")
    browser = Browser()
    browser.force_login(User.objects.get(email="authority-auditor@hub.example"))

    page = browser.get("/rules/r1", headers={"Accept": "text/html"})
    listed = browser.get("/rules").content.decode()

    assert page.status_code == 409
    assert FULL in page.content.decode()
    for address in ("/rules/dot::r1", "/rules/::r1"):
        assert f'href="{address}"' in listed
        assert browser.get(address).status_code == 200
