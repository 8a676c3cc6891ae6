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
    Or,
    Predicate,
    Value,
)
from hub.store.sql import Sql, join

Resolve = Callable[[str], Sql]
"""From a field's name to the expression of its cell as the reader of the filter sees it."""

_INT64 = range(-(2**63), 2**63)


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
            return "(" + _value(left, resolve) + f" {op} " + _value(right, resolve) + ")"
        case Between(value, low, high):
            bounds = "(" + _value(low, resolve) + ") AND (" + _value(high, resolve) + ")"
            return "((" + _value(value, resolve) + ") BETWEEN " + bounds + ")"
        case In(value, options):
            return "(" + _value(value, resolve) + " IN (" + join(", ", [_value(o, resolve) for o in options]) + "))"
        case Like(value, pattern):
            return "(" + _value(value, resolve) + " LIKE " + _value(pattern, resolve) + ")"
        case IsNull(value):
            return "(" + _value(value, resolve) + " IS NULL)"
    raise TypeError(f"no SQL for {type(tree).__name__}")


def _value(value: Value, resolve: Resolve) -> Sql:
    match value:
        case Name(name):
            return resolve(name)
        case CaseI(inner):
            return "(lower((" + _value(inner, resolve) + ') COLLATE "pg_c_utf8") COLLATE "C")'
        case Literal(content, type_):
            return Sql(f"(%s){_cast(content, type_)}", (_parameter(content),))
    raise TypeError(f"no SQL for {type(value).__name__}")


def _cast(content: Any, type_: FieldType | None) -> str:
    match type_:
        case "string":
            return '::text COLLATE "C"'
        case "integer":
            return "::bigint" if content in _INT64 else "::numeric"
        case "decimal":
            return "::numeric"
        case "number":
            return "::double precision"
        case "datetime":
            return "::timestamp"
        case "boolean" | "date" | "time":
            return f"::{type_}"
    raise TypeError(f"no literal has the type {type_}")


def _parameter(content: Any) -> Any:
    """Datetimes are stored in UTC without a zone."""
    return content.replace(tzinfo=None) if getattr(content, "tzinfo", None) is not None else content
