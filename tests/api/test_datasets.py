"""The catalogue over HTTP: who finds what, what a dataset tells, and how it is registered by two persons."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from connectors.models import Upload
from hub.audit.models import Event
from hub.catalog.models import Dataset, Field
from hub.store.models import Relation
from policies.models import Rule
from tests.api.conftest import Api


def body(response: Any) -> Any:
    return json.loads(response.content)


def keys(response: Any) -> list[str]:
    return [entry["key"] for entry in body(response)["data"]]


def test_entry_tells_class_access_and_freshness(reader: Api, flights: Dataset) -> None:
    (entry,) = body(reader.get("datasets"))["data"]
    told = {name: entry[name] for name in ("key", "agency", "class", "access", "status", "version", "freshness")}
    assert told == {
        "key": "dot.flights",
        "agency": "dot",
        "class": "unconditional",
        "access": "open",
        "status": "published",
        "version": 3,
        "freshness": "never",
    }


def test_secret_dataset_is_unknown_to_those_it_is_denied_to(reader: Api, owner: Api, dataset: Any) -> None:
    dataset("planes", sharing_class="conditional", reason="Safety", conditions="On request")
    dataset("radar", sharing_class="closed", reason="Defence", is_secret=True)
    assert keys(reader.get("datasets")) == ["dot.planes"]
    assert keys(owner.get("datasets")) == ["dot.planes", "dot.radar"]
    unknown = reader.get("datasets/dot.zzzzz")
    for path in ("", "/access", "/rows", "/schema"):
        hidden = reader.get(f"datasets/dot.radar{path}")
        assert hidden.status_code == 404
        assert hidden.content.replace(b"radar", b"zzzzz") == unknown.content
    for asked in ({}, {"q": "dot."}, {"q": "dot.", "sort": "-key"}, {"q": "dot.", "access": "on-request"}):
        found = body(reader.get("datasets", {**asked, "facets": "agency,class"}))
        assert [entry["key"] for entry in found["data"]] == ["dot.planes"], asked
        assert found["facets"] == {
            "agency": [{"value": "dot", "count": 1}],
            "class": [{"value": "conditional", "count": 1}],
        }
    assert keys(owner.get("datasets", {"q": "dot."})) == ["dot.planes", "dot.radar"]
    assert keys(owner.get("datasets", {"q": "radar", "facets": "agency"})) == ["dot.radar"]
    assert keys(reader.get("datasets", {"q": "radar"})) == keys(reader.get("datasets", {"q": "zzzzz"})) == []


def test_draft_is_there_for_those_who_manage_it_only(reader: Api, owner: Api, as_agency: Callable[..., Api]) -> None:
    assert owner.post("datasets", {"key": "dot.new", "title": "New"}).status_code == 201
    assert keys(owner.get("datasets")) == ["dot.new"]
    for other in (reader, as_agency("dot")):
        assert keys(other.get("datasets")) == []
        assert other.get("datasets/dot.new").status_code == 404


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"q": "late flig"}, ["dot.flights"]),
        ({"q": "航班"}, ["dot.flights"]),
        ({"q": "wings"}, ["dot.planes"]),
        ({"q": "%"}, []),
        ({"q": "ssn"}, []),
        ({"class": "closed"}, ["dot.radar"]),
        ({"access": "open"}, ["dot.flights"]),
        ({"access": "on-request"}, ["dot.planes"]),
        ({"access": "closed"}, ["dot.radar"]),
        ({"theme": "air", "sort": "-key"}, ["dot.planes", "dot.flights"]),
        ({"freshness": "never", "agency": "dot"}, ["dot.flights", "dot.planes", "dot.radar"]),
        ({"freshness": "overdue"}, []),
        ({"agency": "ops"}, []),
    ],
)
def test_catalogue_is_searched_and_filtered(
    reader: Api, dataset: Any, params: dict[str, str], expected: list[str]
) -> None:
    dataset("flights", description="How late flights were", title_zh="航班", theme="air")
    dataset("planes", keywords=["wings"], theme="air", sharing_class="conditional", reason="r", conditions="c")
    dataset("radar", sharing_class="closed", reason="r")
    assert keys(reader.get("datasets", params)) == expected


@pytest.mark.parametrize("count", [1, 3])
def test_catalogue_takes_the_same_statements_for_any_length(reader: Api, dataset: Any, count: int) -> None:
    for number in range(count):
        dataset(f"set{number}")
    with CaptureQueriesContext(connection) as statements:
        assert len(keys(reader.get("datasets"))) == count
    assert len([q for q in statements.captured_queries if "catalog_dataset" in q["sql"]]) == 1


def test_catalogue_goes_on_where_the_page_ended(reader: Api, dataset: Any) -> None:
    for number in range(5):
        dataset(f"set{number}", title=f"Title {number // 2}")
    params, found = {"limit": "2", "sort": "-title"}, []
    while True:
        answer = body(reader.get("datasets", params))
        found += [entry["key"] for entry in answer["data"]]
        if answer["page"]["next"] is None:
            break
        params["cursor"] = answer["page"]["next"]
    assert found == ["dot.set4", "dot.set2", "dot.set3", "dot.set0", "dot.set1"]


@pytest.mark.parametrize("sort", ["key", "-key", "title", "agency"])
def test_findings_come_in_order_page_by_page(reader: Api, dataset: Any, sort: str) -> None:
    for number in range(7):
        dataset(f"d{number}", title=f"{'Late' if number % 3 else 'Early'} planes {number}")
    expected = [f"dot.d{number}" for number in (1, 2, 4, 5)]
    asked: dict[str, Any] = {"q": "late planes", "sort": sort, "limit": 3}
    first = body(reader.get("datasets", asked))
    second = body(reader.get("datasets", {**asked, "cursor": first["page"]["next"]}))

    found = [entry["key"] for entry in first["data"] + second["data"]]

    assert found == (expected[::-1] if sort == "-key" else expected)
    assert second["page"]["next"] is None


def test_freshness_follows_the_promise(reader: Api, flights: Dataset) -> None:
    Dataset.objects.update(update_frequency="hourly")
    for minutes, word in ((30, "fresh"), (90, "due"), (180, "overdue")):
        flights.relation.synced_at = now() - timedelta(minutes=minutes)
        flights.relation.save()
        assert body(reader.get("datasets/dot.flights"))["freshness"] == word
        assert keys(reader.get("datasets", {"freshness": word})) == ["dot.flights"]


def test_detail_tells_withheld_fields_with_their_reason(reader: Api, flights: Dataset) -> None:
    answer = body(reader.get("datasets/dot.flights"))
    fields = {field["name"]: (field["type"], field["access"], field["reason"]) for field in answer["fields"]}
    assert fields["delay"][:2] == ("decimal", "clear")
    assert fields["ssn"] == (None, "hidden", "The field is classified as personal.")
    assert answer["rows"] == 20
    assert answer["primary_key"] == ["id"]
    assert "secret" not in answer


def test_secret_field_is_told_to_its_owner_only(reader: Api, owner: Api, flights: Dataset) -> None:
    Field.objects.filter(name="ssn").update(is_secret=True)
    for path in ("datasets/dot.flights", "datasets/dot.flights/access", "datasets/dot.flights/schema"):
        assert b"ssn" not in reader.get(path).content
        assert b"ssn" in owner.get(path).content


def test_rows_are_not_counted_where_a_filter_hides_some(reader: Api, owner: Api, flights: Dataset) -> None:
    Rule.objects.create(
        key="some",
        status="approved",
        target_dataset=flights,
        effect="prohibit",
        filter="id > 5",
        reason="Court",
        author="a",
        approver="b",
    )
    assert body(reader.get("datasets/dot.flights"))["rows"] is None
    assert body(owner.get("datasets/dot.flights"))["rows"] == 20


def test_schema_is_that_of_the_callers_view(reader: Api, flights: Dataset) -> None:
    flights.fields.filter(name="id").update(is_required=True)
    schema = body(reader.get("datasets/dot.flights/schema"))
    assert list(schema["properties"]) == ["id", "名字", "delay", "at"]
    assert schema["properties"]["id"] == {"type": "integer"}
    assert schema["properties"]["名字"] == {"type": ["string", "null"], "title": "Name"}
    assert schema["properties"]["delay"] == {"type": ["number", "null"], "x-unit": "min"}
    assert schema["x-primary-key"] == ["id"]


def test_denial_is_explained_and_gives_no_schema(reader: Api, dataset: Any) -> None:
    dataset("planes", sharing_class="conditional", reason="Safety", conditions="On request")
    answer = body(reader.get("datasets/dot.planes/access"))
    assert (answer["decision"], answer["code"], answer["reason"]) == ("deny", "denied", "Safety")
    assert answer["next_step"].startswith("Apply to dot")
    assert reader.get("datasets/dot.planes/schema").status_code == 403


def test_owner_asks_what_another_agency_is_told_and_that_agency_sees_it(
    reader: Api, owner: Api, flights: Dataset
) -> None:
    answer = body(owner.get("datasets/dot.flights/access", {"as": "agency:ops"}))
    assert {f["name"]: f["access"] for f in answer["fields"]}["ssn"] == "hidden"
    assert b"rows.read" not in reader.get("events").content
    event = Event.objects.get(kind="access.explained")
    assert str(event.pk) in [entry["id"] for entry in body(reader.get("events"))["data"]]


@pytest.mark.parametrize("who", ["agency:dot", "agency:ops"])
def test_nobody_else_asks_as_another(reader: Api, flights: Dataset, who: str) -> None:
    response = reader.get("datasets/dot.flights/access", {"as": who})
    assert (response.status_code, body(response)["code"]) == (403, "forbidden")


def test_dataset_is_published_by_a_second_person(owner: Api, reviewer: Api, reader: Api) -> None:
    made = owner.post(
        "datasets",
        {"key": "dot.new", "title": "New", "primary_key": ["id"], "fields": [{"name": "id", "type": "integer"}]},
    )
    assert (made.status_code, made["Location"], body(made)["status"]) == (201, "/api/v1/datasets/dot.new", "draft")
    changed = owner.patch("datasets/dot.new", {"fields": [{"name": "id", "type": "integer", "sensitivity": "public"}]})
    assert body(changed)["fields"][0]["sensitivity"] == "public"
    assert owner.post("datasets/dot.new/submit").status_code == 200
    assert owner.post("datasets/dot.new/approve").status_code == 403
    assert reader.get("datasets/dot.new").status_code == 404
    assert body(reviewer.post("datasets/dot.new/return", {"note": "Say more"}))["review_note"] == "Say more"
    assert owner.post("datasets/dot.new/submit").status_code == 200
    assert body(reviewer.post("datasets/dot.new/approve"))["status"] == "published"
    assert reader.get("datasets/dot.new/rows").status_code == 200
    assert body(reviewer.post("datasets/dot.new/retire"))["status"] == "retired"
    assert body(reader.get("datasets/dot.new/rows"))["code"] == "retired"


def test_class_needs_its_reason_and_nothing_is_changed_without(owner: Api) -> None:
    response = owner.post("datasets", {"key": "dot.new", "title": "New", "class": "closed"})
    assert (response.status_code, body(response)["errors"][0]["field"]) == (400, "reason")
    assert not Dataset.objects.exists()


def test_faults_name_their_place(owner: Api) -> None:
    body_ = {"key": "dot.new", "title": "New", "colour": 1, "fields": [{"name": "a", "type": "integer"}, {"name": "b"}]}
    unknown = owner.post("datasets", body_)
    assert [error["field"] for error in body(unknown)["errors"]] == ["colour"]
    del body_["colour"]
    missing = owner.post("datasets", body_)
    assert [error["field"] for error in body(missing)["errors"]] == ["fields[1].type"]


def test_only_the_owners_publishers_register(reader: Api, as_agency: Callable[..., Api]) -> None:
    as_agency("dot", "publisher")
    for other in (reader, as_agency("dot"), as_agency("ops", "publisher")):
        assert other.post("datasets", {"key": "dot.new", "title": "New"}).status_code == 403


def test_file_is_brought_by_hand_and_told_as_a_run(owner: Api, reader: Api, flights: Dataset) -> None:
    file = SimpleUploadedFile("flights.csv", b"id,ssn\n1,2\n")

    brought = owner.upload("datasets/dot.flights/uploads", {"file": file, "mode": "merge", "missing": ["", "NA"]})

    assert (brought.status_code, body(brought)["status"]) == (202, "queued")
    assert brought["Location"] == f"/api/v1/runs/{body(brought)['id']}"
    assert Upload.objects.get().select == {"missing": ["", "NA"]}
    file.seek(0)
    assert reader.upload("datasets/dot.flights/uploads", {"file": file}).status_code == 403
    assert owner.upload("datasets/dot.flights/uploads", {"mode": "merge"}).status_code == 400
    assert owner.upload("datasets/dot.nothing/uploads", {"file": file}).status_code == 404
    assert owner.post("datasets/dot.flights/uploads", {"file": "x"}).status_code == 415


@pytest.mark.parametrize("sort", ["synced_at", "-synced_at", "published_at", "-published_at"])
def test_pages_by_a_moment_hold_those_without_it_too(owner: Api, dataset: Any, sort: str) -> None:
    moments = {"aa": 3, "bb": None, "cc": 1, "dd": None, "ee": 2, "ff": 1}
    for name, days in moments.items():
        made = dataset(name)
        moment = None if days is None else now() - timedelta(days=days)
        Dataset.objects.filter(pk=made.pk).update(published_at=moment)
        Relation.objects.update_or_create(dataset=made, defaults={"synced_at": moment})
    filled = ["ff", "cc", "ee", "aa"] if sort.startswith("-") else ["aa", "ee", "cc", "ff"]
    expected = [*filled, "bb", "dd"] if sort.startswith("-") else ["bb", "dd", *filled]

    found, cursor = [], {}
    while True:
        page = body(owner.get("datasets", {"sort": sort, "limit": "2", **cursor}))
        found += [entry["key"].removeprefix("dot.") for entry in page["data"]]
        if page["page"]["next"] is None:
            break
        cursor = {"cursor": page["page"]["next"]}

    assert found == expected
