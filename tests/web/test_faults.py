"""A refused form says at each field what is wrong, in the visitor's language, and keeps what was typed."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils.timezone import now

from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from policies.commands import classify_dataset
from policies.models import Agreement, Application, Rule
from tests.web.conftest import SignedIn

LAW = [{"title": "Water Act", "article": "12", "kind": "law"}]
RULE = {"key": "deep", "target": "water.wells", "party": "everyone", "effect": "prohibit", "reason": "Safety"}
BASIS = {"basis_title": [""], "basis_article": ["12"], "basis_url": [""], "basis_kind": [""]}
ON_FIELD = {"target": "water.wells#name", "effect": "", "access-field": "hash"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _later(days: int) -> str:
    return (now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")


WRONG_RULES: list[tuple[dict[str, Any], set[str]]] = [
    ({"key": "no key"}, {"key"}),
    ({"target": "water.pumps"}, {"target"}),
    ({"target": "water"}, {"target"}),
    ({"party": "agency:nobody"}, {"party"}),
    ({"party": "nobody"}, {"party"}),
    ({"effect": ""}, {"effect"}),
    ({"access-field": "hash"}, {"access"}),
    ({**ON_FIELD, "effect": "prohibit"}, {"effect"}),
    ({**ON_FIELD, "access-field": ""}, {"access"}),
    ({**ON_FIELD, "access-field": "round"}, {"access"}),
    ({**ON_FIELD, "access-field": "partial", "detail-field": "x"}, {"access"}),
    ({**ON_FIELD, "filter": "id = 1"}, {"filter"}),
    ({"filter": "id > 'x'"}, {"filter"}),
    ({"filter": "depth > 1"}, {"filter"}),
    ({"filter": "id IN (1 2)"}, {"filter"}),
    ({"filter": "id >"}, {"filter"}),
    ({"filter": "id > 1", "modes": ["rows"]}, {"modes"}),
    ({"effect": "permit", "firm": "on", **BASIS, "basis_title": ["Water Act"]}, {"firm"}),
    ({"firm": "on"}, {"legal_basis"}),
    (dict(BASIS), {"legal_basis"}),
    ({"reason": " ", "valid_from": _later(2), "valid_to": _later(1)}, {"reason", "valid_to"}),
    ({"valid_to": "tomorrow"}, {"valid_to"}),
]
WRONG_APPLICATIONS: list[tuple[dict[str, str], set[str]]] = [
    ({"purpose": " "}, {"purpose"}),
    ({"access-id": ""}, {"fields"}),
    ({"access-name": "round"}, {"fields.name"}),
    ({"access-phone": "clear", "filter": "depth > 1"}, {"filter"}),
    ({"valid_to": ""}, {"valid_to"}),
    ({"valid_to": "2020-01-01T00:00:00"}, {"valid_to"}),
]


def _faults(page: str) -> dict[str, str]:
    """Each place at which something is wrong with what is said there; its input says that it is invalid."""
    found = dict(re.findall(r'<span class="fault" id="fault-([^"]+)">([^<]*)</span>', page))
    assert set(re.findall(r'aria-invalid="true" aria-describedby="fault-([^"]+)"', page)) == set(found)
    return found


def _in(browser: Browser, language: str) -> Browser:
    browser.post("/i18n/setlang/", {"language": language, "next": "/"})
    return browser


@pytest.fixture
def conditional(wells: Dataset) -> Dataset:
    classify_dataset(
        actor=HUB, dataset=wells, sharing_class="conditional", reason="Safety", legal_basis=LAW, conditions="A purpose"
    )
    return wells


@pytest.fixture
def application(signed_in: SignedIn, conditional: Dataset) -> Application:
    said = {"access-id": "clear", "access-name": "hash", "purpose": "Repairs", "valid_to": _later(30)}
    assert signed_in("city", "requester").post("/applications/new?dataset=water.wells", said).status_code == 302
    return Application.objects.get()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_rule_says_at_each_field_what_is_wrong(signed_in: SignedIn, language: str) -> None:
    browser = _in(signed_in("water", "publisher"), language)

    for words, places in WRONG_RULES:
        answer = browser.post("/new-rule", {**RULE, **words})
        found = _faults(answer.content.decode())

        assert (answer.status_code, set(found)) == (400, places), words
        assert all(bool(CHINESE.search(text)) == (language == "zh-hans") for text in found.values()), found
    assert not Rule.objects.exists()


def test_place_in_a_filter_is_told(signed_in: SignedIn) -> None:
    answer = signed_in("water", "publisher").post("/new-rule", {**RULE, "filter": "id > 5 AND name = 'x"})

    assert "A text in single quotes does not end (character 18)" in _faults(answer.content.decode())["filter"]


def test_every_word_of_a_refused_rule_is_kept(signed_in: SignedIn) -> None:
    words = {
        **RULE,
        "target": "water.pumps#name",
        "effect": "permit",
        "access-field": "partial",
        "detail-field": "3,4",
        "filter": "id > 5",
        "modes": ["export"],
        "firm": "on",
        "reason_zh": "供水安全",
        "basis_title": ["Water Act", "Decree 809"],
        "basis_article": ["12", "3"],
        "basis_url": ["", "https://law.example/"],
        "basis_kind": ["law", "of another land"],
        "valid_to": "tomorrow",
    }

    page = signed_in("water", "publisher").post("/new-rule", words).content.decode()

    for kept in ('value="deep"', 'value="water.pumps#name"', 'value="3,4"', 'value="tomorrow"', ">id &gt; 5<"):
        assert kept in page
    for chosen in ("permit", "partial", "export", "law"):
        assert re.search(f'value="{chosen}" (selected|checked)', page), chosen
    for typed in ("供水安全", "Decree 809", "https://law.example/", "<option selected>of another land<"):
        assert typed in page
    assert 'name="firm" checked' in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_application_says_at_each_field_what_is_wrong(signed_in: SignedIn, conditional: Dataset, language: str) -> None:
    browser = _in(signed_in("city", "requester"), language)
    said = {"access-id": "clear", "purpose": "Repairs", "valid_to": _later(30)}

    for words, places in WRONG_APPLICATIONS:
        answer = browser.post("/applications/new?dataset=water.wells", {**said, **words})
        found = _faults(answer.content.decode())

        assert (answer.status_code, set(found)) == (400, places), words
        assert all(bool(CHINESE.search(text)) == (language == "zh-hans") for text in found.values()), found
    assert not Application.objects.exists()


def test_refused_answer_is_told_in_its_own_form_and_kept(signed_in: SignedIn, application: Application) -> None:
    water, place = signed_in("water", "reviewer"), f"/applications/{application.pk}"
    more = {"access-id": "clear", "access-name": "clear", "purpose": "Repairs", "valid_to": _later(10)}

    agreed = water.post(f"{place}/agree", {**more, "answer": "With care", "key": "repairs"}).content.decode()
    refused = water.post(f"{place}/refuse", {"answer": " "}).content.decode()

    assert set(_faults(agreed)) == {"fields.name"}
    assert "<details open>" in agreed
    assert 'value="With care"' in agreed
    assert 'value="repairs"' in agreed
    assert set(_faults(refused)) == {"answer"}
    assert "<details open>" not in refused
    assert not Agreement.objects.exists()


def test_who_may_not_apply_is_told_before_anything_is_typed(signed_in: SignedIn, conditional: Dataset) -> None:
    page = signed_in("city", "publisher").get("/applications/new?dataset=water.wells").content.decode()

    assert "Applications are made by the requesters and reviewers of your agency" in page
    assert 'name="purpose"' not in page


def test_author_who_approves_is_told_in_either_language(signed_in: SignedIn) -> None:
    author = signed_in("water", "publisher", "reviewer")
    author.post("/new-rule", RULE)

    english = author.post("/rules/deep/approve")
    chinese = _in(author, "zh-hans").post("/rules/deep/approve")

    assert english.status_code == chinese.status_code == 403
    assert "Approving a rule takes another person than publisher-reviewer@water.example." in english.content.decode()
    assert "批准规则须由 publisher-reviewer@water.example 以外的人员办理。" in chinese.content.decode()
    assert Rule.objects.get().status == "draft"


def test_address_of_an_act_leads_back_to_its_page(signed_in: SignedIn, application: Application) -> None:
    browser = signed_in("water", "publisher", "reviewer")
    browser.post("/new-rule", RULE)
    place = f"/applications/{application.pk}"
    acts = {
        "/rules/deep/approve": "/rules/deep",
        "/rules/deep/rehearsal": "/rules/deep",
        f"{place}/agree": place,
        "/agreements/any/end": "/agreements",
        "/people/1/remove": "/people",
        "/agencies/city/switch": "/agencies",
    }

    assert {act: browser.get(act).headers.get("Location") for act in acts} == acts
    assert browser.delete("/rules/deep/approve").status_code == 405
    assert Rule.objects.get().status == "draft"


def test_people_and_tokens_say_at_each_field_what_is_wrong(signed_in: SignedIn) -> None:
    browser = signed_in("city", "reviewer")
    wrong: list[tuple[str, dict[str, str], set[str]]] = [
        ("/people", {"email": "nobody", "roles": "requester"}, {"email"}),
        ("/tokens", {"client": "no name!", "scopes": "read", "days": "30"}, {"name"}),
        ("/tokens", {"client": "map", "scopes": "fly", "days": "30"}, {"scopes"}),
        ("/tokens", {"client": "map", "scopes": "read", "days": "0"}, {"expires"}),
    ]

    for path, words, places in wrong:
        page = browser.post(path, words).content.decode()

        assert set(_faults(page)) == places, words
        assert [typed for typed in words.values() if f'value="{typed}"' not in page] == []


def test_agency_says_at_each_field_what_is_wrong(signed_in: SignedIn) -> None:
    browser = signed_in("water", "system")

    code = browser.post("/agencies", {"code": "Fire", "name": "Fire Brigade"}).content.decode()
    parent = browser.post("/agencies", {"code": "fire", "name": "Fire Brigade", "parent": "state"}).content.decode()

    assert set(_faults(code)) == {"code"}
    assert 'value="Fire Brigade"' in code
    assert set(_faults(parent)) == {"parent"}
