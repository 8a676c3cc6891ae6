"""Names to fields and literals to their types, so that what is compiled afterwards cannot raise on any row."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from decimal import Decimal

from hub.predicates.errors import FilterError
from hub.predicates.tree import (
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

_KINDS: dict[FieldType, str] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "moment",
    "datetime": "moment",
    "time": "time",
}
"""Types of one kind compare with one another; ``json`` and ``geometry`` with nothing."""

_HINTS: dict[FieldType, str] = {
    "string": "Write a text as 'text'.",
    "boolean": "Write TRUE or FALSE, with = or <>.",
    "date": "Write a date as DATE('2026-03-28').",
    "datetime": "Write a point in time as TIMESTAMP('2026-03-28T06:30:00Z').",
    "time": "Write a time of day as '06:30:00'.",
    "json": "Only IS NULL and IS NOT NULL can be asked of it.",
    "geometry": "Only IS NULL and IS NOT NULL can be asked of it.",
}

_TIME = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", re.ASCII)
_INT64 = range(-(2**63), 2**63)


def bind(tree: Predicate, fields: Mapping[str, FieldType]) -> Predicate:
    """The same filter with every name and literal typed.

    Raises ``FilterError``: ``unknown-field`` for a name that ``fields`` does not have, ``filter-invalid`` for values
    that cannot be compared. A literal takes the type of the field beside it; one that an integer field cannot hold
    stays an exact decimal, so that the comparison is still answered.
    """
    match tree:
        case And(items):
            return And(tuple(bind(item, fields) for item in items))
        case Or(items):
            return Or(tuple(bind(item, fields) for item in items))
        case Not(item):
            return Not(bind(item, fields))
        case IsNull(value):
            return IsNull(_name(value, fields))
        case Comparison(op, left, right):
            left, right = _alike((left, right), fields, ordered=op not in ("=", "<>"))
            return Comparison(op, left, right)
        case In(value, options):
            value, *rest = _alike((value, *options), fields, ordered=False)
            return In(value, tuple(rest))
        case Between(value, low, high):
            value, low, high = _alike((value, low, high), fields, ordered=True)
            return Between(value, low, high)
        case Like(value, pattern):
            return Like(_text(value, fields), pattern)


def _alike(values: tuple[Value, ...], fields: Mapping[str, FieldType], *, ordered: bool) -> list[Value]:
    """Bind values that stand in one comparison: all of one kind, literals in the type of the first field."""
    bound = [_bound(value, fields) for value in values]
    types = [_type(value) for value in bound]
    target = next((kind for value, kind in zip(bound, types, strict=True) if not isinstance(value, Literal)), types[0])
    typed = [_convert(value, target) if isinstance(value, Literal) else value for value in bound]
    kinds = {_KINDS.get(_type(value), "none") for value in typed}
    if len(kinds) > 1 or "none" in kinds or (ordered and "boolean" in kinds):
        raise _incomparable(bound, target)
    return typed


def _bound(value: Value, fields: Mapping[str, FieldType]) -> Value:
    match value:
        case Name():
            return _name(value, fields)
        case CaseI(Name() as inner):
            return CaseI(_text_name(inner, fields))
        case _:
            return value


def _name(name: Name, fields: Mapping[str, FieldType]) -> Name:
    found = fields.get(name.name)
    if found is None:
        raise FilterError(f"There is no field {name.name!r}", position=name.at, code="unknown-field")
    return Name(name.name, found, name.at)


def _text(value: Value, fields: Mapping[str, FieldType]) -> Value:
    bound = _bound(value, fields)
    if _type(bound) != "string":
        raise FilterError(f"{_shown(bound)} is no text; LIKE and CASEI work on texts only", position=_place(bound))
    return bound


def _text_name(name: Name, fields: Mapping[str, FieldType]) -> Name:
    bound = _text(name, fields)
    assert isinstance(bound, Name)
    return bound


def _type(value: Value) -> FieldType:
    match value:
        case Name(_, kind):
            assert kind is not None
            return kind
        case Literal(_, kind):
            return kind
        case CaseI():
            return "string"


def _convert(literal: Literal, target: FieldType) -> Literal:
    """The literal in the type of the field beside it; unchanged where it does not fit, for the caller to judge."""
    match target, literal:
        case "integer", Literal(int() as value, "integer") if value not in _INT64:
            return Literal(Decimal(value), "decimal", literal.at)
        case "decimal", Literal(int() as value, "integer"):
            return Literal(Decimal(value), "decimal", literal.at)
        case "number", Literal(int() | Decimal() as value, "integer" | "decimal"):
            return Literal(_finite(value, literal.at), "number", literal.at)
        case "datetime", Literal(dt.date() as day, "date"):
            return Literal(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC), "datetime", literal.at)
        case "time", Literal(str() as text, "string"):
            return Literal(_time(text, literal.at), "time", literal.at)
    return literal


def _finite(value: int | Decimal, at: int | None) -> float:
    exact = Decimal(value)
    number = float(exact)
    if not math.isfinite(number):
        raise FilterError(f"{exact:.3E} is beyond what the field can hold", position=at)
    return number


def _time(text: str, at: int | None) -> dt.time:
    try:
        if _TIME.fullmatch(text):
            return dt.time.fromisoformat(text)
    except ValueError:
        pass
    raise FilterError(f"{text!r} is no time of day", position=at, hint=_HINTS["time"])


def _place(value: Value) -> int | None:
    return _place(value.value) if isinstance(value, CaseI) else value.at


def _incomparable(values: list[Value], target: FieldType) -> FilterError:
    field = next((value for value in values if not isinstance(value, Literal)), values[0])
    others = [value for value in values if value is not field]
    other = next((value for value in others if _KINDS.get(_type(value)) != _KINDS.get(target)), others[0])
    message = f"{_shown(field)} ({_type(field)}) and {_shown(other)} ({_type(other)}) cannot be compared so"
    return FilterError(message, position=_place(other), hint=_HINTS.get(target, ""))


def _shown(value: Value) -> str:
    match value:
        case Name(name):
            return repr(name)
        case CaseI(inner):
            return _shown(inner)
        case Literal(constant):
            text = str(constant)
            return text if len(text) <= 40 else text[:39] + "…"
