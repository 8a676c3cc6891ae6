"""Classes, rules and agreements: who may, what they say, and why two persons stand behind each."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils.timezone import now

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import create_client, set_group
from hub.accounts.models import User
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset, Field
from hub.errors import Invalid
from policies.commands import (
    approve_rule,
    classify_dataset,
    draft_rule,
    edit_agreement,
    edit_rule,
    end_agreement,
    make_agreement,
    retire_rule,
)
from policies.models import Agreement, Rule
from policies.queries import rules_about
from tests.cast import agency, faults, member, refusal, steward, traces

pytestmark = pytest.mark.django_db
BASIS = [{"title": "Data Security Law", "article": "21", "url": ""}]
END = datetime(2127, 6, 30, tzinfo=UTC)
FIELDS = [
    {"name": "id", "type": "integer", "sensitivity": "public"},
    {"name": "tail", "type": "string", "sensitivity": "public"},
    {"name": "ok", "type": "boolean", "sensitivity": "public"},
]


@pytest.fixture
def flights() -> Dataset:
    for code in ("dot", "met", "ops"):
        agency(code)
    dataset = register_dataset(
        actor=HUB, agency=agency("dot"), key="dot.flights", title="Flights", fields=FIELDS, primary_key=["id"]
    )
    return publish_dataset(actor=HUB, dataset=dataset)


@pytest.fixture
def publisher(flights: Dataset) -> Caller:
    return member("dot", "publisher")


@pytest.fixture
def reviewer(flights: Dataset) -> Caller:
    return member("dot", "reviewer")


@pytest.fixture
def authority() -> Caller:
    return member("hub", "authority")


def _draft(actor: Caller = HUB, **values: Any) -> Rule:
    said = {"key": "r1", "target": "dot.flights", "party": "everyone", "effect": "permit", "reason": "Because"}
    return draft_rule(**{"actor": actor, **said, **values})


def _hash(actor: Caller = HUB, **values: Any) -> Rule:
    return _draft(actor, **{"target": "dot.flights#tail", "effect": "", "access": "hash", **values})


def _agree(actor: Caller = HUB, **values: Any) -> Agreement:
    said: dict[str, Any] = {"key": "a1", "dataset": Dataset.objects.get(), "agency": agency("ops"), "valid_to": END}
    said |= {"fields": {"tail": "clear"}, "purpose": "Fleet statistics", "legal_basis": BASIS}
    return make_agreement(**{"actor": actor, **said, **values})


def _in_force(dataset: Dataset) -> list[str]:
    return list(rules_about(dataset).values_list("key", flat=True))


# Classes


def test_class_is_kept_with_its_reasons(flights: Dataset, reviewer: Caller) -> None:
    events = traces(
        lambda: classify_dataset(
            actor=reviewer,
            dataset=flights,
            sharing_class="conditional",
            reason="Safety",
            legal_basis=BASIS,
            conditions="On request",
        )
    )

    kept = Dataset.objects.get()
    assert (kept.sharing_class, kept.reason, kept.conditions) == ("conditional", "Safety", "On request")
    assert kept.legal_basis == BASIS
    assert events == (["dataset.classified"], True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sharing_class": "open"}, [("class", "invalid")]),
        (
            {"sharing_class": "conditional"},
            [("reason", "required"), ("conditions", "required"), ("legal_basis", "citation-required")],
        ),
        ({"sharing_class": "closed"}, [("reason", "required"), ("legal_basis", "citation-required")]),
        ({"sharing_class": "closed", "reason": "Why", "legal_basis": [{}]}, [("legal_basis[0].title", "required")]),
        ({"sharing_class": "closed", "reason": "Why", "legal_basis": "Act"}, [("legal_basis", "invalid")]),
        ({"sharing_class": "closed", "reason": "Why", "legal_basis": ["Act"]}, [("legal_basis[0]", "invalid")]),
        (
            {"sharing_class": "closed", "reason": "Why", "legal_basis": [{"title": "Act", "page": "3"}]},
            [("legal_basis[0]", "invalid")],
        ),
        (
            {"sharing_class": "closed", "reason": "Why", "legal_basis": [{"title": "A\0"}]},
            [("legal_basis[0].title", "invalid")],
        ),
        ({"sharing_class": "unconditional", "reason": None}, [("reason", "invalid")]),
    ],
)
def test_class_is_refused_at_its_place(
    flights: Dataset, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(classify_dataset, actor=HUB, dataset=flights, **values) == expected
    assert Dataset.objects.get().sharing_class == "unconditional"


def test_what_is_published_is_classified_by_reviewers(flights: Dataset, publisher: Caller) -> None:
    for other in (publisher, member("met", "reviewer"), member("hub", "system"), member("dot", "requester")):
        assert refusal(classify_dataset, actor=other, dataset=flights, sharing_class="unconditional") == "forbidden"


def test_draft_is_classified_by_its_publishers_and_nobody_elses(publisher: Caller) -> None:
    draft = register_dataset(actor=publisher, agency=agency("dot"), key="dot.draft", title="Draft")
    closing: dict[str, Any] = {"sharing_class": "closed", "reason": "Why", "legal_basis": BASIS}

    assert refusal(classify_dataset, actor=member("met", "publisher"), dataset=draft, **closing) == "forbidden"
    assert classify_dataset(actor=publisher, dataset=draft, **closing).sharing_class == "closed"


# Rules


def test_one_drafts_and_another_approves(flights: Dataset, publisher: Caller, reviewer: Caller) -> None:
    rule = _draft(publisher)
    assert _in_force(flights) == []

    assert traces(lambda: approve_rule(actor=reviewer, rule=rule)) == (["rule.approved"], True)

    assert _in_force(flights) == ["r1"]
    assert (rule.author, rule.approver) == (publisher.name, reviewer.name)


def test_author_does_not_approve_whatever_else_they_are(flights: Dataset) -> None:
    everything = member("dot", "publisher", "reviewer", "system", "authority")
    rule = _draft(everything)

    assert refusal(approve_rule, actor=everything, rule=rule) == "second-person"
    assert refusal(approve_rule, actor=everything, rule=rule, approver="manifest") == "second-person"
    assert _in_force(flights) == []


def test_same_person_in_another_agency_is_the_same_person(flights: Dataset) -> None:
    rule = _draft(member("dot", "publisher", email="one@city.example"))
    as_authority = member("hub", "authority", email="one@city.example")

    assert refusal(approve_rule, actor=as_authority, rule=rule) == "second-person"


def test_hub_drafts_and_its_manifest_approves(flights: Dataset) -> None:
    rule = approve_rule(actor=HUB, rule=_draft())

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
        assert refusal(_draft, actor=other, target=target) == "forbidden"
    assert not Rule.objects.exists()


def test_refusal_does_not_tell_what_there_is(flights: Dataset) -> None:
    outsider = member("met", "publisher")

    assert [refusal(_draft, actor=outsider, target=t) for t in ("dot.flights", "dot.nothing", "dot.flights#no")] == [
        "forbidden"
    ] * 3


@pytest.mark.parametrize(
    ("code", "roles"), [("met", ("reviewer",)), ("dot", ("publisher",)), ("dot", ()), ("hub", ("system",))]
)
def test_nobody_else_approves_or_retires(flights: Dataset, code: str, roles: tuple[str, ...]) -> None:
    rule, in_force = _draft(), approve_rule(actor=HUB, rule=_draft(key="r2"))
    other = member(code, *roles)

    assert refusal(approve_rule, actor=other, rule=rule) == "forbidden"
    assert refusal(retire_rule, actor=other, rule=in_force) == "forbidden"
    assert _in_force(flights) == ["r2"]


def test_rules_on_the_catalogue_are_the_authoritys(authority: Caller, publisher: Caller) -> None:
    rule = _draft(authority, target="*", effect="prohibit")
    second = member("hub", "authority", email="second@hub.example")

    assert refusal(_draft, actor=publisher, target="*", key="r2") == "forbidden"
    assert refusal(approve_rule, actor=member("dot", "reviewer"), rule=rule) == "forbidden"
    assert refusal(approve_rule, actor=authority, rule=rule) == "second-person"
    assert approve_rule(actor=second, rule=rule).status == "approved"


def test_stewards_write_and_approve_rules_on_their_own_dataset_alone(flights: Dataset) -> None:
    loader = steward("dot", "loader@dot.example", dataset=flights.key, acts=["load"])
    editor = steward("dot", "editor@dot.example", dataset=flights.key, acts=["edit"])
    second = steward("dot", "second@dot.example", dataset=flights.key, acts=["review"])

    rule = _draft(editor)

    assert rule.author == editor.name
    assert refusal(_draft, actor=loader, key="r2") == "forbidden"
    assert refusal(_draft, actor=editor, key="r2", target="dot.*") == "forbidden"
    assert refusal(approve_rule, actor=editor, rule=rule) == "forbidden"
    assert approve_rule(actor=second, rule=rule).status == "approved"


def test_steward_of_a_rule_becomes_its_author_and_so_does_not_approve_it(
    flights: Dataset, publisher: Caller, reviewer: Caller
) -> None:
    rule, other = _draft(publisher), _draft(publisher, key="other")
    both = steward("dot", rule=rule.key, acts=["edit", "review"])

    assert edit_rule(actor=both, rule=rule, reason="Clearer").author == both.name
    assert refusal(edit_rule, actor=both, rule=rule, target="dot.*") == "forbidden"
    assert refusal(edit_rule, actor=both, rule=other, reason="Mine") == "forbidden"
    assert refusal(approve_rule, actor=both, rule=rule) == "second-person"
    assert refusal(approve_rule, actor=both, rule=other) == "forbidden"
    assert approve_rule(actor=reviewer, rule=rule).status == "approved"
    assert retire_rule(actor=both, rule=rule).status == "retired"


def test_draft_is_changed_by_its_author_alone(flights: Dataset, publisher: Caller, reviewer: Caller) -> None:
    rule = _draft(publisher)

    assert refusal(edit_rule, actor=reviewer, rule=rule, reason="Mine") == "forbidden"
    assert edit_rule(actor=publisher, rule=rule, reason="Better", effect="prohibit").reason == "Better"
    assert refusal(edit_rule, actor=publisher, rule=rule, target="met.*") == "forbidden"
    kept = Rule.objects.get()
    assert (kept.effect, kept.target_dataset) == ("prohibit", flights)


def test_author_who_lost_the_role_changes_nothing(flights: Dataset, publisher: Caller) -> None:
    rule = _draft(publisher)
    demoted = member("dot", "requester", email=publisher.email)

    assert refusal(edit_rule, actor=demoted, rule=rule, reason="Mine") == "forbidden"


def test_rule_in_force_is_changed_by_the_hub_alone(flights: Dataset, publisher: Caller, reviewer: Caller) -> None:
    rule = approve_rule(actor=reviewer, rule=_draft(publisher))

    assert refusal(edit_rule, actor=publisher, rule=rule, reason="Other") == "conflict"
    assert refusal(edit_rule, actor=member("hub", "system"), rule=rule, reason="Other") == "conflict"
    changed = edit_rule(actor=HUB, rule=rule, reason="Declared")
    assert (changed.status, changed.reason, changed.approver) == ("approved", "Declared", reviewer.name)


def test_retired_rule_stays_retired(flights: Dataset, reviewer: Caller) -> None:
    rule = approve_rule(actor=HUB, rule=_draft())
    stale = Rule.objects.get()

    assert traces(lambda: retire_rule(actor=reviewer, rule=rule)) == (["rule.retired"], True)

    assert _in_force(flights) == []
    assert refusal(approve_rule, actor=HUB, rule=stale) == "conflict"
    assert refusal(edit_rule, actor=HUB, rule=stale, reason="Again") == "conflict"
    assert traces(lambda: retire_rule(actor=reviewer, rule=rule)) == ([], False)
    assert refusal(_draft) == "exists"


def test_author_drops_the_own_draft_but_no_rule_in_force(flights: Dataset, publisher: Caller) -> None:
    assert retire_rule(actor=publisher, rule=_draft(publisher)).status == "retired"
    in_force = approve_rule(actor=HUB, rule=_draft(publisher, key="r2"))

    assert refusal(retire_rule, actor=publisher, rule=in_force) == "forbidden"
    assert _in_force(flights) == ["r2"]


def test_draft_that_fits_no_more_is_not_approved(flights: Dataset) -> None:
    filtered, masked = _draft(filter="id > 3"), _hash(key="r2", access={"kind": "round", "to": 2})
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
    rule = _draft(target=target)

    told = (str(rule.target_agency or ""), str(rule.target_dataset or ""), rule.target_field)
    assert told == expected


def test_party_is_found_by_its_name(flights: Dataset) -> None:
    group = set_group(actor=HUB, key="emergency", agencies=["ops"])
    client = create_client(actor=HUB, agency=agency("ops"), name="dashboard")

    parties = ("everyone", "group:emergency", "agency:ops", "client:ops/dashboard")
    rules = [_draft(key=f"r{n}", party=party) for n, party in enumerate(parties)]

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
    assert faults(_draft, **values) == expected
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
    assert faults(_hash, **values) == expected


def test_firm_rules_limit_and_rest_on_a_law(flights: Dataset) -> None:
    prohibit = _draft(effect="prohibit", firm=True, legal_basis=BASIS, filter="id > 3")
    floor = _hash(key="r2", firm=True, legal_basis=BASIS)

    assert (prohibit.is_firm, floor.is_firm, floor.access) == (True, True, "hash")


def test_review_comes_from_the_regime_unless_said(flights: Dataset) -> None:
    given, default = _draft(review_at=END), _draft(key="r2")

    assert given.review_at == END
    assert default.review_at == default.created_at + timedelta(days=365)


def test_whether_a_prohibit_cites_is_the_regimes_to_say(flights: Dataset, settings: LazySettings) -> None:
    assert _draft(effect="prohibit").effect == "prohibit"

    settings.HUB_REGIME = "cn-809"

    assert faults(_draft, key="r2", effect="prohibit") == [("legal_basis", "citation-required")]
    with pytest.raises(Invalid) as refused:
        _draft(key="r2", effect="prohibit")
    assert "law, administrative regulation, State Council decision" in refused.value.message


# Agreements


def test_reviewer_grants_what_was_agreed(flights: Dataset, reviewer: Caller) -> None:
    access = {"kind": "partial", "head": 2, "tail": 0}
    events = traces(lambda: _agree(reviewer, fields={"tail": access}))

    kept = Agreement.objects.get()
    assert (kept.fields, kept.purpose, kept.legal_basis) == ({"tail": access}, "Fleet statistics", BASIS)
    assert (kept.agreed_by, kept.granted_by) == (reviewer.name, User.objects.get(email=reviewer.email))
    assert timedelta(0) <= now() - kept.valid_from < timedelta(minutes=1)
    assert events == (["agreement.made"], True)


@pytest.mark.parametrize(
    ("code", "roles"), [("dot", ("publisher",)), ("ops", ("publisher",)), ("met", ("reviewer",)), ("hub", ("system",))]
)
def test_nobody_else_grants_changes_or_ends(flights: Dataset, code: str, roles: tuple[str, ...]) -> None:
    other, agreement = member(code, *roles), _agree()

    assert refusal(_agree, actor=other, key="a2") == "forbidden"
    assert refusal(edit_agreement, actor=other, agreement=agreement, purpose="Other") == "forbidden"
    assert refusal(end_agreement, actor=other, agreement=agreement) == "forbidden"
    assert Agreement.objects.get().purpose == "Fleet statistics"


def test_nobody_grants_to_themselves(flights: Dataset) -> None:
    both = member("dot", "reviewer", email="both@city.example")
    member("ops", "requester", email="both@city.example")
    agreement = _agree()

    assert refusal(_agree, actor=both, key="a2") == "second-person"
    assert refusal(_agree, actor=member("ops", "authority"), key="a2") == "second-person"
    assert refusal(edit_agreement, actor=both, agreement=agreement, fields={}) == "second-person"
    assert _agree(both, key="a2", agency=agency("met")).agreed_by == both.name


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"key": ""}, [("key", "invalid")]),
        ({"purpose": ""}, [("purpose", "required")]),
        ({"fields": {"none": "clear"}}, [("fields.none", "unknown-field")]),
        ({"fields": {"tail": "open"}}, [("fields.tail", "access-invalid")]),
        ({"fields": {"ok": {"kind": "round", "to": 1}}}, [("fields.ok", "access-invalid")]),
        ({"fields": {"id": {"kind": "round", "to": "0.5"}}}, [("fields.id", "access-invalid")]),
        ({"fields": ["tail"]}, [("fields", "invalid")]),
        ({"legal_basis": [{}]}, [("legal_basis[0].title", "required")]),
        ({"valid_to": None}, [("valid_to", "required")]),
        ({"valid_to": datetime(2000, 1, 1, tzinfo=UTC)}, [("valid_to", "invalid")]),
        ({"valid_to": date(2127, 1, 1)}, [("valid_to", "invalid")]),
        ({"filter": "id > 3"}, [("filter", "invalid")]),
        ({"modes": ["rows"]}, [("modes", "invalid")]),
        ({"colour": "red"}, [("colour", "unknown")]),
    ],
)
def test_agreement_is_refused_at_its_place(
    flights: Dataset, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(_agree, **values) == expected
    assert not Agreement.objects.exists()


def test_conditional_data_is_granted_by_rows_and_modes_too(flights: Dataset) -> None:
    Dataset.objects.update(sharing_class="conditional", reason="Safety")

    made = _agree(filter="id > 3", modes=["rows", "export"], valid_from=None)

    assert (made.filter, made.modes) == ("id > 3", ["rows", "export"])
    assert faults(_agree, key="a2", filter="none = 1") == [("filter", "unknown-field")]


def test_agreement_is_changed_until_it_ends(flights: Dataset, reviewer: Caller) -> None:
    agreement = _agree()
    stale = Agreement.objects.get()

    edit_agreement(actor=reviewer, agreement=agreement, fields={"tail": "hash"})
    assert traces(lambda: end_agreement(actor=reviewer, agreement=agreement)) == (["agreement.ended"], True)
    assert traces(lambda: end_agreement(actor=reviewer, agreement=stale)) == ([], False)

    kept = Agreement.objects.get()
    assert kept.fields == {"tail": "hash"}
    assert kept.ended_at is not None
    assert refusal(edit_agreement, actor=reviewer, agreement=kept, purpose="Other") == "ended"
    assert refusal(_agree) == "exists"


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda actor: _draft(actor), "rule.drafted"),
        (lambda actor: edit_rule(actor=actor, rule=_draft(actor), reason="New"), "rule.edited"),
    ],
)
def test_each_change_is_recorded(flights: Dataset, act: Callable[[Caller], Any], kind: str) -> None:
    actor = member("dot", "publisher")

    assert traces(lambda: act(actor))[0][-1] == kind
