"""Rules: who writes and approves them, what they say, and why two persons stand behind each."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import create_client, set_group
from hub.catalog.models import Dataset, Field
from hub.errors import Invalid
from policies.commands import (
    approve_rule,
    edit_rule,
    retire_rule,
)
from policies.models import Rule
from tests.cast import agency, faults, member, refusal, steward, traces
from tests.policies.acts import BASIS, END, draft, hashing, in_force

pytestmark = pytest.mark.django_db


def test_one_drafts_and_another_approves(flights: Dataset, publisher: Caller, reviewer: Caller) -> None:
    rule = draft(publisher)
    assert in_force(flights) == []

    assert traces(lambda: approve_rule(actor=reviewer, rule=rule)) == (["rule.approved"], True)

    assert in_force(flights) == ["r1"]
    assert (rule.author, rule.approver) == (publisher.name, reviewer.name)


def test_author_does_not_approve_whatever_else_they_are(flights: Dataset) -> None:
    everything = member("dot", "publisher", "reviewer", "system", "authority")
    rule = draft(everything)

    assert refusal(approve_rule, actor=everything, rule=rule) == "second-person"
    assert refusal(approve_rule, actor=everything, rule=rule, approver="manifest") == "second-person"
    assert in_force(flights) == []


def test_same_person_in_another_agency_is_the_same_person(flights: Dataset) -> None:
    rule = draft(member("dot", "publisher", email="one@city.example"))
    as_authority = member("hub", "authority", email="one@city.example")

    assert refusal(approve_rule, actor=as_authority, rule=rule) == "second-person"


def test_hub_drafts_and_its_manifest_approves(flights: Dataset) -> None:
    rule = approve_rule(actor=HUB, rule=draft())

    assert (rule.author, rule.approver, rule.status) == ("hub", "manifest", "approved")


@pytest.mark.parametrize(
    ("code", "roles"),
    [
        ("met", ("publisher", "reviewer")),
        ("dot", ("requester",)),
        ("dot", ("auditor",)),
        ("hub", ("system",)),
        ("hub", ("authority",)),
    ],
)
def test_rules_on_an_agencys_data_are_written_by_its_own(flights: Dataset, code: str, roles: tuple[str, ...]) -> None:
    other = member(code, *roles)

    for target in ("dot.flights", "dot.*", "dot.flights#tail"):
        assert refusal(draft, actor=other, target=target) == "forbidden"
    assert not Rule.objects.exists()


def test_refusal_does_not_tell_what_there_is(flights: Dataset) -> None:
    outsider = member("met", "publisher")

    assert [refusal(draft, actor=outsider, target=t) for t in ("dot.flights", "dot.nothing", "dot.flights#no")] == [
        "forbidden"
    ] * 3


@pytest.mark.parametrize(
    ("code", "roles"), [("met", ("reviewer",)), ("dot", ("publisher",)), ("dot", ()), ("hub", ("system",))]
)
def test_nobody_else_approves_or_retires(flights: Dataset, code: str, roles: tuple[str, ...]) -> None:
    rule, standing = draft(), approve_rule(actor=HUB, rule=draft(key="r2"))
    other = member(code, *roles)

    assert refusal(approve_rule, actor=other, rule=rule) == "forbidden"
    assert refusal(retire_rule, actor=other, rule=standing) == "forbidden"
    assert in_force(flights) == ["r2"]


def test_rules_on_the_catalogue_are_the_authoritys(authority: Caller, publisher: Caller) -> None:
    rule = draft(authority, target="*", effect="prohibit")
    second = member("hub", "authority", email="second@hub.example")

    assert refusal(draft, actor=publisher, target="*", key="r2") == "forbidden"
    assert refusal(approve_rule, actor=member("dot", "reviewer"), rule=rule) == "forbidden"
    assert refusal(approve_rule, actor=authority, rule=rule) == "second-person"
    assert approve_rule(actor=second, rule=rule).status == "approved"


def test_stewards_write_and_approve_rules_on_their_own_dataset_alone(flights: Dataset) -> None:
    loader = steward("dot", "loader@dot.example", dataset=flights.key, acts=["load"])
    editor = steward("dot", "editor@dot.example", dataset=flights.key, acts=["edit"])
    second = steward("dot", "second@dot.example", dataset=flights.key, acts=["review"])

    rule = draft(editor)

    assert rule.author == editor.name
    assert refusal(draft, actor=loader, key="r2") == "forbidden"
    assert refusal(draft, actor=editor, key="r2", target="dot.*") == "forbidden"
    assert refusal(approve_rule, actor=editor, rule=rule) == "forbidden"
    assert approve_rule(actor=second, rule=rule).status == "approved"


def test_steward_of_a_rule_becomes_its_author_and_so_does_not_approve_it(
    flights: Dataset, publisher: Caller, reviewer: Caller
) -> None:
    rule, other = draft(publisher), draft(publisher, key="other")
    both = steward("dot", rule=rule.key, acts=["edit", "review"])

    assert edit_rule(actor=both, rule=rule, reason="Clearer").author == both.name
    assert refusal(edit_rule, actor=both, rule=rule, target="dot.*") == "forbidden"
    assert refusal(edit_rule, actor=both, rule=other, reason="Mine") == "forbidden"
    assert refusal(approve_rule, actor=both, rule=rule) == "second-person"
    assert refusal(approve_rule, actor=both, rule=other) == "forbidden"
    assert approve_rule(actor=reviewer, rule=rule).status == "approved"
    assert retire_rule(actor=both, rule=rule).status == "retired"


def test_draft_is_changed_by_its_author_alone(flights: Dataset, publisher: Caller, reviewer: Caller) -> None:
    rule = draft(publisher)

    assert refusal(edit_rule, actor=reviewer, rule=rule, reason="Mine") == "forbidden"
    assert edit_rule(actor=publisher, rule=rule, reason="Better", effect="prohibit").reason == "Better"
    assert refusal(edit_rule, actor=publisher, rule=rule, target="met.*") == "forbidden"
    kept = Rule.objects.get()
    assert (kept.effect, kept.target_dataset) == ("prohibit", flights)


def test_author_who_lost_the_role_changes_nothing(flights: Dataset, publisher: Caller) -> None:
    rule = draft(publisher)
    demoted = member("dot", "requester", email=publisher.email)

    assert refusal(edit_rule, actor=demoted, rule=rule, reason="Mine") == "forbidden"


def test_rule_in_force_is_changed_by_the_hub_alone(flights: Dataset, publisher: Caller, reviewer: Caller) -> None:
    rule = approve_rule(actor=reviewer, rule=draft(publisher))

    assert refusal(edit_rule, actor=publisher, rule=rule, reason="Other") == "conflict"
    assert refusal(edit_rule, actor=member("hub", "system"), rule=rule, reason="Other") == "conflict"
    changed = edit_rule(actor=HUB, rule=rule, reason="Declared")
    assert (changed.status, changed.reason, changed.approver) == ("approved", "Declared", reviewer.name)


def test_retired_rule_stays_retired(flights: Dataset, reviewer: Caller) -> None:
    rule = approve_rule(actor=HUB, rule=draft())
    stale = Rule.objects.get()

    assert traces(lambda: retire_rule(actor=reviewer, rule=rule)) == (["rule.retired"], True)

    assert in_force(flights) == []
    assert refusal(approve_rule, actor=HUB, rule=stale) == "conflict"
    assert refusal(edit_rule, actor=HUB, rule=stale, reason="Again") == "conflict"
    assert traces(lambda: retire_rule(actor=reviewer, rule=rule)) == ([], False)
    assert refusal(draft) == "exists"


def test_author_drops_the_own_draft_but_no_rule_in_force(flights: Dataset, publisher: Caller) -> None:
    assert retire_rule(actor=publisher, rule=draft(publisher)).status == "retired"
    standing = approve_rule(actor=HUB, rule=draft(publisher, key="r2"))

    assert refusal(retire_rule, actor=publisher, rule=standing) == "forbidden"
    assert in_force(flights) == ["r2"]


def test_draft_that_fits_no_more_is_not_approved(flights: Dataset) -> None:
    filtered, masked = draft(filter="id > 3"), hashing(key="r2", access={"kind": "round", "to": 2})
    Field.objects.filter(name="id").update(type="string")
    Field.objects.filter(name="tail").update(type="boolean")

    assert faults(approve_rule, actor=HUB, rule=filtered) == [("filter", "filter-invalid")]
    assert faults(approve_rule, actor=HUB, rule=masked) == [("access", "access-invalid")]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("*", ("", "", "")),
        ("dot.*", ("dot", "", "")),
        ("dot.flights", ("", "dot.flights", "")),
    ],
)
def test_target_is_as_specific_as_said(flights: Dataset, target: str, expected: tuple[str, str, str]) -> None:
    rule = draft(target=target)

    told = (str(rule.target_agency or ""), str(rule.target_dataset or ""), rule.target_field)
    assert told == expected


def test_party_is_found_by_its_name(flights: Dataset) -> None:
    group = set_group(actor=HUB, key="emergency", agencies=["ops"])
    client = create_client(actor=HUB, agency=agency("ops"), name="dashboard")

    parties = ("everyone", "group:emergency", "agency:ops", "client:ops/dashboard")
    rules = [draft(key=f"r{n}", party=party) for n, party in enumerate(parties)]

    assert [(rule.party_group, rule.party_agency, rule.party_client) for rule in rules] == [
        (None, None, None),
        (group, None, None),
        (None, agency("ops"), None),
        (None, None, client),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"key": "a b"}, [("key", "invalid")]),
        ({"target": "dot"}, [("target", "target-invalid")]),
        ({"target": None}, [("target", "invalid")]),
        ({"target": "dot.none"}, [("target", "unknown")]),
        ({"target": "none.*"}, [("target", "unknown")]),
        ({"target": "dot.flights#none"}, [("target", "unknown")]),
        ({"party": "ops"}, [("party", "party-invalid")]),
        ({"party": "group:none"}, [("party", "unknown")]),
        ({"party": "agency:none"}, [("party", "unknown")]),
        ({"party": "client:ops/none"}, [("party", "unknown")]),
        ({"colour": "red"}, [("colour", "unknown")]),
        ({"reason": " "}, [("reason", "required")]),
        ({"reason": None}, [("reason", "required")]),
        ({"reason": "a\0"}, [("reason", "invalid")]),
        ({"effect": "allow"}, [("effect", "required")]),
        ({"effect": None}, [("effect", "required")]),
        ({"access": "hash"}, [("access", "invalid")]),
        ({"modes": ["write"]}, [("modes", "invalid")]),
        ({"modes": "rows"}, [("modes", "invalid")]),
        ({"effect": "prohibit", "modes": ["rows"]}, [("modes", "invalid")]),
        ({"target": "dot.*", "filter": "id > 3"}, [("filter", "invalid")]),
        ({"filter": "id >"}, [("filter", "filter-invalid")]),
        ({"filter": "nothing = 1"}, [("filter", "unknown-field")]),
        ({"filter": "id = 'x'"}, [("filter", "filter-invalid")]),
        ({"filter": 7}, [("filter", "invalid")]),
        ({"firm": True, "legal_basis": BASIS}, [("firm", "invalid")]),
        ({"firm": "yes"}, [("firm", "invalid")]),
        ({"firm": True, "effect": "prohibit"}, [("legal_basis", "citation-required")]),
        ({"legal_basis": [{"article": "1"}]}, [("legal_basis[0].title", "required")]),
        ({"valid_to": "2027-06-30"}, [("valid_to", "invalid")]),
        ({"valid_to": date(2027, 6, 30)}, [("valid_to", "invalid")]),
        ({"valid_from": datetime(2027, 6, 30)}, [("valid_from", "invalid")]),
        ({"valid_from": END, "valid_to": END}, [("valid_to", "invalid")]),
        ({"valid_from": END, "valid_to": END.replace(tzinfo=None)}, [("valid_to", "invalid")]),
        ({"review_at": "soon"}, [("review_at", "invalid")]),
    ],
)
def test_rule_is_refused_at_its_place(
    flights: Dataset, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(draft, **values) == expected
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"access": None}, [("access", "required")]),
        ({"access": "shown"}, [("access", "access-invalid")]),
        ({"access": {"kind": "round", "to": "month"}}, [("access", "access-invalid")]),
        ({"target": "dot.flights#ok", "access": {"kind": "round", "to": 1}}, [("access", "access-invalid")]),
        ({"target": "dot.flights#id", "access": {"kind": "round", "to": 2.5}}, [("access", "access-invalid")]),
        ({"effect": "permit"}, [("effect", "invalid")]),
        ({"filter": "id > 3"}, [("filter", "invalid")]),
        ({"modes": ["rows"]}, [("modes", "invalid")]),
        ({"firm": True}, [("legal_basis", "citation-required")]),
    ],
)
def test_field_rule_is_refused_at_its_place(
    flights: Dataset, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(hashing, **values) == expected


def test_firm_rules_limit_and_rest_on_a_law(flights: Dataset) -> None:
    prohibit = draft(effect="prohibit", firm=True, legal_basis=BASIS, filter="id > 3")
    floor = hashing(key="r2", firm=True, legal_basis=BASIS)

    assert (prohibit.is_firm, floor.is_firm, floor.access) == (True, True, "hash")


def test_review_comes_from_the_regime_unless_said(flights: Dataset) -> None:
    given, default = draft(review_at=END), draft(key="r2")

    assert given.review_at == END
    assert default.review_at == default.created_at + timedelta(days=365)


def test_whether_a_prohibit_cites_is_the_regimes_to_say(flights: Dataset, settings: LazySettings) -> None:
    assert draft(effect="prohibit").effect == "prohibit"

    settings.HUB_REGIME = "cn-809"

    assert faults(draft, key="r2", effect="prohibit") == [("legal_basis", "citation-required")]
    with pytest.raises(Invalid) as refused:
        draft(key="r2", effect="prohibit")
    assert "law, administrative regulation, State Council decision" in refused.value.message
