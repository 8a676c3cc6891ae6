"""The kind ``ckan``: the tables that a CKAN site keeps in its DataStore, by its Action API (version 3)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import httpx

from connectors import infer
from connectors.base import LIMITS_SCHEMA, Batch, CannotResume, Column, Connector, Extract, Found, JsonSchema, Limits
from connectors.batches import Lines, Mark, Record, batches
from connectors.columns import field_names, picks
from connectors.fetching.http import Http, place
from connectors.formats import json
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing

_MAX_ANSWER: Final = 32 << 20
_PAGE: Final = 10_000
_SAMPLED: Final = 200
_PACKAGES: Final = 100
_MAX_PACKAGES: Final = 10_000
_NUMBER: Final = "_id"
"""The column with which CKAN numbers the rows of each table; it is no data of the department's."""

_HUB_TYPES: Final[Mapping[str, str]] = {
    "int": "integer",
    "int4": "integer",
    "int8": "integer",
    "float": "number",
    "float8": "number",
    "numeric": "decimal",
    "bool": "boolean",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "time": "time",
    "json": "json",
    "jsonb": "json",
    "nested": "json",
}


class Ckan(Connector):
    """A CKAN site."""

    kind: ClassVar[str] = "ckan"
    title: ClassVar[str] = "CKAN"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": {
                "description": "The site's address, as http(s)://host/path/, below which api/3/action lies.",
                "type": "string",
                "pattern": r"^https?://[^/@?#]+(/|$)",
            },
            "organization": {
                "description": "The name of the organization whose datasets are discovered; by default all.",
                "type": "string",
                "pattern": "^[a-z0-9_-]+$",
            },
            **LIMITS_SCHEMA,
        },
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"token": {"description": "An API token, where tables are private.", "type": "string"}},
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["resource"],
        "properties": {"resource": {"description": "The id of the resource whose table is read.", "type": "string"}},
    }

    def test(self) -> None:
        with self._http() as http:
            _asked(http, "status_show", {})

    def discover(self) -> Iterator[Found]:
        """All tables of all datasets; one that does not answer is left out."""
        with self._http() as http:
            for resource, name in self._resources(http):
                try:
                    found = _found(http, {"resource": resource})
                except SourceError:
                    continue
                yield replace(found, name=name)

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._http() as http:
            return _found(http, select)

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._http() as http:
            resource = extract.select["resource"]
            first = _page(http, resource, 0, 0)
            offered = tuple(field["id"] for field in first["fields"] if field["id"] != _NUMBER)
            names = extract.columns or field_names(offered)
            picks(names, offered, f"The table {resource}")  # a row says nothing of a column that has gone
            keys = json.keys_for(names, offered)
            had = {
                name: _HUB_TYPES.get(field["type"], "string")
                for name, field in zip(field_names(offered), _data_fields(first), strict=True)
            }
            state = extract.resume or {"done": 0, "total": first["total"]}
            if state["total"] != first["total"]:
                raise CannotResume
            for batch in batches(
                names, _records(http, resource, keys, state["done"], state["total"]), most=extract.most
            ):
                yield replace(batch, offered=had)

    def _resources(self, http: Http) -> Iterator[tuple[str, str]]:
        """The id of each table, and what it is called; in the order of the datasets' names."""
        params = {"rows": str(_PACKAGES), "sort": "name asc"}
        if "organization" in self.config:
            params["fq"] = f"organization:{self.config['organization']}"
        for start in range(0, _MAX_PACKAGES, _PACKAGES):
            count, tables = _tables(_asked(http, "package_search", {**params, "start": str(start)}), str(http.url))
            yield from tables
            if count < _PACKAGES:
                return

    def _http(self) -> Http:
        url = self.config["url"]
        headers = {"Authorization": self.secrets["token"]} if "token" in self.secrets else {}
        return Http(url if url.endswith("/") else url + "/", Limits.of(self.config), headers)


def _tables(result: Any, where: str) -> tuple[int, list[tuple[str, str]]]:
    """How many datasets there are, and of their resources those with a table: its id, and what it is called."""
    try:
        packages = result["results"]
        return len(packages), [
            (json.text(one["id"]), " / ".join(filter(None, (package.get("title") or package["name"], one.get("name")))))
            for package in packages
            for one in package.get("resources", ())
            if one.get("datastore_active")
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_ckan(where) from error


def _records(
    http: Http, resource: str, keys: tuple[str, ...], done: int, total: int
) -> Iterator[Lines | Record | Mark]:
    """The rows behind the first ``done``, by CKAN's own number; raises where the table changes meanwhile."""
    while done < total:
        page = _page(http, resource, done, _PAGE)
        if page["total"] != total or not page["records"]:
            raise SourceDown(
                f"The table {resource} changed while it was read.",
                code="source-changed",
                hint="Nothing was loaded; the next run reads it again.",
            )
        yield from json.lines(page["records"], keys, done + 1)
        done += len(page["records"])
        yield Mark({"done": done, "total": total})


def _page(http: Http, resource: str, offset: int, limit: int) -> Any:
    """A page of a table in the order of its rows' numbers, with its fields and its number of rows."""
    params = {"resource_id": resource, "sort": _NUMBER, "offset": str(offset), "limit": str(limit)}
    page = _asked(http, "datastore_search", {**params, "include_total": "true"})
    try:
        total = int(json.text(page["total"]))
        fields = [{"id": json.text(field["id"]), "type": json.text(field["type"])} for field in page["fields"]]
        return {"total": total, "fields": fields, "records": list(page["records"])}
    except (KeyError, TypeError, ValueError) as error:
        raise _no_ckan(str(http.url)) from error


def _asked(http: Http, action: str, params: Mapping[str, str]) -> Any:
    """What the action gives; raises ``SourceError``."""
    answer = http.get(str(httpx.URL(f"api/3/action/{action}", params=params)), _MAX_ANSWER)
    json.check_weight(answer.body, place(answer.url))
    try:
        document = json.parse(answer.body)
    except json.NotJson as error:
        raise json.not_json(place(answer.url), answer.media_type) from error
    if not isinstance(document, dict) or document.get("success") is not True or "result" not in document:
        raise _no_ckan(place(answer.url))
    return document["result"]


def _no_ckan(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"{where} does not answer as CKAN does.",
        code="source-not-ckan",
        hint="Check the source's url: below it lies api/3/action.",
    )


def _data_fields(page: Any) -> list[Any]:
    return [field for field in page["fields"] if field["id"] != _NUMBER]


def _found(http: Http, select: Mapping[str, Any]) -> Found:
    page = _page(http, select["resource"], 0, _SAMPLED)
    fields = _data_fields(page)
    if not fields:
        raise SourceMissing(
            f"The table {select['resource']} has no columns.", code="source-empty", hint="Check the stream's select."
        )
    titles = tuple(field["id"] for field in fields)
    rows = [record[1] for record in json.cells(page["records"], titles) if isinstance(record, tuple)]
    columns = tuple(
        infer.found(
            Column(name, _HUB_TYPES.get(field["type"], "string"), title="" if name == field["id"] else field["id"]),
            [row[at] for row in rows],
        )
        for at, (name, field) in enumerate(zip(field_names(titles), fields, strict=True))
    )
    return Found(select["resource"], select, columns, samples=infer.samples(rows))
