"""How a decision shows a dataset, as data: a feed tells by it later what its reader was given."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hub.errors import Gone
from hub.predicates import FilterError, Predicate, bind, names, parse
from hub.query.views import View, mask_of, row_filter
from hub.store.models import Sight
from hub.store.queries import Column
from hub.store.select.changes import Seeing
from hub.store.select.relation import Shown
from hub.store.select.values import Masked, seen
from policies.decision import RowPolicy


def keep_sight(view: View) -> UUID:
    """Store how ``view`` shows the dataset, unless that is known; its random id."""
    content = _described(view)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    sight, _ = Sight.objects.get_or_create(
        relation_id=view.place.relation, digest=digest, defaults={"content": content}
    )
    return sight.pk


def seeing_of(view: View) -> Seeing:
    """How ``view`` shows rows now."""
    columns = view.place.columns
    return Seeing(view.fields, view.where, {columns[name].column: columns[name].type for name in _used(view)})


def seeing_by(id: UUID, view: View) -> Seeing:
    """How the sight ``id`` of the same dataset showed rows.

    Raises ``Gone`` where it is not known, or where its columns are no longer what they were.
    """
    sight = Sight.objects.filter(pk=id, relation_id=view.place.relation).first()
    if sight is None:
        raise position_gone(view.key)
    columns = {name: Column(column, type_, False) for name, (column, type_) in sight.content["columns"].items()}
    if any(name in view.place.columns and view.place.columns[name].type != c.type for name, c in columns.items()):
        raise position_gone(view.key)
    try:
        where = row_filter(_rows(sight.content, columns), columns)
    except FilterError:
        raise position_gone(view.key) from None
    fields = tuple(_shown(columns, *field) for field in sight.content["fields"])
    return Seeing(fields, where, {column.column: column.type for column in columns.values()})


def position_gone(key: str) -> Gone:
    """The refusal to go on from a position of which nobody knows any more what its reader has."""
    return Gone(
        f"What you have of {key} is no longer known here.",
        code="position-gone",
        hint="Empty your copy and start again without since.",
    )


def _described(view: View) -> dict[str, Any]:
    """All that shapes what is shown, in words and numbers; the key's fields too, as changes go by it."""
    columns, rows = view.place.columns, view.decision.rows
    any_of, none_of = rows.texts()
    masks = ((field, mask_of(view.caller.agency, view.key, field)) for field in view.decision.seen_fields)
    return {
        "key": view.primary_key,
        "columns": {name: (columns[name].column, columns[name].type) for name in _used(view)},
        "fields": [
            (field.name, field.seen_type, mask.kind, mask.head, mask.tail, str(mask.to), mask.key)
            for field, mask in masks
        ],
        "any_of": None if rows.any_of == "all" else any_of,
        "none_of": none_of,
    }


def _used(view: View) -> list[str]:
    rows = view.decision.rows
    trees = rows.none_of if rows.any_of == "all" else (*rows.none_of, *rows.any_of)
    used = {field.name for field in view.fields}.union(view.primary_key, *map(names, trees))
    return sorted(used)


def _rows(content: Mapping[str, Any], columns: Mapping[str, Column]) -> RowPolicy:
    types = {name: column.type for name, column in columns.items()}

    def trees(texts: list[str]) -> tuple[Predicate, ...]:
        return tuple(bind(parse(text), types) for text in texts)

    any_of = content["any_of"]
    return RowPolicy("all" if any_of is None else trees(any_of), trees(content["none_of"]))


def _shown(
    columns: Mapping[str, Column], name: str, type_: Any, kind: str, head: int, tail: int, to: str, key: str
) -> Shown:
    column = columns[name]
    return Shown(name, type_, seen(column.column, column.type, Masked(kind, head, tail, to, key)))
