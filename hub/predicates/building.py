"""What names and constants of a filter's text become in the tree: texts unquoted, numbers exact, dates checked."""

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal

from hub.predicates.errors import FilterError
from hub.predicates.tree import And, Literal, Name, Or, Predicate

MAX_DIGITS = 400
MAX_EXPONENT = 400

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)(Z|z|[+-]\d{2}:\d{2})", re.ASCII)


def joined(kind: type[And] | type[Or], items: Sequence[Predicate]) -> Predicate:
    """``items`` under one ``kind``, those of the same kind among them taken apart; a single one is itself."""
    if len(items) == 1:
        return items[0]
    flat: list[Predicate] = []
    for item in items:
        if isinstance(item, kind):
            flat += item.items
        else:
            flat.append(item)
    return kind(tuple(flat))


def name(text: str, at: int) -> Name:
    return Name(text[1:-1].replace('""', '"') if text[0] == '"' else text, at=at)


def string(text: str, at: int) -> Literal:
    return Literal(_unquoted(text), "string", at)


def pattern(text: str, at: int) -> Literal:
    """The pattern of LIKE."""
    unquoted = _unquoted(text)
    if (len(unquoted) - len(unquoted.rstrip("\\"))) % 2:
        message, hint = "A LIKE pattern cannot end in a lone backslash", "Write a backslash itself as two."
        raise FilterError(message, position=at, hint=hint)
    return Literal(unquoted, "string", at)


def boolean(text: str, at: int) -> Literal:
    return Literal(text.lower() == "true", "boolean", at)


def date(text: str, at: int) -> Literal:
    found = _DATE.fullmatch(_unquoted(text))
    try:
        if found:
            return Literal(dt.date(*map(int, found.groups())), "date", at)
    except ValueError:
        pass
    raise FilterError("Not a date", position=at, hint="Write DATE('2026-03-28').")


def timestamp(text: str, at: int) -> Literal:
    found = _TIMESTAMP.fullmatch(_unquoted(text))
    try:
        if found:
            moment = dt.datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3].upper()}")
            return Literal(moment.astimezone(dt.UTC), "datetime", at)
    except (ValueError, OverflowError):
        pass
    raise FilterError("Not a point in time", position=at, hint="Write TIMESTAMP('2026-03-28T06:30:00Z').")


def number(text: str, at: int) -> Literal:
    """Every digit is kept. What has no fraction and no exponent left is an integer, of any size within the bound."""
    if len(text) <= MAX_DIGITS and text.isdecimal():
        return Literal(int(text), "integer", at)
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise FilterError(
            f"A number has at most {MAX_DIGITS} digits and an exponent of at most {MAX_EXPONENT}", position=at
        )
    value = Decimal(text)
    if value.as_tuple().exponent == 0:
        return Literal(int(value), "integer", at)
    return Literal(value, "decimal", at)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")
