"""Reading CKAN sites: a server on loopback that answers as the Action API does, and some that do not."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.base import CannotResume, Extract
from connectors.kinds.ckan import Ckan, tables
from connectors.testing import Answering, Asked, ConnectorContract, Reply, Served, rows_of
from hub.errors import SourceError

FIELDS = [
    {"id": "_id", "type": "int"},
    {"id": "站 号", "type": "text"},
    {"id": "level", "type": "numeric"},
    {"id": "at", "type": "timestamp"},
]
Serve = Callable[[Answering | bytes], Served]


class Site:
    """One dataset with a table and a file, whose rows tests may change between two requests."""

    def __init__(self, rows: int = 25) -> None:
        self.rows = [f'{{"_id": {n}, "站 号": "S{n}", "level": {n}.10, "at": null}}' for n in range(1, rows + 1)]
        self.before: Callable[[Asked], None] = lambda asked: None

    def answer(self, asked: Asked) -> Reply:
        self.before(asked)
        action = asked.path.rpartition("/")[2]
        if asked.headers.get("Authorization", "t") != "t" or not asked.path.startswith("/site/api/3/action/"):
            return Reply(b'{"success": false}', 403)
        if {asked.params.get("id", "r1"), asked.params.get("resource_id", "r1")} != {"r1"}:
            return Reply(b'{"success": false}', 404)
        return Reply(f'{{"success": true, "result": {self.result(action, asked.params)}}}'.encode())

    def result(self, action: str, params: Mapping[str, str]) -> str:
        if action == "datastore_search":
            assert params["sort"] == "_id"
            start, limit = int(params["offset"]), int(params["limit"])
            records = ", ".join(self.rows[start : start + limit])
            return f'{{"fields": {json.dumps(FIELDS)}, "total": {len(self.rows)}, "records": [{records}]}}'
        resources = [{"id": "r1", "name": "Levels", "datastore_active": True}, {"id": "f", "datastore_active": False}]
        if action == "resource_show":
            return json.dumps(resources[0])
        package = {"name": "wells", "title": "Wells", "resources": resources}
        return json.dumps({"results": [package] if params.get("start") == "0" else []})


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(tables, "_PAGE", 10)
    return Site()


@pytest.fixture
def connector(serve: Serve, site: Site) -> Ckan:
    return Ckan({"url": serve(site.answer).url + "site", "allow_loopback": True}, {"token": "t"})


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, serve: Serve, site: Site) -> Ckan:
        return Ckan({"url": serve(site.answer).url + "site/", "allow_loopback": True}, {"token": "t"})

    @pytest.fixture
    def unreachable(self) -> Ckan:
        return Ckan({"url": "http://127.0.0.1:1/", "allow_loopback": True}, {"token": "canary"})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"resource": "r1"}


def test_table_comes_whole_with_every_digit_and_without_its_numbers(connector: Ckan) -> None:
    rows = rows_of(connector.read(Extract({"resource": "r1"})))

    assert [row[0] for row in rows] == [f"S{n}" for n in range(1, 26)]
    assert rows[1] == ["S2", "2.10", "\\N"]
    (found,) = connector.discover()
    assert (found.name, found.select) == ("Wells / Levels", {"resource": "r1"})
    assert [(one.name, one.type, one.title) for one in found.columns] == [
        ("站_号", "string", "站 号"), ("level", "decimal", ""), ("at", "datetime", "")
    ]  # fmt: skip


def test_table_that_changes_meanwhile_is_not_half_old_and_half_new(connector: Ckan, site: Site) -> None:
    def lose_a_row(asked: Asked) -> None:
        if asked.params.get("offset") == "10":
            site.rows.pop(0)

    site.before = lose_a_row
    with pytest.raises(SourceError) as caught:
        list(connector.read(Extract({"resource": "r1"})))
    assert caught.value.code == "source-changed"
    site.before = lambda asked: None
    assert len(rows_of(connector.read(Extract({"resource": "r1"})))) == 24
    with pytest.raises(CannotResume):
        list(connector.read(Extract({"resource": "r1"}, resume={"done": 10, "total": 25})))


@pytest.mark.parametrize(
    ("url", "secrets", "resource", "code"),
    [
        ("site", {"token": "other"}, "r1", "source-refused"),
        ("site", {"token": "t"}, "r2", "source-missing"),
        ("elsewhere", {"token": "t"}, "r1", "source-refused"),
    ],
)
def test_what_is_wrong_is_said(
    serve: Serve, site: Site, url: str, secrets: dict[str, str], resource: str, code: str
) -> None:
    connector = Ckan({"url": serve(site.answer).url + url, "allow_loopback": True}, secrets)

    with pytest.raises(SourceError) as caught:
        list(connector.read(Extract({"resource": resource})))
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"success": true}',
        b'{"success": true, "result": {"total": "x"}}',
        b'{"success": true, "result": {"results": [7]}}',
        b"<html>",
    ],
)
def test_what_is_no_ckan_is_said(serve: Serve, body: bytes) -> None:
    connector = Ckan({"url": serve(body).url, "allow_loopback": True}, {})

    for act in (lambda: connector.describe({"resource": "r1"}), lambda: list(connector.discover())):
        with pytest.raises(SourceError) as caught:
            act()
        assert caught.value.code in ("source-not-ckan", "source-not-json")
