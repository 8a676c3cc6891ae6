"""Resources that have a table in CKAN's DataStore: its rows by their numbers, its columns by their types."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from connectors import infer
from connectors.base import Batch, CannotResume, Column, Extract, Found
from connectors.batches import Lines, Mark, Record, batches
from connectors.columns import field_names, picks
from connectors.fetching.http import Http
from connectors.formats import json
from connectors.kinds.ckan.site import asked, no_ckan
from hub.errors import SourceDown, SourceMissing

_PAGE: Final = 10_000
_SAMPLED: Final = 200
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


def found(http: Http, select: Mapping[str, Any]) -> Found:
    """The columns of a resource's table and a few of its rows; raises ``SourceError``."""
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


def read(http: Http, extract: Extract) -> Iterator[Batch]:
    """The rows of a resource's table; raises ``SourceError``, or ``CannotResume`` where there are more or fewer now."""
    resource = extract.select["resource"]
    first = _page(http, resource, 0, 0)
    offered = tuple(field["id"] for field in _data_fields(first))
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
    for batch in batches(names, _records(http, resource, keys, state["done"], state["total"]), most=extract.most):
        yield replace(batch, offered=had)


def is_state(state: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is one of a table."""
    return "done" in state


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
    page = asked(http, "datastore_search", {**params, "include_total": "true"})
    try:
        total = int(json.text(page["total"]))
        fields = [{"id": json.text(field["id"]), "type": json.text(field["type"])} for field in page["fields"]]
        return {"total": total, "fields": fields, "records": list(page["records"])}
    except (KeyError, TypeError, ValueError) as error:
        raise no_ckan(str(http.url)) from error


def _data_fields(page: Any) -> list[Any]:
    return [field for field in page["fields"] if field["id"] != _NUMBER]
