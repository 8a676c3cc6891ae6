"""Limits over HTTP: told, set by administrators, kept on every route of data, and nobody else's business."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.timezone import now

from hub.accounts.models import Client
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.settings import _limits
from tests.api.conftest import ROWS, Api
from tests.api.test_administration import body

DATA = "datasets/dot.flights"


def limit(system: Api, name: str = "app", **limits: int) -> None:
    client = Client.objects.get(name=name, agency__code="ops")
    assert system.patch(f"clients/{client.pk}", {"limits": limits}).status_code == 200


def taken(api: Api, who: str = "caller") -> dict[str, int]:
    told: dict[str, int] = body(api.get("limits"))[who]["taken_today"]
    return told


@pytest.mark.parametrize("path", ["rows", "aggregate", "changes", "rows/1"])
def test_every_route_of_data_is_limited_and_tells_what_is_left(
    reader: Api, system: Api, flights: Dataset, path: str
) -> None:
    limit(system, requests_per_minute=2)

    answers = []
    for _ in range(3):
        answers.append(reader.get(f"{DATA}/{path}"))
        b"".join(answers[-1])  # a stream is over once it is read

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit-Limit"] for answer in answers] == ["2"] * 3
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 29 <= int(answers[2]["Retry-After"]) <= 30
    assert body(answers[2])["hint"].startswith("GET /api/v1/limits")


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("rows?limit=7", 7),
        ("rows?limit=all&f=csv", ROWS),
        ("rows?limit=all&f=ndjson", ROWS),
        ("rows/3", 1),
        ("aggregate?groupby=id&limit=5", 5),
        ("changes?limit=4", 4),
        ("rows?filter=id > 99", 0),
    ],
)
def test_rows_and_bytes_that_went_out_are_counted(
    reader: Api, flights: Dataset, path: str, rows: int, transactional_db: None
) -> None:
    address, _, query = path.partition("?")
    response = reader.get(f"{DATA}/{address}", dict(part.split("=", 1) for part in query.split("&")) if query else None)
    size = len(b"".join(response) if response.streaming else response.content)

    assert response.status_code == 200
    assert taken(reader) == {"requests": 2, "rows": rows, "bytes": size}


def test_answer_that_the_caller_has_takes_no_rows(reader: Api, flights: Dataset) -> None:
    etag = reader.get(f"{DATA}/rows", {"limit": "7"})["ETag"]
    before = taken(reader)

    assert reader.get(f"{DATA}/rows", {"limit": "7"}, If_None_Match=etag).status_code == 304

    assert taken(reader) == {**before, "requests": before["requests"] + 2}


def test_quota_of_rows_ends_the_day_and_says_when_the_next_begins(
    reader: Api, system: Api, owner: Api, flights: Dataset
) -> None:
    limit(system, rows_per_day=10)
    assert [reader.get(f"{DATA}/rows", {"limit": "7"}).status_code for _ in range(2)] == [200, 200]

    refused = reader.get(f"{DATA}/rows", {"limit": "1"})

    midnight = (now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert (refused.status_code, body(refused)["code"]) == (429, "quota-used-up")
    assert abs(int(refused["Retry-After"]) - (midnight - now()).total_seconds()) < 5
    assert owner.get(f"{DATA}/rows").status_code == 200
    limit(system, rows_per_day=100)
    assert reader.get(f"{DATA}/rows").status_code == 200


def test_reads_at_the_same_time_are_limited_until_one_ends(
    reader: Api, system: Api, flights: Dataset, transactional_db: None
) -> None:
    limit(system, concurrent=1)
    stream = reader.get(f"{DATA}/rows", {"limit": "all", "f": "csv"})

    refused = reader.get(f"{DATA}/rows")
    assert (refused.status_code, body(refused)["code"], refused["Retry-After"]) == (429, "too-many-at-once", "1")
    assert reader.get("datasets").status_code == 200
    assert len(b"".join(stream)) > ROWS

    assert [reader.get(f"{DATA}/{path}").status_code for path in ("rows", "rows?limit=x", "rows", "changes")] == [
        200,
        400,
        200,
        200,
    ]


def test_agency_is_limited_with_all_its_clients(system: Api, as_agency: Callable[..., Api], flights: Dataset) -> None:
    one, other, stranger = as_agency("ops"), as_agency("ops", "requester"), as_agency("spy")
    assert system.patch("agencies/ops", {"limits": {"requests_per_minute": 3}}).status_code == 200

    answers = [api.get(f"{DATA}/rows").status_code for api in (one, other, one, other, one)]

    assert answers == [200, 200, 200, 429, 429]
    assert stranger.get(f"{DATA}/rows").status_code == 200
    assert "ops together" in body(other.get(f"{DATA}/rows"))["detail"]


def test_callers_see_their_own_limits_and_use_and_nobody_elses(
    reader: Api, owner: Api, system: Api, as_agency: Callable[..., Api], flights: Dataset
) -> None:
    limit(system, rows_per_day=1_000)
    system.patch("agencies/ops", {"limits": {"bytes_per_day": 12_345}})
    owner.get(f"{DATA}/rows")
    reader.get(f"{DATA}/rows", {"limit": "5"})
    sibling = as_agency("ops", "requester")

    told, its, others = (body(api.get("limits")) for api in (reader, sibling, owner))

    assert (told["caller"]["name"], told["agency"]["name"]) == ("ops/app", "ops")
    assert (told["caller"]["limits"]["rows_per_day"], told["agency"]["limits"]["bytes_per_day"]) == (1_000, 12_345)
    assert told["caller"]["taken_today"]["rows"] == told["agency"]["taken_today"]["rows"] == 5
    assert (its["caller"]["taken_today"]["rows"], its["agency"]["taken_today"]["rows"]) == (0, 5)
    assert others["agency"]["name"] == "dot"
    assert "12345" not in json.dumps(others)
    assert body(owner.get("agencies/ops"))["limits"] is None
    assert body(reader.get("agencies/ops"))["limits"] == {"bytes_per_day": 12_345}
    assert [entry["limits"] for entry in body(owner.get("agencies"))["data"] if entry["code"] == "ops"] == [None]


def test_client_of_the_public_is_told_nothing_of_its_agency(token_of: Callable[..., str], system: Api) -> None:
    website = Api(token_of("ops", "website", is_external=True))
    system.patch("agencies/ops", {"limits": {"rows_per_day": 7}})

    assert body(website.get("limits"))["agency"] is None
    assert body(website.get("agencies/ops"))["limits"] is None


def test_only_administrators_set_limits_and_an_event_tells(
    reader: Api, system: Api, as_agency: Callable[..., Api]
) -> None:
    head = as_agency("ops", "reviewer")
    client = Client.objects.get(name="app", agency__code="ops")
    for api, status in ((head, 403), (system, 200)):
        for path in (f"clients/{client.pk}", "agencies/ops"):
            assert api.patch(path, {"limits": {"concurrent": 3}}).status_code == status, path
        made = {"agency": "ops", "name": f"by-{status}", "limits": {"concurrent": 2}}
        assert api.post("clients", made).status_code == {403: 403, 200: 201}[status]

    events = Event.objects.filter(details__limits__isnull=False).order_by("at")
    assert [(event.kind, event.subject, event.details["limits"]) for event in events] == [
        ("client.edited", "ops/app", {"concurrent": 3}),
        ("agency.edited", "ops", {"concurrent": 3}),
        ("client.created", "ops/by-200", {"concurrent": 2}),
    ]
    assert body(head.get(f"clients/{client.pk}"))["limits"] == {"concurrent": 3}
    system.patch(f"clients/{client.pk}", {"limits": {}})
    assert body(head.get(f"clients/{client.pk}"))["limits"] == {}


@pytest.mark.parametrize(
    "limits", [{"rows": 1}, {"burst": 0}, {"burst": -1}, {"burst": True}, {"burst": 1.5}, {"burst": 10**16}, [], "x"]
)
def test_what_is_no_limit_is_refused(reader: Api, system: Api, limits: Any) -> None:
    response = system.patch("agencies/ops", {"limits": limits})

    assert response.status_code == 400
    assert body(response)["errors"][0]["field"].startswith("limits")


@pytest.mark.parametrize("text", ["rows=1", "burst", "burst=x", "burst=-1", "burst=0", "burst=²"])
def test_settings_that_are_no_limits_are_told_at_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HUB_CLIENT_LIMITS", "burst=5, requests_per_minute=none")
    assert _limits("HUB_CLIENT_LIMITS", burst=None, requests_per_minute=9) == {"burst": 5, "requests_per_minute": None}
    monkeypatch.setenv("HUB_CLIENT_LIMITS", text)

    with pytest.raises(ImproperlyConfigured, match="HUB_CLIENT_LIMITS"):
        _limits("HUB_CLIENT_LIMITS", burst=None)
