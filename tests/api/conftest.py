"""One cast at the API: ``dot`` owns, ``ops`` reads, ``spy`` must see nothing of what is secret; every answer is held
against the OpenAPI document."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.models import Agency, Client
from hub.accounts.queries import caller_for_token
from hub.catalog import commands as catalog
from hub.catalog.models import Dataset
from hub.store.tables import ensure_relation

FIELDS = [
    {"name": "id", "type": "integer", "sensitivity": "public"},
    {"name": "名字", "type": "string", "sensitivity": "public", "title": "Name"},
    {"name": "delay", "type": "decimal", "sensitivity": "internal", "unit": "min"},
    {"name": "at", "type": "datetime", "sensitivity": "public"},
    {"name": "ssn", "type": "string", "sensitivity": "personal"},
]
ROWS = 20


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


@lru_cache(maxsize=1)
def _templates() -> list[tuple[re.Pattern[str], str]]:
    found = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"), path) for path in document()["paths"]]
    return sorted(found, key=lambda pair: pair[1].count("{"))


def _hold_against_document(response: HttpResponse, method: str, path: str) -> None:
    """Status, media type and body are those that the document promises."""
    template = next((template for pattern, template in _templates() if pattern.match(path)), None)
    if template is None or method not in document()["paths"][template]:
        return
    answers = document()["paths"][template][method]["responses"]
    assert str(response.status_code) in answers, f"{method} {template} never says {response.status_code}"
    content = answers[str(response.status_code)].get("content", {})
    media_type = response.headers.get("Content-Type", "").split(";")[0]
    assert not content or media_type in content
    if media_type.endswith("json") and not response.streaming and "Content-Encoding" not in response:
        schema = {**content[media_type]["schema"], "components": document()["components"]}
        Draft202012Validator(schema).validate(json.loads(response.content))


@dataclass(frozen=True)
class Api:
    """Calls as the bearer of ``token``; paths are below ``/api/v1``."""

    token: str = ""

    def get(self, path: str, params: Mapping[str, str] | None = None, **headers: str) -> HttpResponse:
        return self._sent("get", path, dict(params or {}), headers)

    def post(self, path: str, body: object = None, **headers: str) -> HttpResponse:
        return self._sent("post", path, json.dumps(body or {}), headers, content_type="application/json")

    def upload(self, path: str, parts: Mapping[str, Any]) -> HttpResponse:
        return self._sent("post", path, dict(parts), {})

    def put(self, path: str, body: object, **headers: str) -> HttpResponse:
        return self._sent("put", path, json.dumps(body), headers, content_type="application/json")

    def patch(self, path: str, body: object, **headers: str) -> HttpResponse:
        return self._sent("patch", path, json.dumps(body), headers, content_type="application/json")

    def _sent(self, method: str, path: str, data: Any, headers: Mapping[str, str], **more: str) -> HttpResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        address = path if path.startswith("/") else f"/api/v1/{path}"
        response = getattr(Browser(), method)(address, data, headers=sent, **more)
        _hold_against_document(response, method, address.partition("?")[0])
        return response


@pytest.fixture
def token_of(db: None) -> Callable[..., str]:
    """A fresh token of the client ``agency/name``, which is made where there is none."""

    def issued(agency: str, name: str = "app", roles: tuple[str, ...] = (), **values: Any) -> str:
        owner = Agency.objects.filter(code=agency).first()
        owner = owner or accounts.create_agency(actor=HUB, code=agency, name=agency.title())
        client = Client.objects.filter(agency=owner, name=name).first() or accounts.create_client(
            actor=HUB, agency=owner, name=name, roles=roles, is_external=values.pop("is_external", False)
        )
        return accounts.issue_token(actor=HUB, client=client, lifetime=timedelta(days=1), **values)[1]

    return issued


@pytest.fixture
def as_agency(token_of: Callable[..., str]) -> Callable[..., Api]:
    def api(agency: str, *roles: str, **values: Any) -> Api:
        return Api(token_of(agency, "-".join(("app", *roles)), roles, **values))

    return api


@pytest.fixture
def owner(as_agency: Callable[..., Api]) -> Api:
    return as_agency("dot", "publisher")


@pytest.fixture
def reviewer(as_agency: Callable[..., Api]) -> Api:
    return as_agency("dot", "reviewer")


@pytest.fixture
def reader(as_agency: Callable[..., Api]) -> Api:
    return as_agency("ops")


@pytest.fixture
def system(as_agency: Callable[..., Api]) -> Api:
    return as_agency("hub", "system")


@pytest.fixture
def dataset(owner: Api) -> Callable[..., Dataset]:
    """A published dataset of ``dot`` with ``FIELDS`` and no row."""

    def made(name: str, **values: Any) -> Dataset:
        agency = Agency.objects.get(code="dot")
        columns = {
            key: values.pop(key) for key in ("sharing_class", "reason", "conditions", "is_secret") if key in values
        }
        values = {"title": name.title(), "fields": FIELDS, "primary_key": ["id"], **values}
        made = catalog.register_dataset(actor=HUB, agency=agency, key=f"dot.{name}", **values)
        made = catalog.publish_dataset(actor=HUB, dataset=made)
        Dataset.objects.filter(pk=made.pk).update(**columns)
        accounts.bump_epoch()
        return Dataset.objects.get(pk=made.pk)

    return made


@pytest.fixture
def flights(dataset: Callable[..., Dataset]) -> Dataset:
    """Twenty rows; every cell of ``ssn`` holds a word that must never be seen."""
    flights = dataset("flights")
    relation = ensure_relation(flights)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1, c2, c3, c4, c5)"
            " SELECT g, '名' || g, g * 1.50, timestamp '2020-01-01' + g * interval '1 minute', 'secret-' || g"
            " FROM generate_series(1, %s) g",
            [ROWS],
        )
    relation.rows, relation.version = ROWS, 3
    relation.save()
    return flights


@pytest.fixture
def caller() -> Callable[[Api], Any]:
    return lambda api: caller_for_token(api.token)


@pytest.fixture(autouse=True)
def no_limits_left_over() -> None:
    """Each test has a minute of its own."""
    from hub.limits.admission import forget_requests

    forget_requests()
