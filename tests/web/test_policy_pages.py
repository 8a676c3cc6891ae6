"""The pages on which people restrict, rehearse, ask, agree and read why, with those who may and those who may not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import translation
from django.utils.timezone import now

from hub.accounts.caller import HUB
from hub.accounts.commands import create_agency
from hub.catalog.models import Dataset, Field
from hub.web.phrases import in_words
from policies.commands import approve_rule, classify_dataset, draft_rule
from policies.models import Agreement, Application, Rule
from tests.web.conftest import SignedIn

LAW = [{"title": "Water Act", "article": "12", "kind": "law"}]
RULE = {
    "key": "names-hidden",
    "target": "water.wells#name",
    "party": "everyone",
    "effect": "",
    "access-field": "hash",
    "reason": "Safety of supply",
    "reason_zh": "供水安全",
    "basis_title": ["Water Act", ""],
    "basis_article": ["12", ""],
    "basis_url": ["", ""],
    "basis_kind": ["law", ""],
}
PAGES = ("/applications", "/applications/new?dataset=water.wells", "/agreements", "/rules", "/new-rule", "/exceptions")


def _text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def _later(days: int = 30) -> str:
    return (now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.fixture
def conditional(wells: Dataset) -> Dataset:
    words = {"reason": "Safety", "legal_basis": LAW, "conditions": "A purpose"}
    classify_dataset(actor=HUB, dataset=wells, sharing_class="conditional", **words)
    return wells


def _applied(browser: Browser, **more: object) -> Application:
    said = {"access-id": "clear", "access-name": "clear", "purpose": "Repairs", "valid_to": _later(), **more}
    answer = browser.post("/applications/new?dataset=water.wells", said)
    assert answer.status_code == 302, _text(answer)
    return Application.objects.get()


@pytest.mark.parametrize("path", [*PAGES, "/datasets/water.wells/access"])
def test_nothing_is_shown_without_signing_in(wells: Dataset, path: str) -> None:
    answer = Browser().get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("path", [*PAGES, "/datasets/water.wells/access"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_is_there_and_no_browser_keeps_it(signed_in: SignedIn, path: str, language: str) -> None:
    browser = signed_in("city", "reviewer", "publisher")
    browser.post("/i18n/setlang/", {"language": language, "next": "/"})

    answer = browser.get(path)

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert f'<html lang="{language}">' in answer.content.decode()


def test_rule_is_drafted_rehearsed_approved_by_another_and_read_as_the_reason(signed_in: SignedIn) -> None:
    author, reviewer = signed_in("water", "publisher"), signed_in("water", "reviewer")
    city = signed_in("city")
    assert "deep" in _text(city.get("/datasets/water.wells"))

    drafted = author.post("/new-rule", RULE)
    by_author = author.post("/rules/names-hidden/approve")
    rehearsed = _text(reviewer.post("/rules/names-hidden/rehearsal", {"days": "7"}))
    before = _text(city.get("/datasets/water.wells"))
    approved = reviewer.post("/rules/names-hidden/approve")
    after = _text(city.get("/datasets/water.wells"))
    why = _text(city.get("/datasets/water.wells/access"))

    assert drafted.status_code == 302
    assert by_author.status_code == 403
    assert "in clear → as a pseudonym" in rehearsed
    assert 'class="loses">1<' in rehearsed
    assert "deep" in before
    assert approved.status_code == 302
    assert "deep" not in after
    assert "Safety of supply" in why
    assert "Water Act, 12" in why
    assert Rule.objects.get().versions.count() == 2


def test_end_of_a_rule_is_rehearsed_and_ended(signed_in: SignedIn, wells: Dataset) -> None:
    reviewer = signed_in("water", "reviewer")
    reviewer.post("/new-rule", RULE)
    approve_rule(actor=HUB, rule=Rule.objects.get(), approver="second@water.example")
    signed_in("city").get("/datasets/water.wells")

    rehearsed = _text(reviewer.post("/rules/names-hidden/rehearsal", {"days": "7", "end": "1"}))
    confirmed = reviewer.post("/rules/names-hidden/confirm")
    ended = reviewer.post("/rules/names-hidden/retire")

    assert 'class="gains">1<' in rehearsed
    assert confirmed.status_code == ended.status_code == 302
    assert Rule.objects.get().status == "retired"


def test_draft_is_changed_by_its_author_alone_and_keeps_every_word(signed_in: SignedIn) -> None:
    author, other = signed_in("water", "publisher"), signed_in("water", "reviewer")
    author.post("/new-rule", {**RULE, "valid_to": "2030-01-02T03:04:05"})
    before = Rule.objects.values().get()

    form = author.get("/rules/names-hidden/edit").content.decode()
    said = {name: RULE[name] for name in RULE if name != "key"}
    changed = author.post("/rules/names-hidden/edit", {**said, "valid_to": "2030-01-02T03:04:05", "reason": "Supply"})
    refused = other.post("/rules/names-hidden/edit", said)

    assert 'value="2030-01-02T03:04:05"' in form
    assert 'value="Water Act"' in form
    assert changed.status_code == 302
    assert refused.status_code == 403
    after = Rule.objects.values().get()
    assert {name for name in before if before[name] != after[name]} == {"reason"}


def test_what_was_typed_stays_when_it_is_refused_and_the_fault_is_at_its_place(signed_in: SignedIn) -> None:
    browser = signed_in("water", "publisher")

    words = {**RULE, "target": "water.wells", "effect": "prohibit", "filter": "depth >"}
    answer = browser.post("/new-rule", {**words, "valid_to": "tomorrow"})
    page = answer.content.decode()

    assert answer.status_code == 400
    assert "This was not done" in page
    assert "depth &gt;" in page
    assert not Rule.objects.exists()


def test_rules_are_not_there_for_other_agencies(signed_in: SignedIn) -> None:
    signed_in("water", "publisher").post("/new-rule", RULE)
    city = signed_in("city", "reviewer", "publisher")

    assert "names-hidden" not in _text(city.get("/rules"))
    assert city.get("/rules/names-hidden").status_code == 404
    assert city.get("/rules/names-hidden/edit").status_code == 404
    for act in ("approve", "confirm", "retire", "rehearsal"):
        assert city.post(f"/rules/names-hidden/{act}").status_code == 404
    assert city.post("/new-rule", {**RULE, "key": "foreign"}).status_code == 403
    assert Rule.objects.get().status == "draft"


def test_member_without_a_role_changes_no_rule(signed_in: SignedIn) -> None:
    signed_in("water", "publisher").post("/new-rule", RULE)
    member = signed_in("water")

    for act in ("approve", "retire", "rehearsal"):
        assert member.post(f"/rules/names-hidden/{act}").status_code == 403
    assert member.post("/new-rule", {**RULE, "key": "mine"}).status_code == 403
    assert Rule.objects.get().status == "draft"


def test_application_is_asked_supplemented_agreed_in_part_and_ended(signed_in: SignedIn, conditional: Dataset) -> None:
    city, water = signed_in("city", "requester"), signed_in("water", "reviewer")
    assert "Apply for more" in _text(city.get("/datasets/water.wells"))

    thing = _applied(city)
    place = f"/applications/{thing.pk}"
    assert water.post(f"{place}/ask", {"question": "Which wells?"}).status_code == 302
    assert "Which wells?" in _text(city.get(place))
    terms = {"access-id": "clear", "access-name": "clear", "purpose": "Repairs", "valid_to": _later(20)}
    assert city.post(f"{place}/supplement", {"note": "All of them", **terms}).status_code == 302
    part = {**terms, "access-name": "hash", "valid_to": _later(10), "key": "repairs", "answer": "Names stay with us"}
    assert water.post(f"{place}/agree", part).status_code == 302

    agreement = Agreement.objects.get()
    assert agreement.key == "repairs"
    assert agreement.fields == {"id": "clear", "name": "hash"}
    assert "Names stay with us" in _text(city.get(place))
    assert "repairs" in _text(city.get("/agreements"))
    assert "deep" not in _text(city.get("/datasets/water.wells"))
    granted = _text(city.get("/datasets/water.wells", {"agreement": "repairs"}))
    assert "First rows, as you see them" in granted
    assert "Hub-Agreement: repairs" in granted
    assert "deep" not in granted
    assert city.post("/agreements/repairs/end").status_code == 302
    agreement.refresh_from_db()
    assert agreement.ended_at is not None


def test_owner_grants_no_more_than_was_asked_for(signed_in: SignedIn, conditional: Dataset) -> None:
    thing = _applied(signed_in("city", "requester"), **{"access-name": "hash"})
    more = {"access-id": "clear", "access-name": "clear", "purpose": "Repairs", "valid_to": _later(10)}

    answer = signed_in("water", "reviewer").post(f"/applications/{thing.pk}/agree", more)

    assert answer.status_code == 400
    assert "was not asked for in this form" in _text(answer)
    assert not Agreement.objects.exists()


def test_application_is_refused_with_reasons_or_withdrawn(signed_in: SignedIn, conditional: Dataset) -> None:
    city, water = signed_in("city", "requester"), signed_in("water", "reviewer")
    place = f"/applications/{_applied(city).pk}"

    silent = water.post(f"{place}/refuse", {"answer": ""})
    refused = water.post(f"{place}/refuse", {"answer": "No purpose"})
    late = city.post(f"{place}/withdraw")

    assert silent.status_code == 400
    assert refused.status_code == 302
    assert late.status_code == 409
    assert Application.objects.get().status == "refused"


def test_applications_are_not_there_for_third_agencies_nor_answered_by_the_applicant(
    signed_in: SignedIn, conditional: Dataset
) -> None:
    create_agency(actor=HUB, code="fire", name="Fire Brigade")
    city, fire = signed_in("city", "requester", "reviewer"), signed_in("fire", "reviewer")
    thing = _applied(city, purpose="purpose-555")
    place = f"/applications/{thing.pk}"

    assert "purpose-555" not in _text(fire.get("/applications"))
    assert fire.get(place).status_code == 404
    for act in ("ask", "agree", "refuse", "withdraw", "supplement"):
        assert fire.post(f"{place}/{act}", {"answer": "x", "question": "x", "note": "x"}).status_code == 404
    for act in ("ask", "agree", "refuse"):
        assert city.post(f"{place}/{act}", {"answer": "x", "question": "x"}).status_code in (400, 403)
    assert signed_in("water").post(f"{place}/refuse", {"answer": "x"}).status_code == 403
    thing.refresh_from_db()
    assert thing.status == "submitted"


def test_agreement_is_not_there_for_third_agencies(signed_in: SignedIn, conditional: Dataset) -> None:
    create_agency(actor=HUB, code="fire", name="Fire Brigade")
    thing = _applied(signed_in("city", "requester"))
    said = {"access-id": "clear", "purpose": "Repairs", "valid_to": _later(10), "key": "repairs"}
    signed_in("water", "reviewer").post(f"/applications/{thing.pk}/agree", said)
    fire = signed_in("fire", "reviewer")

    assert "repairs" not in _text(fire.get("/agreements"))
    assert fire.post("/agreements/repairs/end").status_code == 404
    assert signed_in("city").post("/agreements/repairs/end").status_code == 403
    assert Agreement.objects.get().ended_at is None


def test_secret_field_is_in_no_form_and_cannot_be_asked_for(signed_in: SignedIn, conditional: Dataset) -> None:
    Field.objects.filter(name="phone").update(is_secret=True, legal_basis=LAW)
    city = signed_in("city", "requester")

    form = _text(city.get("/applications/new?dataset=water.wells"))
    why = _text(city.get("/datasets/water.wells/access"))
    thing = _applied(city, **{"access-phone": "clear"})

    assert "name" in form
    assert "phone" not in form
    assert "phone" not in why
    assert "phone" not in thing.fields
    assert "phone" in _text(signed_in("water", "publisher").get("/datasets/water.wells/access"))


def test_dataset_that_is_not_there_has_no_why_and_no_form(signed_in: SignedIn, wells: Dataset) -> None:
    Dataset.objects.update(status="draft")
    city = signed_in("city", "requester")

    for key in ("water.wells", "water.nothing"):
        assert city.get(f"/datasets/{key}/access").status_code == 404
        assert city.get(f"/applications/new?dataset={key}").status_code == 404


def test_rows_are_told_in_words_and_others_are_looked_at_by_the_owner_alone(
    signed_in: SignedIn, wells: Dataset
) -> None:
    words: dict[str, Any] = {"effect": "prohibit", "reason": "Old", "filter": "id > 5 OR name IS NULL"}
    rule = draft_rule(actor=HUB, key="old", target="water.wells", party="agency:city", **words)
    approve_rule(actor=HUB, rule=rule)
    city, water = signed_in("city"), signed_in("water", "publisher")

    why = _text(city.get("/datasets/water.wells/access"))
    looked = _text(water.get("/datasets/water.wells/access", {"as": "agency:city"}))
    refused = city.get("/datasets/water.wells/access", {"as": "agency:water"})
    unknown = water.get("/datasets/water.wells/access", {"as": "agency:nobody"})

    assert "Those where it is not so that (id is above 5, or name has no value)" in why
    assert "What agency:city sees, and why" in looked
    assert "id is above 5" in looked
    assert refused.status_code == 403
    assert unknown.status_code == 400


def test_ledger_shows_what_is_withheld_and_is_the_agency_s_own(signed_in: SignedIn, conditional: Dataset) -> None:
    own = _text(signed_in("water").get("/exceptions"))
    theirs = _text(signed_in("city", "reviewer").get("/exceptions"))
    asked = signed_in("city", "publisher").get("/exceptions", {"agency": "water"})
    auditor = _text(signed_in("city", "auditor").get("/exceptions", {"agency": "water"}))

    assert "Water Act, 12" in own
    assert "water.wells#phone" in own
    assert "water.wells" not in theirs
    assert asked.status_code == 404
    assert "water.wells#phone" in auditor


def test_reason_is_read_in_the_visitor_s_language(signed_in: SignedIn) -> None:
    signed_in("water", "publisher").post("/new-rule", RULE)
    signed_in("water", "reviewer").post("/rules/names-hidden/approve")
    city = signed_in("city")
    city.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})

    assert "供水安全" in _text(city.get("/datasets/water.wells/access"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 'x'", "a is “x”"),
        ("a <> 1 AND b <= 2.50", "a is not 1, and b is at most 2.50"),
        ("a IN (1, 2) AND (b < 1 OR c >= 2)", "a is one of 1, 2, and (b is below 1, or c is at least 2)"),
        ("a BETWEEN 1 AND 2", "a is from 1 to 2"),
        ("a LIKE 'x%'", "a looks like “x%”"),
        ("a IS NOT NULL AND NOT b IN (1)", "a has a value, and it is not so that b is one of 1"),
        ("CASEI(a) = CASEI('x')", "a in any letter case is “x” in any letter case"),
        ("a = TRUE", "a is true"),
        ("a >", "a >"),
    ],
)
def test_filter_in_words(text: str, words: str) -> None:
    with translation.override("en"):
        assert in_words(text) == words


def test_nul_in_a_form_is_refused(signed_in: SignedIn) -> None:
    assert signed_in("water", "publisher").post("/new-rule", {**RULE, "reason": "a\0b"}).status_code == 400
    assert not Rule.objects.exists()
