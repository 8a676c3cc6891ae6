"""Sources, runs, accounts, rules and events over HTTP: each agency works with its own."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from connectors.models import Run, Source, Stream, Upload
from hub.accounts.models import Token
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.store.models import Quarantined, Rejected
from tests.api.conftest import Api

FOLDER = {"kind": "file", "config": {"url": "http://127.0.0.1:9/", "allow_loopback": True}}


def body(response: Any) -> Any:
    return json.loads(response.content)


def ids(response: Any, name: str = "key") -> list[str]:
    return [entry[name] for entry in body(response)["data"]]


@pytest.fixture
def stream(owner: Api, flights: Dataset) -> Stream:
    assert owner.post("sources", {"key": "dot-files", "agency": "dot", **FOLDER}).status_code == 201
    body = {"key": "dot-flights", "source": "dot-files", "dataset": "dot.flights", "select": {"path": "flights.csv"}}
    assert owner.post("streams", body).status_code == 201
    return Stream.objects.get()


def test_kinds_come_with_their_schemas(reader: Api) -> None:
    kinds = {kind["kind"]: kind for kind in body(reader.get("connector-kinds"))["data"]}
    assert {"postgres", "file", "rest"} <= kinds.keys()
    assert kinds["file"]["config_schema"]["type"] == "object"


def test_secrets_go_in_and_never_come_out(owner: Api) -> None:
    config = {"url": "http://127.0.0.1:9/", "allow_loopback": True, "auth": {"kind": "bearer"}}
    made = owner.post(
        "sources", {"key": "s", "agency": "dot", "kind": "rest", "config": config, "secrets": {"token": "hush-hush"}}
    )
    assert made.status_code == 201
    assert b"hush" not in made.content + owner.get("sources/s").content + owner.get("sources").content
    assert b"hush" not in bytes(Source.objects.get().secrets)
    assert not any("hush" in json.dumps(event.details) for event in Event.objects.all())


def test_settings_that_the_kind_does_not_know_are_refused(owner: Api) -> None:
    response = owner.post("sources", {"key": "s", "agency": "dot", "kind": "file", "config": {"urll": "x"}})
    assert (response.status_code, body(response)["code"]) == (400, "settings-invalid")
    assert Source.objects.count() == 0


def test_stream_says_which_rows_are_gone_and_takes_it_back(owner: Api, stream: Stream) -> None:
    deleted = {"column": "status", "values": ["D"]}
    changed = owner.patch("streams/dot-flights", {"deleted": deleted})
    assert (changed.status_code, body(changed)["deleted"]) == (200, deleted)
    refused = owner.patch("streams/dot-flights", {"deleted": {"column": "status", "values": "D"}})
    assert (refused.status_code, body(refused)["errors"][0]["field"]) == (400, "deleted.values")
    assert body(owner.patch("streams/dot-flights", {"deleted": {}}))["deleted"] == {}


def test_source_that_does_not_answer_is_502(owner: Api, stream: Stream) -> None:
    for ask in (owner.get, owner.post):
        response = ask("sources/dot-files/test")
        assert (response.status_code, body(response)["code"]) == (502, "source-down")


def test_only_publishers_make_the_hub_call_out(as_agency: Callable[..., Api], stream: Stream) -> None:
    for method in ("get", "post"):
        assert getattr(as_agency("dot"), method)("sources/dot-files/discover").status_code == 403
        assert getattr(as_agency("ops", "publisher"), method)("sources/dot-files/discover").status_code == 404


def test_another_agencys_things_are_not_there(
    reader: Api, owner: Api, as_agency: Callable[..., Api], stream: Stream
) -> None:
    run = body(owner.post("streams/dot-flights/sync"))["id"]
    for other in (as_agency("ops", "publisher"), as_agency("dot", is_external=True)):
        for path in ("sources", "streams", "runs"):
            assert body(owner.get(path))["data"] != []
            assert body(other.get(path))["data"] == []
        assert {client["agency"] for client in body(other.get("clients"))["data"]} <= {"ops"}
        assert {token["client"].partition("/")[0] for token in body(other.get("tokens"))["data"]} <= {"ops"}
    for path in ("sources/dot-files", "streams/dot-flights", f"runs/{run}", f"runs/{run}/rejects"):
        assert owner.get(path).status_code == 200
        assert reader.get(path).status_code == 404
    assert reader.post("streams/dot-flights/sync").status_code == 404
    assert reader.post(f"runs/{run}/cancel").status_code == 404


def test_platform_roles_see_everybodys(system: Api, as_agency: Callable[..., Api], stream: Stream) -> None:
    for api in (system, as_agency("hub", "auditor")):
        assert ids(api.get("sources")) == ["dot-files"]
        assert ids(api.get("streams")) == ["dot-flights"]


def test_run_is_started_without_a_body(owner: Api, stream: Stream) -> None:
    headers = {"Authorization": f"Bearer {owner.token}"}
    response = Browser().generic("POST", "/api/v1/streams/dot-flights/sync", headers=headers)
    assert (response.status_code, json.loads(response.content)["status"]) == (202, "queued")


def test_full_run_is_asked_for_by_those_who_may_start_one(
    owner: Api, reader: Api, as_agency: Callable[..., Api], stream: Stream
) -> None:
    Stream.objects.filter(pk=stream.pk).update(state={"files": {"a.csv": "1"}}, cursor_value="7")
    for other, status in ((reader, 404), (as_agency("dot"), 403)):
        assert other.post("streams/dot-flights/sync", {"full": True}).status_code == status
    refused = owner.post("streams/dot-flights/sync", {"full": "perhaps"})
    stream.refresh_from_db()
    assert (refused.status_code, body(refused)["errors"][0]["field"]) == (400, "full")
    assert (stream.state, stream.cursor_value) == ({"files": {"a.csv": "1"}}, "7")
    assert owner.post("streams/dot-flights/sync", {"full": True}).status_code == 202
    stream.refresh_from_db()
    assert (stream.state, stream.cursor_value) == ({}, "")
    Run.objects.update(status="running")
    refused = owner.post("streams/dot-flights/sync", {"full": True})
    assert (refused.status_code, body(refused)["code"]) == (409, "run-at-work")
    assert owner.post("streams/dot-flights/sync").status_code == 202


def test_run_is_started_once_and_cancelled(owner: Api, stream: Stream) -> None:
    first, second = owner.post("streams/dot-flights/sync"), owner.post("streams/dot-flights/sync")
    assert (first.status_code, body(first)["status"]) == (202, "queued")
    assert body(first)["id"] == body(second)["id"]
    assert first["Location"] == f"/api/v1/runs/{body(first)['id']}"
    cancelled = owner.post(f"runs/{body(first)['id']}/cancel")
    assert (cancelled.status_code, body(cancelled)["status"]) == (202, "cancelled")
    assert body(cancelled)["error"]["code"] == "cancelled"
    assert owner.post(f"runs/{body(first)['id']}/cancel").status_code == 409


def test_runs_are_narrowed_and_paged(owner: Api, stream: Stream) -> None:
    runs = [Run.objects.create(stream=stream, status="failed", error_code="x") for _ in range(3)]
    Run.objects.create(stream=stream, status="succeeded")
    first = body(owner.get("runs", {"status": "failed", "stream": "dot-flights", "limit": "2"}))
    rest = owner.get(
        "runs", {"status": "failed", "stream": "dot-flights", "limit": "2", "cursor": first["page"]["next"]}
    )
    assert [run["id"] for run in first["data"]] + ids(rest, "id") == [str(run.pk) for run in reversed(runs)]
    assert body(rest)["page"]["next"] is None
    since = runs[1].created_at.isoformat()
    assert ids(owner.get("runs", {"status": "failed", "since": since}), "id") == [str(runs[2].pk), str(runs[1].pk)]


def test_cursor_is_good_for_its_query_only(owner: Api, stream: Stream) -> None:
    for _ in range(3):
        Run.objects.create(stream=stream, status="failed")
    cursor = body(owner.get("runs", {"limit": "1"}))["page"]["next"]
    for params in ({"status": "failed", "cursor": cursor}, {"cursor": "x"}):
        response = owner.get("runs", params)
        assert (response.status_code, body(response)["code"]) == (400, "cursor-invalid")


def test_rejected_values_are_told_to_the_owner_only(owner: Api, system: Api, stream: Stream) -> None:
    run = Run.objects.create(stream=stream, status="partial")
    Rejected.objects.create(
        dataset=stream.dataset, run=run.pk, position=3, field="id", rule="type", message="no integer", value="s3cret"
    )
    expected = {"line": 3, "field": "id", "rule": "type", "message": "no integer"}
    assert body(owner.get(f"runs/{run.pk}/rejects"))["data"] == [{**expected, "value": "s3cret"}]
    assert body(system.get(f"runs/{run.pk}/rejects"))["data"] == [{**expected, "value": None}]


def test_quarantined_records_go_out_to_the_owner_and_in_again_by_whoever_loads(
    owner: Api, system: Api, as_agency: Callable[..., Api], stream: Stream
) -> None:
    run = Run.objects.create(stream=stream, status="partial")
    row = {"dataset": stream.dataset, "run": run.pk, "number": 1, "position": 3}
    Quarantined.objects.create(**row, cells={"id": "s3cret"})
    Rejected.objects.create(**row, field="id", rule="type", message="no integer", value="s3cret")

    file = owner.get(f"runs/{run.pk}/rejects", {"f": "csv"})
    refused = [api.get(f"runs/{run.pk}/rejects", {"f": "csv"}) for api in (system, as_agency("ops", "publisher"))]
    unloaded = [api.post(f"runs/{run.pk}/retry") for api in (as_agency("dot"), as_agency("ops", "publisher"))]
    again = owner.post(f"runs/{run.pk}/retry")

    assert b"".join(file.streaming_content).startswith(b"_line,_field,_rule,_message,_record,id,")
    assert [response.status_code for response in (*refused, *unloaded)] == [403, 404, 403, 404]
    assert not any(b"s3cret" in response.content for response in (*refused, *unloaded))
    assert (again.status_code, body(again)["status"]) == (202, "queued")
    assert Upload.objects.get(run=body(again)["id"]).retries == run.pk
    assert body(owner.get("datasets/dot.flights"))["quality"]["quarantine"] == {"type": 1}
    assert "quality" not in body(as_agency("ops").get("datasets/dot.flights"))


def test_token_is_issued_rotated_and_revoked(reviewer: Api, flights: Dataset) -> None:
    client = body(reviewer.post("clients", {"agency": "dot", "name": "board", "external": True}))
    assert (client["external"], client["is_active"]) == (True, True)
    issued = reviewer.post("tokens", {"client": "dot/board", "scopes": ["read:dot.flights"], "expires": "1d"})
    assert (issued.status_code, issued["Cache-Control"]) == (201, "private, no-store")
    token = body(issued)
    assert Api(token["token"]).get("datasets/dot.flights/rows").status_code == 200
    assert token["token"].encode() not in reviewer.get("tokens").content + reviewer.get(f"tokens/{token['id']}").content
    successor = body(reviewer.post(f"tokens/{token['id']}/rotate"))
    assert successor["scopes"] == ["read:dot.flights"]
    assert body(reviewer.post(f"tokens/{token['id']}/revoke"))["revoked_at"] is not None
    refused = Api(token["token"]).get("datasets/dot.flights/rows")
    assert (refused.status_code, body(refused)["code"]) == (401, "token-invalid")
    assert Api(successor["token"]).get("datasets/dot.flights/rows").status_code == 200
    assert body(reviewer.patch(f"clients/{client['id']}", {"is_active": False}))["is_active"] is False
    assert Api(successor["token"]).get("datasets/dot.flights/rows").status_code == 401


def test_tokens_are_for_the_heads_of_their_agency(
    owner: Api, reader: Api, as_agency: Callable[..., Api], flights: Dataset
) -> None:
    before = Token.objects.count()
    assert owner.post("tokens", {"client": "dot/app-publisher"}).status_code == 403
    assert reader.post("tokens", {"client": "dot/app-publisher"}).status_code == 400
    stranger = as_agency("ops", "reviewer")
    mine = Token.objects.get(client__name="app-publisher").pk
    for step in ("revoke", "rotate"):
        assert stranger.post(f"tokens/{mine}/{step}").status_code == 404
    assert Token.objects.count() == before + 1


def test_scopes_keep_a_token_to_reading(as_agency: Callable[..., Api], flights: Dataset) -> None:
    scoped = as_agency("dot", "publisher", "reviewer", scopes=["read:dot.*"])
    assert scoped.get("datasets").status_code == 200
    for response in (
        scoped.get("sources"),
        scoped.get("tokens"),
        scoped.get("events"),
        scoped.post("datasets", {"key": "dot.new", "title": "New"}),
        scoped.post("datasets/dot.flights/retire"),
    ):
        assert (response.status_code, body(response)["code"]) == (403, "scope")
    assert Dataset.objects.get().status == "published"


def test_directory_is_open_and_changed_by_administrators(system: Api, reader: Api) -> None:
    assert reader.post("agencies", {"code": "met", "name": "Weather"}).status_code == 403
    made = system.post("agencies", {"code": "met", "name": "Weather", "name_zh": "气象局", "parent": "ops"})
    assert (made.status_code, body(made)["parent"]) == (201, "ops")
    assert system.post("agencies", {"code": "met", "name": "Again"}).status_code == 409
    assert body(system.patch("agencies/met", {"name": "Meteorology", "is_active": False}))["is_active"] is False
    assert ids(reader.get("agencies"), "code") == ["hub", "met", "ops"]
    assert system.put("groups/emergency", {"agencies": ["met", "ops"]}).status_code == 200
    assert reader.put("groups/emergency", {"agencies": []}).status_code == 403
    assert body(reader.get("groups"))["data"] == [{"key": "emergency", "agencies": [], "change": None}]


def test_rule_counts_once_a_second_person_approved_it(owner: Api, reviewer: Api, reader: Api, flights: Dataset) -> None:
    draft = {
        "key": "delay-hidden",
        "target": "dot.flights#delay",
        "party": "agency:ops",
        "access": {"kind": "round", "to": 10},
        "reason": "Coarse is enough",
        "valid_to": "2099-01-01T00:00:00Z",
    }
    made = owner.post("rules", draft)
    assert (made.status_code, body(made)["status"], body(made)["effect"]) == (201, "draft", None)
    first = {"limit": "1", "sortby": "-id"}
    assert body(reader.get("datasets/dot.flights/rows", first))["data"][0]["delay"] == 30.0
    assert body(owner.patch("rules/delay-hidden", {"access": {"kind": "round", "to": 20}}))["access"]["to"] == 20
    assert owner.post("rules/delay-hidden/approve").status_code == 403
    assert reader.post("rules/delay-hidden/approve").status_code == 404
    assert body(reviewer.post("rules/delay-hidden/approve"))["status"] == "approved"
    assert body(reader.get("datasets/dot.flights/rows", first))["data"][0]["delay"] == 40.0
    assert ids(reviewer.get("rules", {"dataset": "dot.flights", "status": "approved"})) == ["delay-hidden"]
    assert body(reviewer.post("rules/delay-hidden/retire"))["status"] == "retired"
    assert body(reader.get("datasets/dot.flights/rows", first))["data"][0]["delay"] == 30.0


def test_agreement_serves_the_agency_that_has_it(
    reader: Api, reviewer: Api, as_agency: Callable[..., Api], dataset: Any
) -> None:
    dataset("planes", sharing_class="conditional", reason="Safety", conditions="On request")
    made = reviewer.post(
        "agreements",
        {
            "key": "ops-planes",
            "dataset": "dot.planes",
            "agency": "ops",
            "fields": {"id": "clear"},
            "purpose": "Fleet statistics",
            "legal_basis": [{"title": "Aviation Act", "article": "12"}],
            "valid_to": "2099-01-01T00:00:00Z",
        },
    )
    assert made.status_code == 201
    required = reader.get("datasets/dot.planes/rows")
    assert (required.status_code, body(required)["code"]) == (403, "agreement-required")
    assert reader.get("datasets/dot.planes/rows", Hub_Agreement="ops-planes").status_code == 200
    assert list(body(reader.get("datasets/dot.planes/schema", Hub_Agreement="ops-planes"))["properties"]) == ["id"]
    assert ids(reader.get("agreements")) == ["ops-planes"]
    assert ids(as_agency("spy").get("agreements")) == []
    assert reader.post("agreements/ops-planes/end").status_code == 403
    assert body(reviewer.post("agreements/ops-planes/end"))["ended_at"] is not None
    assert reader.get("datasets/dot.planes/rows", Hub_Agreement="ops-planes").status_code == 403


def test_owner_learns_who_read_but_not_what_was_looked_for(
    reader: Api, owner: Api, as_agency: Callable[..., Api], flights: Dataset
) -> None:
    receipt = reader.get("datasets/dot.flights/rows", {"id": "7", "filter": "delay > 3"}, Hub_Purpose="study")[
        "Hub-Receipt"
    ]
    own, told = (body(api.get(f"events/{receipt}"))["details"] for api in (reader, owner))
    assert (own["filter"], own["equals"]) == ("delay > 3", {"id": "7"})
    assert told == {"rows": 1, "format": "json", "limit": 100, "purpose": "study"}
    assert "filter" in body(as_agency("hub", "auditor").get(f"events/{receipt}"))["details"]
    assert "filter" not in body(as_agency("hub", "system").get(f"events/{receipt}"))["details"]
    assert as_agency("spy").get(f"events/{receipt}").status_code == 404
    assert ids(owner.get("events", {"kind": "rows.read", "agency": "ops"}), "id") == [receipt]
