"""What a reader wishes of a view, resolved against that view: a hidden field is a name that does not exist."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hub.errors import FieldError, Invalid
from hub.predicates import Comparison, FieldType, FilterError, Literal, Name, Predicate, bind, parse
from hub.query import cursor
from hub.query.params import AggregateQuery, Measure, RowsQuery, SortKey
from hub.query.views import View
from hub.store.select.aggregates import TAKES, aggregate, count_of_rows
from hub.store.select.conditions import condition
from hub.store.select.relation import SORTABLE, Order, Selection, Shown
from hub.store.sql import Sql
from hub.store.tables import TIE_BREAKER

_QUOTED: Mapping[FieldType, str] = {
    "string": "'{}'",
    "time": "'{}'",
    "date": "DATE('{}')",
    "datetime": "TIMESTAMP('{}')",
}
_NUMBER = r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?"
_BARE: Mapping[FieldType, str] = {
    "integer": _NUMBER,
    "number": _NUMBER,
    "decimal": _NUMBER,
    "boolean": r"(?i:true|false)",
}
_PLAIN_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_PLAIN_LENGTH = 1000
_RANDOM_ORDER = Shown(TIE_BREAKER, "integer", Sql(TIE_BREAKER), is_plain=True, never_null=True)


def select(view: View, query: RowsQuery | AggregateQuery) -> Selection:
    """The selection that answers ``query``; raises ``Invalid`` naming each parameter at fault."""
    if isinstance(query, AggregateQuery):
        return _groups(view, query)
    return rows(view, query, conditions(view, asked_of(view, query)), after(view, query))


def rows(view: View, query: RowsQuery, conditions: Iterable[Sql], behind: tuple[str | None, ...] = ()) -> Selection:
    """The selection of those rows that meet ``conditions``, from the position ``behind`` on."""
    return Selection(
        table=view.place.table,
        fields=_properties(view, query.properties),
        where=(*view.where, *conditions),
        order=_order(view, query.sortby),
        limit=query.limit,
        after=behind,
    )


def asked_of(view: View, query: RowsQuery | AggregateQuery) -> tuple[Predicate, ...]:
    """The reader's own conditions, all of which hold; raises ``Invalid`` as ``select`` does."""
    trees = [_equal(view, name, text) for name, text in query.equals]
    if query.filter:
        trees.append(_bound(view, "filter", query.filter))
    return tuple(trees)


def after(view: View, query: RowsQuery | AggregateQuery) -> tuple[str | None, ...]:
    """The position that the query's cursor goes on from."""
    return cursor.unseal(query.cursor, binding(view, query)) if query.cursor else ()


def binding(view: View, query: RowsQuery | AggregateQuery) -> str:
    """What a page cursor is good for: this caller, this query, this decision."""
    asked: tuple[object, ...] = (query.equals, query.filter, query.sortby)
    if isinstance(query, AggregateQuery):
        asked += (query.groupby, query.measures)
    return repr((view.caller.agency, view.caller.name, view.key, view.agreement, view.decision.digest(), asked))


def recorded(query: RowsQuery | AggregateQuery, purpose: str, agreement: str) -> dict[str, Any]:
    """What the event of a read keeps of it; literals are there for auditors only."""
    details: dict[str, Any] = {"limit": query.limit}
    if isinstance(query, AggregateQuery):
        details["groupby"] = list(query.groupby)
        details["agg"] = [[measure.function, measure.field] for measure in query.measures]
    else:
        details["format"] = query.format
        if query.properties:
            details["properties"] = list(query.properties)
    if query.equals:
        details["equals"] = dict(query.equals)
    if query.filter:
        details["filter"] = query.filter
    if query.sortby:
        details["sortby"] = [("-" if key.descending else "") + key.name for key in query.sortby]
    return {**details, **said_of(purpose, agreement)}


def said_of(purpose: str, agreement: str) -> dict[str, str]:
    """What the reader says that its read is for."""
    said = {"purpose": purpose[:500], "agreement": agreement}
    return {name: text for name, text in said.items() if text}


def _properties(view: View, wished: tuple[str, ...]) -> tuple[Shown, ...]:
    if not wished:
        return view.fields
    return tuple(_field(view, name, "properties") for name in wished)


