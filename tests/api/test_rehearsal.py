"""Rehearsals, the ledger and a rule's life over HTTP: what is predicted is what then happens."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.utils.timezone import now

from hub.accounts import mail
from hub.accounts.caller import HUB
from hub.accounts.commands import set_group, set_member
from hub.accounts.models import Agency
from hub.audit.models import Event
from hub.catalog.models import Dataset
from policies.commands import announce
from policies.models import Notice, Rule
from tests.api.conftest import ROWS, Api

LAW = [{"title": "Data Security Law", "article": "21"}]
MASK = {
    "key": "names",
    "target": "dot.flights#名字",
    "party": "everyone",
    "access": "hidden",
    "reason": "Names",
    "legal_basis": LAW,
}
PATH = "datasets/dot.flights/rows"


def body(response: Any) -> Any:
    return json.loads(response.content)


@pytest.fixture
def met(as_agency: Callable[..., Api]) -> Api:
    return as_agency("met")


def _in_force(owner: Api, reviewer: Api, **values: Any) -> None:
    assert owner.post("rules", {**MASK, **values}).status_code == 201
    assert reviewer.post(f"rules/{values.get('key', 'names')}/approve").status_code == 200


def test_field_is_withheld_from_all_but_one_and_asked_back(
    flights: Dataset, owner: Api, reviewer: Api, reader: Api, met: Api, as_agency: Callable[..., Api]
) -> None:
    for api in (reader, met):
        assert "名字" in body(api.get(PATH, {"limit": "1"}))["data"][0]
    assert reader.get(PATH, {"properties": "名字", "limit": "1"}).status_code == 200
    exempt = {**MASK, "key": "names-met", "party": "agency:met", "access": "clear"}
    _in_force(owner, reviewer, **exempt)

    told = body(owner.post("rules/rehearse", MASK))
    assert told["agencies"] == [{"agency": "ops", "gains": 0, "loses": 2, "changes": 0, "same": 0}]
    assert told["calls"] == {"gains": 0, "loses": 2, "changes": 0, "same": 1}
    assert [view["fields"] for view in told["datasets"]] == [
        [{"name": "名字", "before": "clear", "after": "hidden", "effect": "loses"}]
    ]
    assert {(example["agency"], tuple(example["fields"])) for example in told["examples"]} == {
        ("ops", ()),
        ("ops", ("名字",)),
    }
    assert not Rule.objects.filter(target_field="名字", access="hidden").exists()

    _in_force(owner, reviewer)
    assert "名字" not in body(reader.get(PATH, {"limit": "1"}))["data"][0]
    assert reader.get(PATH, {"properties": "名字", "limit": "1"}).status_code == 400
    assert "名字" in body(met.get(PATH, {"limit": "1"}))["data"][0]
    field = next(f for f in body(reader.get("datasets/dot.flights/access"))["fields"] if f["name"] == "名字")
    assert (field["access"], field["reason"], field["legal_basis"][0]["article"]) == ("hidden", "Names", "21")

    requester = as_agency("ops", "requester")
    ask = {
        "dataset": "dot.flights",
        "purpose": "To greet",
        "fields": {"名字": "clear"},
        "valid_to": "2127-01-01T00:00:00Z",
    }
    id = body(requester.post("applications", ask))["id"]
    assert body(reviewer.post(f"applications/{id}/agree", {"key": "a1"}))["status"] == "agreed"
    assert "名字" in body(reader.get(PATH, {"limit": "1"}, Hub_Agreement="a1"))["data"][0]
    (entry,) = body(reviewer.get("exceptions", {"kind": "rule", "dataset": "dot.flights"}))["data"]
    assert (entry["key"], entry["asked"]) == ("names", 1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"effect": "prohibit"}, "loses"),
        ({"effect": "prohibit", "filter": "id > 3"}, "loses"),
        ({"effect": "prohibit", "filter": "id > 300"}, "changes"),
        ({"effect": "prohibit", "party": "agency:met"}, "same"),
        ({"effect": "permit"}, "same"),
        ({"effect": "prohibit", "valid_from": "2127-01-01T00:00:00Z"}, "loses"),
    ],
)
def test_what_is_predicted_is_what_then_happens(
    flights: Dataset, owner: Api, reviewer: Api, reader: Api, met: Api, words: dict[str, Any], expected: str
) -> None:
    before = body(reader.get(PATH, {"count": "exact"}))
    draft = {"target": "dot.flights", "party": "everyone", "reason": "Trial", **words}

    told = body(owner.post("rules/rehearse", draft))

    calls = {"gains": 0, "loses": 0, "changes": 0, "same": 0, expected: 1}
    assert (told["reads"], told["looked_at"], told["gone"], told["calls"]) == (1, 1, 0, calls)
    assert not Rule.objects.exists()
    draft = {name: value for name, value in draft.items() if name != "valid_from"}
    assert owner.post("rules", {**draft, "key": "trial"}).status_code == 201
    assert reviewer.post("rules/trial/approve").status_code == 200
    after = reader.get(PATH, {"count": "exact"})
    seen = [(view["rows"]["before"], view["rows"]["after"]) for view in told["datasets"]]
    count = body(after)["page"]["count"] if after.status_code == 200 else 0
    assert seen in ([(before["page"]["count"], count)], [])
    assert bool(seen) == (expected != "same")


def test_end_of_a_rule_is_rehearsed_too(flights: Dataset, owner: Api, reviewer: Api, reader: Api) -> None:
    stop = {"key": "stop", "target": "dot.flights", "party": "agency:ops", "effect": "prohibit", "reason": "Review"}
    assert owner.post("rules", stop).status_code == 201
    assert reviewer.post("rules/stop/approve").status_code == 200
    assert reader.get(PATH).status_code == 403

    told = body(owner.post("rules/rehearse", {"key": "stop", "retire": True}))

    assert told["calls"] == {"gains": 1, "loses": 0, "changes": 0, "same": 0}
    assert [(view["before"], view["after"], view["rows"]) for view in told["datasets"]] == [
        ("denied", "permit", {"before": 0, "after": ROWS})
    ]
    assert Rule.objects.get().status == "approved"
    reviewer.post("rules/stop/retire")
    assert reader.get(PATH).status_code == 200


def test_rehearsal_holds_no_value_of_any_query(flights: Dataset, owner: Api, reader: Api) -> None:
    reader.get(PATH, {"filter": "名字 = 'canary-word'", "id": "987654"})

    told = owner.post("rules/rehearse", MASK)

    assert body(told)["examples"][0]["fields"] == ["id", "名字"]
    assert b"canary" not in told.content
    assert b"987654" not in told.content


def test_rehearsing_takes_the_right_to_write(
    flights: Dataset, owner: Api, reader: Api, as_agency: Callable[..., Api]
) -> None:
    owner.post("rules", MASK)

    assert reader.post("rules/rehearse", MASK).status_code == 403
    assert as_agency("ops", "publisher").post("rules/rehearse", MASK).status_code == 403
    assert as_agency("ops", "publisher").post("rules/rehearse", {"key": "names"}).status_code == 404
    assert as_agency("dot").post("rules/rehearse", {"key": "names"}).status_code == 403
    assert body(owner.post("rules/rehearse", {}))["errors"][0]["field"] == "key"
    assert owner.post("rules/rehearse", {"key": "none"}).status_code == 404
    assert [event.subject for event in Event.objects.filter(kind="rule.rehearsed")] == []


def test_reads_of_those_who_are_gone_are_counted_apart(flights: Dataset, owner: Api, reader: Api, met: Api) -> None:
    for api in (reader, met):
        api.get(PATH)
    Agency.objects.filter(code="met").update(is_active=False)

    told = body(owner.post("rules/rehearse", MASK))

    assert (told["reads"], told["gone"], told["calls"]["loses"]) == (2, 1, 1)


def test_rule_is_tried_out_when_it_is_saved(flights: Dataset, owner: Api) -> None:
    made = body(owner.post("rules", {**MASK, "access": {"kind": "round", "to": 3}}))
    assert made["warnings"] == ["No text in 名字 is longer than 3: all of them stay whole."]
    none = {"key": "none", "target": "dot.flights", "party": "everyone", "effect": "permit", "reason": "Trial"}
    assert body(owner.post("rules", {**none, "filter": "id > 99"}))["warnings"] == [
        f"The filter is true for none of {ROWS} rows."
    ]
    assert body(owner.patch("rules/none", {"filter": "id > 0"}))["warnings"] == [
        f"The filter is true for every one of {ROWS} rows."
    ]
    assert body(owner.patch("rules/none", {"filter": "id > 3"}))["warnings"] == []


@pytest.mark.parametrize(
    ("words", "place", "said"),
    [
        ({"filter": "id >"}, "filter", "(character 4)"),
        ({"filter": "id > 3 AND none = 1"}, "filter", "There is no field 'none' (character 11)"),
        ({"filter": "id > 'x'"}, "filter", "cannot be compared so (character 5)"),
        ({"filter": "id LIKE 'x'"}, "filter", "(character 0)"),
        ({"filter": " "}, "filter", "blank"),
        ({"party": ""}, "party", "blank"),
        ({"party": "group:"}, "party", "no party"),
        (
            {"legal_basis": [{"title": "A circular", "kind": "circular"}], "firm": True, "effect": "prohibit"},
            "legal_basis[0].kind",
            "does not rest on 'circular'",
        ),
        ({"valid_from": "2127-01-01T00:00:00Z", "valid_to": "2126-01-01T00:00:00Z"}, "valid_to", "later than"),
    ],
)
def test_rule_is_refused_with_the_place_of_its_fault(
    flights: Dataset, owner: Api, words: dict[str, Any], place: str, said: str
) -> None:
    rule = {"key": "r", "target": "dot.flights", "party": "everyone", "effect": "permit", "reason": "Trial", **words}

    response = owner.post("rules", rule)

    (fault,) = body(response)["errors"]
    assert (response.status_code, fault["field"]) == (400, place)
    assert said in fault["message"] + fault["code"]
    assert not Rule.objects.exists()


def test_every_version_of_a_rule_is_kept(flights: Dataset, owner: Api, reviewer: Api, reader: Api) -> None:
    owner.post("rules", MASK)
    owner.patch("rules/names", {"access": "hash"})
    reviewer.post("rules/names/approve")
    reviewer.post("rules/names/confirm")
    reviewer.post("rules/names/retire")

    versions = body(owner.get("rules/names/versions"))["data"]

    assert [(v["number"], v["status"], v["by"], v["said"]["access"]) for v in versions] == [
        (1, "draft", "dot/app-publisher", "hidden"),
        (2, "draft", "dot/app-publisher", "hash"),
        (3, "approved", "dot/app-reviewer", "hash"),
        (4, "approved", "dot/app-reviewer", "hash"),
        (5, "retired", "dot/app-reviewer", "hash"),
    ]
    assert reader.get("rules/names/versions").status_code == 404


def test_ledger_says_what_is_withheld_and_how_often_it_was_asked_for(
    flights: Dataset, owner: Api, reviewer: Api, reader: Api, as_agency: Callable[..., Api]
) -> None:
    _in_force(owner, reviewer)
    stop = {"key": "stop", "target": "dot.flights", "party": "agency:ops", "effect": "prohibit", "reason": "Review"}
    owner.post("rules", {**stop, "valid_to": "2127-01-01T00:00:00Z"})
    reviewer.post("rules/stop/approve")
    for _ in range(3):
        assert reader.get(PATH).status_code == 403

    entries = body(owner.get("exceptions"))["data"]

    told = [(e["kind"], e["target"], e["what"], e["party"], e["asked"], e["until"]) for e in entries]
    assert told == [
        ("rule", "dot.flights", "prohibit", "agency:ops", 3, "2127-01-01T00:00:00Z"),
        ("sensitivity", "dot.flights#ssn", "hidden", "everyone", 0, None),
        ("rule", "dot.flights#名字", "hidden", "everyone", 0, None),
    ]
    first = body(owner.get("exceptions", {"limit": "2"}))
    assert [e["target"] for e in first["data"]] == ["dot.flights", "dot.flights#ssn"]
    rest = body(owner.get("exceptions", {"limit": "2", "cursor": first["page"]["next"]}))
    assert ([e["target"] for e in rest["data"]], rest["page"]["next"]) == (["dot.flights#名字"], None)
    assert body(reader.get("exceptions"))["data"] == []
    assert reader.get("exceptions", {"agency": "dot"}).status_code == 404
    assert len(body(as_agency("hub", "auditor").get("exceptions", {"agency": "dot"}))["data"]) == 3


def test_review_that_is_overdue_opens_nothing_and_is_listed(
    flights: Dataset, owner: Api, reviewer: Api, reader: Api
) -> None:
    _in_force(owner, reviewer, firm=True)
    Rule.objects.update(review_at=now() - timedelta(days=1), valid_to=now() - timedelta(hours=1))

    assert "名字" not in body(reader.get(PATH, {"limit": "1"}))["data"][0]
    (entry,) = body(owner.get("exceptions", {"overdue": "true"}))["data"]
    assert (entry["key"], entry["until"], body(owner.get("rules/names"))["is_overdue"]) == ("names", None, True)
    assert owner.post("rules/names/confirm").status_code == 403
    assert body(reviewer.post("rules/names/confirm"))["is_overdue"] is False
    assert body(owner.get("exceptions", {"overdue": "true"}))["data"] == []


def test_rule_on_a_field_that_changed_denies_and_says_so(
    flights: Dataset, owner: Api, reviewer: Api, reader: Api
) -> None:
    stop = {"key": "stop", "target": "dot.flights", "party": "everyone", "effect": "prohibit", "reason": "Review"}
    owner.post("rules", {**stop, "filter": "delay > 3"})
    reviewer.post("rules/stop/approve")
    assert body(reader.get(PATH))["data"] != []
    flights.fields.filter(name="delay").update(name="lateness")
    set_group(actor=HUB, key="any", agencies=[])

    assert body(reader.get(PATH))["data"] == []
    assert "takes every row" in body(owner.get("rules/stop"))["problem"]
    assert "takes every row" in body(owner.get("exceptions", {"kind": "rule"}))["data"][0]["problem"]
    told = body(owner.get("datasets/dot.flights/access", {"as": "agency:ops"}))
    assert any("problem" in item for item in told["because"])


def test_restriction_ends_by_itself_after_it_was_announced(
    flights: Dataset, owner: Api, reviewer: Api, reader: Api
) -> None:
    set_member(actor=HUB, agency=Agency.objects.get(code="dot"), email="reviewer@dot.example", roles=["reviewer"])
    outbox.outbox.clear()
    _in_force(owner, reviewer)
    announced = []
    for left in (40, 29, 29, 6, 0.9, 0.5):
        moment = now() + timedelta(days=left)
        Notice.objects.update(moment=moment)
        Rule.objects.update(valid_to=moment)
        announced.append(announce())

    assert announced == [0, 1, 0, 1, 1, 0]
    assert "名字" not in body(reader.get(PATH, {"limit": "1"}))["data"][0]
    past = now() - timedelta(seconds=1)
    Notice.objects.update(moment=past)
    Rule.objects.update(valid_from=now() - timedelta(days=90), valid_to=past)
    set_group(actor=HUB, key="any", agencies=[])
    assert "名字" in body(reader.get(PATH, {"limit": "1"}))["data"][0]
    assert (announce(), announce()) == (1, 0)
    days = [event["details"]["days"] for event in body(owner.get("events", {"kind": "rule.ends"}))["data"]]
    assert days == [0, 1, 7, 30]
    assert mail.send_waiting() == 4
    assert outbox.outbox[0].subject == "The rule names ends in 30 days"


def test_group_changes_by_two_persons_and_owners_are_told(
    flights: Dataset, owner: Api, reviewer: Api, met: Api, as_agency: Callable[..., Api]
) -> None:
    first, second = as_agency("hub", "authority"), as_agency("hub", "system")
    first.put("groups/emergency", {"agencies": []})
    second.post("groups/emergency/approve")
    _in_force(owner, reviewer, party="group:emergency")

    proposed = body(first.put("groups/emergency", {"agencies": ["met"]}))
    assert (proposed["agencies"], proposed["change"]["agencies"]) == ([], ["met"])
    assert "名字" in body(met.get(PATH, {"limit": "1"}))["data"][0]
    assert body(met.get("groups/emergency"))["change"] is None
    assert body(first.post("groups/emergency/approve"))["code"] == "second-person"
    assert met.post("groups/emergency/approve").status_code == 403
    approved = body(second.post("groups/emergency/approve"))

    assert (approved["agencies"], approved["change"]) == (["met"], None)
    assert "名字" not in body(met.get(PATH, {"limit": "1"}))["data"][0]
    (event,) = body(owner.get("events", {"kind": "group.changed"}))["data"]
    assert event["details"] == {"rules": ["names"], "joined": ["met"], "left": []}


def test_any_party_is_explained_to_who_administers(flights: Dataset, owner: Api, reviewer: Api, reader: Api) -> None:
    _in_force(owner, reviewer, party="client:ops/app")

    def access(party: str) -> str:
        told = body(owner.get("datasets/dot.flights/access", {"as": party}))
        return str(next(field["access"] for field in told["fields"] if field["name"] == "名字"))

    set_group(actor=HUB, key="emergency", agencies=[])
    seen = {party: access(party) for party in ("everyone", "agency:ops", "client:ops/app", "group:emergency")}
    assert seen == {"everyone": "clear", "agency:ops": "clear", "client:ops/app": "hidden", "group:emergency": "clear"}
    for unknown in ("agency:none", "client:ops/none", "group:none", "ops", ""):
        assert owner.get("datasets/dot.flights/access", {"as": unknown}).status_code == 400
    assert reader.get("datasets/dot.flights/access", {"as": "everyone"}).status_code == 403
    told = body(reader.get("events", {"kind": "access.explained"}))["data"]
    assert sorted(event["subject"] for event in told) == ["agency:ops", "client:ops/app"]


def test_explanation_says_how_to_ask_for_more(flights: Dataset, reader: Api, owner: Api) -> None:
    told = body(reader.get("datasets/dot.flights/access"))

    assert told["application"] == {
        "form": "POST /api/v1/applications",
        "dataset": "dot.flights",
        "to": "dot",
        "working_days": 1,
    }
    assert body(owner.get("datasets/dot.flights/access"))["application"] is None
