"""Applications over HTTP: asked for, completed, agreed to in part, in force, ended by either side, expired."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail as outbox
from django.utils.timezone import now

from hub.accounts import mail
from hub.accounts.caller import HUB
from hub.accounts.commands import set_member
from hub.accounts.models import Agency, Mail
from hub.audit.models import Event
from hub.catalog.models import Dataset
from policies.models import Agreement, Application
from tests.api.conftest import Api

BASIS = [{"title": "Aviation Act", "article": "12"}]
END = "2127-06-30T00:00:00Z"


def body(response: Any) -> Any:
    return json.loads(response.content)


def ask(**values: Any) -> dict[str, Any]:
    said = {"dataset": "dot.flights", "purpose": "Fleet statistics", "legal_basis": BASIS, "valid_to": END}
    return {**said, "fields": {"ssn": "clear"}, "assessment": "Assessment 7 of 2026", **values}


@pytest.fixture
def requester(as_agency: Callable[..., Api]) -> Api:
    return as_agency("ops", "requester")


@pytest.fixture
def spy(as_agency: Callable[..., Api]) -> Api:
    return as_agency("spy", "requester", "reviewer")


def _applied(api: Api, **values: Any) -> str:
    response = api.post("applications", ask(**values))
    assert response.status_code == 201, response.content
    assert response["Location"] == f"/api/v1/applications/{body(response)['id']}"
    return str(body(response)["id"])


def _rows(api: Api, agreement: str = "") -> Any:
    response = api.get(
        "datasets/dot.flights/rows", {"limit": "1"}, **({"Hub_Agreement": agreement} if agreement else {})
    )
    return body(response)["data"][0] if response.status_code == 200 else body(response)["code"]


def test_application_opens_the_field_and_its_end_closes_it(
    flights: Dataset, requester: Api, reviewer: Api, spy: Api
) -> None:
    id = _applied(requester)
    assert "ssn" not in _rows(requester)
    end = (now() + timedelta(seconds=3)).isoformat()
    words = {"key": "a1", "answer": "For this purpose alone.", "valid_to": end}
    agreed = body(reviewer.post(f"applications/{id}/agree", words))

    assert (agreed["status"], agreed["agreement"], agreed["answer"]) == ("agreed", "a1", "For this purpose alone.")
    assert _rows(requester, "a1")["ssn"] == "secret-1"
    assert "ssn" not in _rows(requester)
    assert _rows(spy, "a1") == "agreement-invalid"
    assert body(requester.get("agreements/a1"))["application"] == id
    time.sleep(3)
    assert _rows(requester, "a1") == "agreement-invalid"


def test_conditional_dataset_is_opened_in_part(
    dataset: Callable[..., Dataset], flights: Dataset, requester: Api, reviewer: Api
) -> None:
    Dataset.objects.update(sharing_class="conditional", reason="Safety")
    id = _applied(requester, fields={"id": "clear", "delay": "clear", "ssn": {"kind": "partial", "head": 3, "tail": 0}})
    assert _rows(requester) == "denied"

    part = {"fields": {"id": "clear", "ssn": "hash"}, "filter": "id > 5", "key": "a1", "modes": ["rows"]}
    assert body(reviewer.post(f"applications/{id}/agree", part))["status"] == "agreed"

    row = _rows(requester, "a1")
    assert (row.keys(), row["id"]) == ({"id", "ssn"}, 6)
    assert _rows(requester) == "agreement-required"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"fields": {"名字": "clear"}}, "fields.名字"),
        ({"fields": {"ssn": "clear"}}, "fields.ssn"),
        ({"valid_to": "2128-01-01T00:00:00Z"}, "valid_to"),
        ({"may_pass_on": True}, "may_pass_on"),
    ],
)
def test_nothing_is_granted_beyond_what_was_asked_for(
    flights: Dataset, requester: Api, reviewer: Api, more: dict[str, Any], place: str
) -> None:
    id = _applied(requester, fields={"ssn": "hash"})

    refused = reviewer.post(f"applications/{id}/agree", more)

    faults = [(error["field"], error["code"]) for error in body(refused)["errors"]]
    assert (refused.status_code, faults) == (400, [(place, "beyond-application")])
    assert not Agreement.objects.exists()


def test_what_is_missing_is_asked_for_once(flights: Dataset, requester: Api, reviewer: Api) -> None:
    id = _applied(requester)

    asked = body(reviewer.post(f"applications/{id}/ask", {"question": "Which offices?"}))
    assert (asked["status"], asked["question"]) == ("incomplete", "Which offices?")
    reply = {"note": "The two at the airport.", "fields": {"ssn": "hash"}}
    supplied = body(requester.post(f"applications/{id}/supplement", reply))
    assert (supplied["status"], supplied["supplement"], supplied["fields"]) == (
        "submitted",
        "The two at the airport.",
        {"ssn": "hash"},
    )

    assert reviewer.post(f"applications/{id}/ask", {"question": "And why?"}).status_code == 409
    assert requester.post(f"applications/{id}/supplement", {"note": "More"}).status_code == 409


def test_refusal_has_reasons(flights: Dataset, requester: Api, reviewer: Api) -> None:
    id = _applied(requester)

    assert reviewer.post(f"applications/{id}/refuse", {"answer": " "}).status_code == 400
    refused = body(reviewer.post(f"applications/{id}/refuse", {"answer": "The purpose needs no names."}))

    assert (refused["status"], refused["answer"], refused["agreement"]) == (
        "refused",
        "The purpose needs no names.",
        None,
    )
    assert reviewer.post(f"applications/{id}/agree").status_code == 409
    assert "ssn" not in _rows(requester)


def test_application_is_withdrawn_by_its_own_side_alone(
    flights: Dataset, requester: Api, reviewer: Api, spy: Api
) -> None:
    id = _applied(requester)

    assert spy.post(f"applications/{id}/withdraw").status_code == 404
    assert reviewer.post(f"applications/{id}/withdraw").status_code == 403
    assert body(requester.post(f"applications/{id}/withdraw"))["status"] == "withdrawn"
    assert reviewer.post(f"applications/{id}/agree").status_code == 409


def test_only_the_owners_reviewer_answers(
    flights: Dataset, requester: Api, owner: Api, spy: Api, as_agency: Callable[..., Api]
) -> None:
    id = _applied(requester)

    for step, words in (("agree", {}), ("refuse", {"answer": "No"}), ("ask", {"question": "Why?"})):
        assert spy.post(f"applications/{id}/{step}", words).status_code == 404
        for other in (requester, owner, as_agency("ops", "reviewer")):
            assert other.post(f"applications/{id}/{step}", words).status_code == 403
    assert Application.objects.get().status == "submitted"
    assert spy.get(f"applications/{id}").status_code == 404
    assert body(spy.get("applications"))["data"] == []
    assert [entry["id"] for entry in body(owner.get("applications", {"status": "submitted"}))["data"]] == [id]


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({"fields": {}}, [("fields", "required")]),
        ({"fields": {"none": "clear"}}, [("fields.none", "unknown-field")]),
        ({"fields": {"delay": {"kind": "round", "to": "month"}}}, [("fields.delay", "access-invalid")]),
        ({"purpose": " "}, [("purpose", "blank")]),
        ({"filter": ""}, [("filter", "blank")]),
        ({"filter": "id > 1"}, [("filter", "invalid")]),
        ({"valid_to": "2001-01-01T00:00:00Z"}, [("valid_to", "invalid")]),
        ({"valid_from": "2127-07-01T00:00:00Z"}, [("valid_to", "invalid")]),
        ({"clients": ["ops/none"]}, [("clients", "unknown")]),
        ({"colour": "red"}, [("colour", "unknown")]),
    ],
)
def test_application_is_refused_at_its_place(
    flights: Dataset, requester: Api, values: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    response = requester.post("applications", ask(**values))

    assert [(error["field"], error["code"]) for error in body(response)["errors"]] == faults
    assert not Application.objects.exists()


def test_secret_field_is_a_name_that_does_not_exist(flights: Dataset, requester: Api) -> None:
    flights.fields.filter(name="ssn").update(is_secret=True)

    Dataset.objects.update(sharing_class="conditional", reason="Safety")

    for words in ({"fields": {"@": "clear"}}, {"fields": {"id": "clear"}, "filter": "@ = '1'"}):
        said = json.dumps(ask(**words))
        secret, unknown = (
            requester.post("applications", json.loads(said.replace("@", name))) for name in ("ssn", "nss")
        )

        assert secret.content.replace(b"ssn", b"nss") == unknown.content
        assert secret.status_code == 400


def test_there_is_nothing_to_apply_for_where_all_is_open_or_shut(
    flights: Dataset, dataset: Callable[..., Dataset], requester: Api, as_agency: Callable[..., Api]
) -> None:
    dataset("shut", sharing_class="closed", reason="By law")
    dataset("hush", is_secret=True, sharing_class="closed", reason="By law")

    assert body(as_agency("dot", "requester").post("applications", ask()))["code"] == "own"
    assert body(requester.post("applications", ask(dataset="dot.shut")))["code"] == "closed"
    hidden, none = (requester.post("applications", ask(dataset=f"dot.{name}")) for name in ("hush", "none"))
    assert hidden.content.replace(b"hush", b"none") == none.content
    assert as_agency("ops").post("applications", ask()).status_code == 403


def test_opening_a_personal_field_cites_an_assessment(flights: Dataset, requester: Api, reviewer: Api) -> None:
    id = _applied(requester, assessment="Draft")
    Application.objects.update(assessment="")

    refused = reviewer.post(f"applications/{id}/agree")

    assert [error["field"] for error in body(refused)["errors"]] == ["assessment"]
    assert reviewer.post(f"applications/{id}/agree", {"assessment": "Assessment 8"}).status_code == 200
    assert Agreement.objects.get().assessment == "Assessment 8"


def test_agreement_is_for_the_clients_it_names(flights: Dataset, requester: Api, reviewer: Api, reader: Api) -> None:
    id = _applied(requester, clients=["ops/app-requester"])

    reviewer.post(f"applications/{id}/agree", {"key": "a1"})

    assert "ssn" in _rows(requester, "a1")
    assert _rows(reader, "a1") == "agreement-invalid"


@pytest.mark.parametrize("ending", [("ops", "requester"), ("dot", "reviewer")])
def test_either_side_ends_an_agreement(
    flights: Dataset, requester: Api, reviewer: Api, spy: Api, as_agency: Callable[..., Api], ending: tuple[str, str]
) -> None:
    id = _applied(requester)
    reviewer.post(f"applications/{id}/agree", {"key": "a1"})
    assert spy.post("agreements/a1/end").status_code == 404
    assert as_agency("ops", "publisher").post("agreements/a1/end").status_code == 403

    ended = body(as_agency(*ending).post("agreements/a1/end"))

    assert ended["ended_by"] == f"{ending[0]}/app-{ending[1]}"
    assert _rows(requester, "a1") == "agreement-invalid"


def test_both_sides_hear_of_each_step(flights: Dataset, requester: Api, reviewer: Api, spy: Api) -> None:
    for code, email, roles in (
        ("dot", "reviewer@dot.example", ["reviewer"]),
        ("ops", "requester@ops.example", ["requester"]),
        ("spy", "requester@spy.example", ["requester", "reviewer"]),
    ):
        set_member(actor=HUB, agency=Agency.objects.get(code=code), email=email, roles=roles)
    outbox.outbox.clear()

    id = _applied(requester)
    reviewer.post(f"applications/{id}/agree", {"key": "a1"})
    sent = mail.send_waiting()

    assert [(letter.to, letter.subject) for letter in outbox.outbox] == [
        (["reviewer@dot.example"], "ops asks for dot.flights"),
        (["requester@ops.example"], "Your application for dot.flights is agreed to"),
    ]
    assert (sent, mail.send_waiting()) == (2, 0)
    assert all(id in letter.body for letter in outbox.outbox)
    kinds = ["agreement.made", "application.agreed", "application.submitted"]
    for api, told in ((requester, kinds), (reviewer, kinds), (spy, [])):
        events = body(api.get("events", {"dataset": "dot.flights"}))["data"]
        assert sorted(event["kind"] for event in events if event["kind"].startswith("a")) == told


def test_mail_that_a_server_refuses_waits_for_the_next_time(flights: Dataset, requester: Api, settings: Any) -> None:
    set_member(actor=HUB, agency=Agency.objects.get(code="dot"), email="reviewer@dot.example", roles=["reviewer"])
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    _applied(requester)

    assert mail.send_waiting() == 0
    waiting = Mail.objects.get()
    assert (waiting.attempts, waiting.sent_at) == (1, None)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail.send_waiting() == 0
    Mail.objects.update(created_at=now() - timedelta(minutes=3))
    assert mail.send_waiting() == 1


def test_application_that_is_not_there_is_404(requester: Api, reviewer: Api) -> None:
    assert requester.get(f"applications/{uuid4()}").status_code == 404
    assert reviewer.post(f"applications/{uuid4()}/agree").status_code == 404
    assert not Event.objects.filter(kind__startswith="application").exists()
