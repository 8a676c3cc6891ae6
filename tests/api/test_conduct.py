"""What all routes have in common: who may call, what is refused and how, and the hub's own state."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import OperationalError, connection
from django.test import Client as Browser
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.models import Agency, Membership, User
from hub.catalog.models import Dataset
from tests.api.conftest import Api, document

ROOT = Path(__file__).resolve().parents[2]


def body(response: Any) -> Any:
    return json.loads(response.content)


@pytest.mark.parametrize("path", ["datasets", "datasets/dot.x/rows", "runs", "events", "connector-kinds"])
@pytest.mark.parametrize(("token", "code"), [("", "unauthenticated"), ("wrong", "token-invalid")])
def test_strangers_are_asked_for_a_token(db: None, path: str, token: str, code: str) -> None:
    response = Api(token).get(path)
    assert (response.status_code, body(response)["code"]) == (401, code)
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["datasets", "datasets/dot.flights", "datasets/dot.flights/access", "runs", "rules"])
def test_unknown_parameters_are_never_ignored(owner: Api, flights: Dataset, path: str) -> None:
    response = owner.get(path, {"colour": "red"})
    assert response.status_code == 400
    assert body(response)["errors"][0] | {"message": ""} == {
        "field": "colour",
        "code": "unknown-parameter",
        "message": "",
    }


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"since": "yesterday"}, {"status": "odd"}]
)
def test_malformed_parameters_are_named(owner: Api, params: dict[str, str]) -> None:
    response = owner.get("runs", params)
    assert (response.status_code, body(response)["errors"][0]["field"]) == (400, next(iter(params)))


def test_body_that_is_no_json_is_400(owner: Api) -> None:
    headers = {"Authorization": f"Bearer {owner.token}"}
    response = Browser().post("/api/v1/datasets", "{", content_type="application/json", headers=headers)
    assert (response.status_code, body(response)["code"]) == (400, "body-invalid")
    form = Browser().post("/api/v1/datasets", {"key": "x"}, headers=headers)
    assert (form.status_code, body(form)["code"]) == (415, "unsupported-media-type")


def test_addresses_and_methods_that_are_not_there_are_problems(owner: Api) -> None:
    assert body(owner.get("nothing"))["code"] == "not-found"
    response = owner.put("datasets", {})
    assert (response.status_code, body(response)["code"]) == (405, "method-not-allowed")
    page = Browser().get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.fixture
def member(db: None) -> Browser:
    """Signed in as a publisher of ``dot``, with the CSRF check on."""
    agency = Agency.objects.filter(code="dot").first()
    agency = agency or accounts.create_agency(actor=HUB, code="dot", name="Transport")
    user = User.objects.create_user("p@dot.example", "long-enough-1")
    Membership.objects.create(user=user, agency=agency, roles=["publisher"])
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(user)
    return browser


def test_session_reads_but_changes_nothing_without_its_csrf_token(member: Browser, flights: Dataset) -> None:
    assert member.get("/api/v1/datasets/dot.flights/rows").status_code == 200
    draft = {"key": "dot.new", "title": "New"}
    refused = member.post("/api/v1/datasets", draft, content_type="application/json")
    assert (refused.status_code, body(refused)["code"]) == (403, "csrf-failed")
    member.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32}
    assert member.post("/api/v1/datasets", draft, content_type="application/json", headers=headers).status_code == 201


def test_member_without_an_agency_is_nobody(member: Browser) -> None:
    Membership.objects.all().delete()
    assert member.get("/api/v1/datasets").status_code == 401


def test_too_many_requests_are_told_when_to_come_back(reader: Api, owner: Api, flights: Dataset, settings: Any) -> None:
    settings.HUB_CLIENT_LIMITS = {"requests_per_minute": 2}
    for path in ("datasets/dot.flights/rows", "datasets"):
        assert reader.get(path).status_code == 200
    for path in ("datasets/dot.flights/rows", "datasets"):
        response = reader.get(path)
        assert (response.status_code, body(response)["code"]) == (429, "rate-limited")
        assert 1 <= int(response["Retry-After"]) <= 60
        assert (response["RateLimit-Limit"], response["RateLimit-Remaining"]) == ("2", "0")
    assert owner.get("datasets").status_code == 200


def test_limits_can_be_switched_off(reader: Api, settings: Any) -> None:
    settings.HUB_RATE_LIMITS = False
    settings.HUB_CLIENT_LIMITS = {"requests_per_minute": 1}
    assert [reader.get("datasets").status_code for _ in range(3)] == [200] * 3


def _restore(kept: dict[str, Any]) -> None:
    connection.close()
    connection.settings_dict.update(kept)


def test_lost_database_is_503_until_it_is_back(transactional_db: None) -> None:
    kept = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    connection.close()
    connection.settings_dict.update(HOST="127.0.0.1", PORT="1")
    try:
        for path in ("datasets", "datasets/dot.flights/rows"):
            response = Api("some-token").get(path)
            assert (response.status_code, body(response)["code"]) == (503, "unavailable")
            assert int(response["Retry-After"]) > 0
        browser = Browser()
        browser.cookies["sessionid"] = "x" * 32
        assert browser.get("/api/v1/datasets").status_code == 503
        assert Browser().get("/healthz").status_code == 200
        ready = Browser().get("/readyz")
        assert (ready.status_code, body(ready)["dependencies"]["database"]) == (503, "does not answer")
    finally:
        _restore(kept)
    assert Api("some-token").get("datasets").status_code == 401


def test_session_that_the_server_ended_is_503_once(transactional_db: None) -> None:
    assert Api("some-token").get("datasets").status_code == 401
    with connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    statuses = [Api("some-token").get("datasets").status_code for _ in range(2)]
    assert statuses[-1] == 401


def test_full_disk_is_503(reader: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hub.api.views.datasets.with_freshness", full)
    response = reader.get("datasets")
    assert (response.status_code, body(response)["code"]) == (503, "unavailable")


def test_page_of_an_outage_is_html_for_browsers(rf: Any) -> None:
    from hub.api.middleware import OutageMiddleware

    middleware = OutageMiddleware(lambda request: None)  # type: ignore[arg-type, return-value]
    page = middleware.process_exception(rf.get("/", headers={"Accept": "text/html"}), OperationalError("gone"))
    assert page is not None
    assert (page.status_code, page["Retry-After"], "平台暂时无法使用" in page.content.decode()) == (503, "5", True)
    assert middleware.process_exception(rf.get("/"), ValueError("a fault")) is None


def test_hub_tells_its_health(db: None) -> None:
    assert body(Api().get("/healthz")) == {"status": "ok"}
    ready = Api().get("/readyz")
    states = body(ready)["dependencies"]
    assert (states["database"], states["serving"], states["broker"]) == ("ok", "ok", "ok")
    assert (ready.status_code, states["scheduler"]) == (503, "no tick yet")


def test_metrics_count_contents_for_platform_roles_only(reader: Api, system: Api, flights: Dataset) -> None:
    plain, full = Api().get("/metrics").content.decode(), system.get("/metrics").content.decode()
    assert 'hub_dependency_up{dependency="broker"} 1' in plain
    assert "hub_datasets" not in plain
    assert 'hub_datasets{status="published"} 1' in full
    assert 'hub_freshness{freshness="never"} 1' in full
    assert reader.get("/metrics").status_code == 403


def test_document_is_served_and_kept_in_step(db: None) -> None:
    served = body(Browser().get("/api/v1/openapi.json"))
    assert served["openapi"].startswith("3.1")
    assert served == json.loads(
        json.dumps(yaml.load((ROOT / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader), default=str)
    )
    assert served == json.loads(json.dumps(document()))


def test_docs_need_no_network_and_no_inline_script(db: None) -> None:
    page = Browser().get("/api/v1/docs")
    text = page.content.decode()
    assert page.status_code == 200
    assert "//cdn" not in text
    assert "<script>" not in text
    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        response = Browser().get(address)
        assert response.status_code == 200, address
        response.close()


def test_every_declared_route_is_documented() -> None:
    routes = {
        "/datasets": {"get", "post"},
        "/datasets/{key}": {"get", "patch"},
        "/datasets/{key}/access": {"get"},
        "/datasets/{key}/rows": {"get"},
        "/datasets/{key}/rows/{row}": {"get"},
        "/datasets/{key}/schema": {"get"},
        "/connector-kinds": {"get"},
        "/sources": {"get", "post"},
        "/streams/{key}/sync": {"post"},
        "/runs/{id}/rejects": {"get"},
        "/tokens/{id}/rotate": {"post"},
        "/rules/{key}/approve": {"post"},
        "/events": {"get"},
    }
    for path, methods in routes.items():
        assert methods <= set(document()["paths"][f"/api/v1{path}"])


def test_document_is_valid_without_a_warning() -> None:
    reset_generator_stats()
    validate_schema(SchemaGenerator().get_schema(request=None, public=True))
    assert not GENERATOR_STATS


def test_address_with_the_character_nul_is_not_there(owner: Api, flights: Dataset) -> None:
    for path in ("datasets/dot.%00", "datasets/dot.%00/rows", "rules/a%00", "agencies/%00", "streams/%00"):
        assert owner.get(path).status_code == 404