def _groups(view: View, query: AggregateQuery) -> Selection:
    """One row for each group, in the order of the answer's columns; those it is grouped by tell groups apart."""
    groups = [_comparable(view, name, "groupby") for name in query.groupby]
    columns = [*(replace(group, is_plain=False) for group in groups), *(_measured(view, one) for one in query.measures)]
    by_name = {column.name: column for column in columns}
    for key in query.sortby:
        if key.name not in by_name:
            raise _unknown_column(key.name, by_name)
    rest = (SortKey(name) for name in query.groupby if name not in {key.name for key in query.sortby})
    return Selection(
        table=view.place.table,
        fields=tuple(columns),
        where=(*view.where, *conditions(view, asked_of(view, query))),
        order=tuple(Order(by_name[key.name], key.descending) for key in (*query.sortby, *rest)),
        limit=query.limit,
        after=after(view, query),
        groups=tuple(group.expression for group in groups),
    )


def _measured(view: View, measure: Measure) -> Shown:
    if not measure.field:
        return count_of_rows(measure.name)
    field = _field(view, measure.field, "agg")
    if field.type not in TAKES[measure.function]:
        message = f"There is no {measure.function} of {field.name}, which is of type {field.type}."
        raise Invalid(message, code="parameter-invalid", errors=[FieldError("agg", "not-comparable", message)])
    return aggregate(measure.function, field, measure.name)


def _unknown_column(name: str, columns: Iterable[str]) -> Invalid:
    message = f"The answer has no column {name}; it has {', '.join(columns)}."
    return Invalid(message, code="parameter-invalid", errors=[FieldError("sortby", "unknown-column", message)])


def conditions(view: View, trees: Iterable[Predicate]) -> tuple[Sql, ...]:
    """What is asked of each row, as SQL over the cells as the reader sees them."""
    fields = {field.name: field.expression for field in view.fields}
    return tuple(condition(tree, fields.__getitem__) for tree in trees)


def _equal(view: View, name: str, text: str | None) -> Predicate:
    """``name=text`` as a filter. What most keys are made of takes no parser, which would cost as much as the read."""
    field = _field(view, name, name)
    if text is not None and field.type == "integer" and re.fullmatch(_PLAIN_INTEGER, text):
        return Comparison("=", Name(name, "integer"), Literal(int(text), "integer"))
    if text is not None and field.type == "string" and len(text) <= _PLAIN_LENGTH and text.isprintable():
        return Comparison("=", Name(name, "string"), Literal(text, "string"))
    tree = _bound(view, name, _equality(field, text))
    match tree:
        case Comparison(_, Name(_, "integer"), Literal(Decimal() as value)) if not -(2**63) <= value < 2**63:
            raise _no_such_value(field)
    return tree


def _bound(view: View, parameter: str, text: str) -> Predicate:
    try:
        return bind(parse(text), {field.name: field.type for field in view.fields})
    except FilterError as error:
        fault = FieldError(parameter, error.code, error.message)
        raise Invalid(error.message, code=error.code, hint=error.hint, errors=[fault]) from None


def _equality(field: Shown, text: str | None) -> str:
    """``name=value`` as filter text; the value is quoted, so that it stays one value whatever it holds."""
    name = '"' + field.name + '"'
    if text is None:
        return f"{name} IS NULL"
    if field.type in _QUOTED:
        return f"{name} = " + _QUOTED[field.type].format(text.replace("'", "''"))
    if field.type in _BARE and re.fullmatch(_BARE[field.type], text):
        return f"{name} = {text}"
    raise _no_such_value(field)


def _no_such_value(field: Shown) -> Invalid:
    message = f"{field.name} is of type {field.type} and equals no such value."
    return Invalid(message, code="filter-invalid", errors=[FieldError(field.name, "filter-invalid", message)])


def _order(view: View, wished: tuple[SortKey, ...]) -> tuple[Order, ...]:
    order = [Order(_comparable(view, key.name, "sortby"), key.descending) for key in wished]
    sorted_by = {term.field.name for term in order}
    if view.key_is_clear:
        key = (_field(view, name, "sortby") for name in view.primary_key)
        order += [Order(field) for field in key if field.name not in sorted_by]
    else:
        order.append(Order(_RANDOM_ORDER))
    return tuple(order)


def _comparable(view: View, name: str, parameter: str) -> Shown:
    field = _field(view, name, parameter)
    if field.type not in SORTABLE:
        done, code = ("sorted", "not-sortable") if parameter == "sortby" else ("grouped", "not-groupable")
        message = f"Rows cannot be {done} by {name}, which is of type {field.type}."
        raise Invalid(message, code="parameter-invalid", errors=[FieldError(parameter, code, message)])
    return field


def _field(view: View, name: str, parameter: str) -> Shown:
    field = view.field(name)
    if field is None:
        message = f"There is no field or parameter {name}."
        raise Invalid(
            message,
            code="unknown-field",
            hint=f"GET /api/v1/datasets/{view.key}/schema lists the fields.",
            errors=[FieldError(parameter, "unknown-field", message)],
        )
    return field
