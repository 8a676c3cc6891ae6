"""A filter on one row in Python, three-valued: what rehearsals show and what the compiled SQL is tested against."""

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from hub.predicates.tree import (
    And,
    Between,
    CaseI,
    Comparison,
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

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(tree: Predicate, row: Mapping[str, object]) -> bool | None:
    """Whether a bound filter holds on ``row`` (logical names to typed values); ``None`` is SQL's unknown.

    Texts compare by code point, datetimes are aware. A row without one of the filter's names is a ``KeyError``.
    """
    match tree:
        case And(items):
            return _all(evaluate(item, row) for item in items)
        case Or(items):
            return _not(_all(_not(evaluate(item, row)) for item in items))
        case Not(item):
            return _not(evaluate(item, row))
        case IsNull(Name(name)):
            return row[name] is None
        case Comparison(op, left, right):
            return _compare(op, _value(left, row), _value(right, row))
        case Between(value, low, high):
            within = [(">=", low), ("<=", high)]
            return _all(_compare(op, _value(value, row), _value(bound, row)) for op, bound in within)
        case In(value, options):
            return _not(_all(_compare("<>", _value(value, row), _value(option, row)) for option in options))
        case Like(value, pattern):
            text = _value(value, row)
            return None if text is None else is_like(str(text), str(_value(pattern, row)))


def fold(text: str) -> str:
    """``CASEI``: small letters by Unicode's simple mapping, one for each character, as ``lower`` in PostgreSQL."""
    return "".join(character.lower()[0] for character in text)


def is_like(text: str, pattern: str) -> bool:
    """SQL's LIKE with ``\\`` as escape, in time linear in the text for each ``%``."""
    parts = _like_parts(pattern)
    at, i, star, mark = 0, 0, -1, 0
    while at < len(text):
        if i < len(parts) and parts[i] == "%":
            star, mark, i = i, at, i + 1
        elif i < len(parts) and (parts[i] == "_" or parts[i] == "\\" + text[at]):
            at, i = at + 1, i + 1
        elif star >= 0:
            mark, at, i = mark + 1, mark + 1, star + 1
        else:
            return False
    return all(part == "%" for part in parts[i:])


def _like_parts(pattern: str) -> list[str]:
    """``%`` and ``_`` as themselves, every other character with a backslash before it."""
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append("\\" + next(characters))
        else:
            parts.append(character if character in "%_" else "\\" + character)
    return parts


def _value(value: Value, row: Mapping[str, object]) -> object:
    match value:
        case Name(name):
            return row[name]
        case Literal(constant):
            return constant
        case CaseI(inner):
            text = _value(inner, row)
            return None if text is None else fold(str(text))


def _compare(op: str, left: object, right: object) -> bool | None:
    if left is None or right is None:
        return None
    return _COMPARE[op](*_alike(left, right))


def _alike(left: object, right: object) -> tuple[object, object]:
    if isinstance(left, float) or isinstance(right, float):
        return _float(left), _float(right)
    if isinstance(left, dt.datetime) or isinstance(right, dt.datetime):
        return _moment(left), _moment(right)
    return left, right


def _float(value: object) -> object:
    return float(Decimal(value)) if isinstance(value, int | Decimal) else value


def _moment(value: object) -> object:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return value


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(values: Iterable[bool | None]) -> bool | None:
    result: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result
