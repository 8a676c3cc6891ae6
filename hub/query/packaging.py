"""A dataset as a Data Package (v2) with a Table Schema: its files, described as the caller sees them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from hub.accounts.caller import Caller
from hub.catalog.models import Dataset, Field
from hub.errors import Forbidden
from hub.predicates import FieldType
from hub.query.files.building import file_name
from hub.query.files.kept import Contents, look
from hub.query.files.reading import WHOLE, state_of
from hub.query.formats import form_of
from hub.query.views import View, open_view
from hub.store.models import Relation
from hub.store.select.relation import Shown

PROFILES: Final = "https://datapackage.org/profiles/2.0"
_FORMATS: Final = ("csv", "parquet")
_MEDIA_TYPES: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_TYPES: Final[Mapping[FieldType, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean", "trueValues": ["true"], "falseValues": ["false"]},
    "date": {"type": "date"},
    "datetime": {"type": "datetime"},
    "time": {"type": "time"},
    "json": {"type": "any"},
    "geometry": {"type": "geojson"},
}


def data_package(caller: Caller, key: str, agreement: str = "", *, site: str) -> dict[str, Any]:
    """The descriptor; ``site`` is the hub's address. Raises ``NotFound`` and ``Forbidden`` as reading does.

    Where the caller may read rows but take no files, the one resource is the stream of its rows.
    """
    view = open_view(caller, key, agreement=agreement)
    dataset = Dataset.objects.select_related("agency").get(key=key)
    relation = Relation.objects.filter(dataset=dataset).first()
    fields = {field.name: field for field in dataset.fields.all()}
    schema = _table_schema(view, fields)
    address = f"{site}/api/v1/datasets/{quote(key)}"
    texts = {"title": dataset.title, "description": dataset.description}
    described: dict[str, Any] = {
        "$schema": f"{PROFILES}/datapackage.json",
        "name": key,
        **{name: text for name, text in texts.items() if text},
        "homepage": f"{site}/datasets/{quote(key)}",
        "version": str(relation.version if relation is not None else 0),
        "sources": [{"title": dataset.agency.name, "path": f"{site}/datasets/{quote(key)}"}],
        "contributors": list(_contributors(dataset)),
        "resources": list(_resources(caller, key, agreement, address, schema)),
    }
    if relation is not None and relation.synced_at is not None:
        described["created"] = relation.synced_at.isoformat().replace("+00:00", "Z")
    if dataset.keywords:
        described["keywords"] = dataset.keywords
    if dataset.licence:
        described["licenses"] = [_licence(dataset.licence)]
    return described


def _resources(
    caller: Caller, key: str, agreement: str, address: str, schema: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    try:
        view = open_view(caller, key, mode="export", agreement=agreement)
    except Forbidden:
        yield _resource(key, "csv", f"{address}/rows?f=csv&limit=all", schema)
        return
    state = state_of(view)
    for format in _FORMATS:
        made = look(file_name(view, state, WHOLE, form_of(format))) if state is not None else None
        yield _resource(key, format, f"{address}/file.{format}", schema, made)


def _resource(
    key: str, format: str, path: str, schema: Mapping[str, Any], made: Contents | None = None
) -> dict[str, Any]:
    """One file; its length and digest are known once it was made."""
    csv = {"dialect": {"lineTerminator": "\r\n"}, "encoding": "utf-8"} if format == "csv" else {}
    kept = {} if made is None else {"bytes": made.size, "hash": f"sha256:{made.sha256}"}
    return {
        "name": f"{key}.{format}",
        "path": path,
        "type": "table",
        "format": format,
        "mediatype": _MEDIA_TYPES[format],
        **csv,
        **kept,
        "schema": dict(schema),
    }


def _table_schema(view: View, fields: Mapping[str, Field]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "$schema": f"{PROFILES}/tableschema.json",
        "fields": [_field(shown, fields[shown.name]) for shown in view.fields],
        "missingValues": [""],
    }
    if view.key_is_clear:
        schema["primaryKey"] = list(view.primary_key)
    return schema


def _field(shown: Shown, field: Field) -> dict[str, Any]:
    """One field as it is seen; of its contract only what also holds for the form in which it is seen."""
    texts = {"title": field.title, "description": field.description, "unit": field.unit}
    told: dict[str, Any] = {"name": shown.name, **_TYPES[shown.type]}
    told.update({name: text for name, text in texts.items() if text})
    if shown.is_plain and field.codes and shown.type in ("string", "integer"):
        told["categories"] = field.codes
    if shown.never_null and field.is_required:
        told["constraints"] = {"required": True}
    return told


def _contributors(dataset: Dataset) -> Iterator[dict[str, Any]]:
    contact = dataset.contact
    mail = {"email": contact} if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", contact) else {}
    yield {"title": dataset.agency.name, "roles": ["publisher"], **mail}
    if contact and not mail:
        yield {"title": contact, "roles": ["contact"]}


def _licence(text: str) -> dict[str, str]:
    """A licence by its address or its name; a text that is neither is its title."""
    if re.match(r"https?://", text):
        return {"path": text}
    if re.fullmatch(r"[-a-zA-Z0-9._]+", text):
        return {"name": text}
    return {"name": re.sub(r"[^-a-zA-Z0-9._]+", "-", text).strip("-") or "other", "title": text}
