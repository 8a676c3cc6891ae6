"""The OpenAPI document of one dataset as the caller sees it: the hub's own, with this dataset's names in it."""

import copy
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from hub.query.params import OF_AGGREGATES, RESERVED

_KEPT: Final = ("rows", "rows/{row}", "aggregate", "changes", "schema", "file.{ending}", "exports", "datapackage.json")
_BELOW: Final = "/api/v1/datasets/{key}/"
_OF_EXPORTS: Final = ("/api/v1/exports/{id}", "/api/v1/exports/{id}/file")
_REFERENCE: Final = "#/components/schemas/"
_ROW: Final = {"$ref": f"{_REFERENCE}Row"}
_PLAIN: Final = frozenset({"string", "number", "integer", "boolean"})


@lru_cache(maxsize=1)
def hub_document() -> dict[str, Any]:
    """The document of all routes; nobody changes it."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def dataset_document(key: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The routes that read the dataset ``key``, of whose rows ``schema`` is the JSON Schema in the caller's view."""
    whole = hub_document()
    paths = {f"{_BELOW}{name}".replace("{key}", quote(key)): whole["paths"][_BELOW + name] for name in _KEPT}
    paths |= {path: whole["paths"][path] for path in _OF_EXPORTS}
    paths = {path: _narrowed(item) for path, item in copy.deepcopy(paths).items()}
    at = f"/api/v1/datasets/{quote(key)}"
    row = {name: value for name, value in schema.items() if name != "$schema"}
    _tell_rows(paths, at, row)
    components = copy.deepcopy(_used(paths, whole["components"]["schemas"]))
    return {
        "openapi": whole["openapi"],
        "info": {"title": key, "version": whole["info"]["version"], "description": f"{key}, as you see it."},
        "servers": [{"url": settings.HUB_URL}],
        "paths": paths,
        "components": {**whole["components"], "schemas": {**components, "Row": row}},
    }


def _narrowed(item: dict[str, Any]) -> dict[str, Any]:
    """What reads, without the parameter that the address has filled in."""
    for operation in item.values():
        told = operation.get("parameters", ())
        operation["parameters"] = [parameter for parameter in told if parameter["name"] != "key"]
        operation["operationId"] = operation["operationId"].replace("_datasets_by_key", "")
    return item


def _tell_rows(paths: dict[str, Any], at: str, row: Mapping[str, Any]) -> None:
    """Put the row where the hub's document says only that there is one."""
    for name, reserved in (("rows", RESERVED), ("aggregate", OF_AGGREGATES)):
        paths[f"{at}/{name}"]["get"]["parameters"] += _equalities(row, reserved)
    page = _answer(paths[f"{at}/rows"])
    page["properties"]["data"]["items"] = _ROW
    _content(paths[f"{at}/rows/{{row}}"])["schema"] = _ROW
    change = _answer(paths[f"{at}/changes"])["properties"]["data"]["items"]["properties"]
    change["row"] = {"anyOf": [_ROW, {"type": "null"}], "description": change["row"]["description"]}
    key = row.get("x-primary-key", ())
    if key:
        of_key = {name: row["properties"][name] for name in key}
        change["key"] = {"type": "object", "properties": of_key, "required": list(key), "additionalProperties": False}
    names = list(row["properties"])
    for parameter in paths[f"{at}/rows"]["get"]["parameters"]:
        if parameter["name"] == "properties":
            parameter |= {"schema": {"type": "array", "items": {"type": "string", "enum": names}}, "explode": False}


def _equalities(row: Mapping[str, Any], reserved: frozenset[str]) -> Iterator[dict[str, Any]]:
    """``<field>=<value>`` for each field that has a text to be equal to, and is not called like a parameter."""
    for name, field in row["properties"].items():
        type_ = field.get("type", "object")
        words = {type_} if isinstance(type_, str) else set(type_) - {"null"}
        if name not in reserved and words <= _PLAIN:
            kept = {word: field[word] for word in ("format",) if word in field}
            told = field.get("title") or field.get("description") or name
            schema = {"type": words.pop(), **kept}
            yield {"in": "query", "name": name, "schema": schema, "description": f"{told}: rows with just this value."}


def _content(item: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = item["get"]["responses"]["200"]["content"]["application/json"]
    return content


def _answer(item: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = _content(item)["schema"]
    return schema


def _used(things: Any, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``schemas`` that ``things`` refer to, and those that these refer to."""
    found: dict[str, Any] = {}
    waiting = [things]
    while waiting:
        for name in re.findall(rf"{_REFERENCE}([\w.-]+)", repr(waiting.pop())):
            if name not in found and name in schemas:
                found[name] = schemas[name]
                waiting.append(schemas[name])
    return found
