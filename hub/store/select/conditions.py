"""A typed filter as SQL that raises nothing on any value of any row."""

from collections.abc import Callable
from typing import Any

from hub.predicates import (
    And,
    Between,
    CaseI,
    Comparison,
    FieldType,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Not,
    Operator,
    Or,
    Predicate,
    Value,
)
from hub.store.sql import Sql, join

Resolve = Callable[[str], Sql]
"""From a field's name to the expression of its cell as the reader of the filter sees it."""

_INFINITE = 2**1024 - 2**970
"""The least decimal that is nearer to infinity than to the largest double."""
_ZERO = "2.4703282292062327209e-324"
"""Half of the smallest double; a decimal no larger is nearer to zero."""


def condition(tree: Predicate, resolve: Resolve) -> Sql:
    """The SQL of ``tree``, three-valued like the tree itself."""
    match tree:
        case And(items):
            return "(" + join(" AND ", [condition(item, resolve) for item in items]) + ")"
        case Or(items):
            return "(" + join(" OR ", [condition(item, resolve) for item in items]) + ")"
        case Not(item):
            return "(NOT " + condition(item, resolve) + ")"
        case Comparison(op, left, right):
            return _compared(op, left, right, resolve)
        case Between(value, low, high):
            return "(" + _compared(">=", value, low, resolve) + " AND " + _compared("<=", value, high, resolve) + ")"
        case In(value, options):
            return "(" + _value(value, resolve) + " IN (" + join(", ", [_value(o, resolve) for o in options]) + "))"
        case Like(value, pattern):
            return "(" + _value(value, resolve) + " LIKE " + _value(pattern, resolve) + ")"
        case IsNull(value):
            return "(" + _value(value, resolve) + " IS NULL)"
    raise TypeError(f"no SQL for {type(tree).__name__}")


def _compared(op: Operator, left: Value, right: Value, resolve: Resolve) -> Sql:
    sides = [_value(value, resolve) for value in (left, right)]
    types = [_type(value) for value in (left, right)]
    if "number" in types:
        sides = [_double(side) if type_ == "decimal" else side for side, type_ in zip(sides, types)]
    return "(" + sides[0] + f" {op} " + sides[1] + ")"


def _type(value: Value) -> FieldType | None:
    return None if isinstance(value, CaseI) else value.type


def _double(decimal: Sql) -> Sql:
    """A decimal as the nearest double. The cast alone raises, and prints the value, where that is infinite or zero."""
    size = "abs(" + decimal + ")"
    infinite = "sign(" + decimal + ")::double precision * double precision 'Infinity'"
    near = Sql(f" < {_INFINITE} THEN (") + decimal + ")::double precision ELSE " + infinite + " END)"
    return "(CASE WHEN " + size + f" <= {_ZERO} THEN 0 WHEN " + size + near


def _value(value: Value, resolve: Resolve) -> Sql:
    match value:
        case Name(name):
            return resolve(name)
        case CaseI(inner):
            return "(lower((" + _value(inner, resolve) + ') COLLATE "pg_c_utf8") COLLATE "C")'
        case Literal(content, type_):
            return Sql(f"(%s){_cast(type_)}", (parameter(content),))
    raise TypeError(f"no SQL for {type(value).__name__}")


def _cast(type_: FieldType) -> str:
    match type_:
        case "string":
            return '::text COLLATE "C"'
        case "integer":
            return "::bigint"
        case "decimal":
            return "::numeric"
        case "number":
            return "::double precision"
        case "datetime":
            return "::timestamp"
        case "boolean" | "date" | "time":
            return f"::{type_}"
    raise TypeError(f"no literal has the type {type_}")


def parameter(content: Any) -> Any:
    """What stands for a literal's value in a statement: datetimes are stored in UTC without a zone."""
    return content.replace(tzinfo=None) if getattr(content, "tzinfo", None) is not None else content
