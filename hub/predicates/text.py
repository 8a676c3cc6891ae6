"""A tree back to CQL2 text, for explanations, digests and what is stored; ``parse`` reads it to the same tree."""

import datetime as dt
import re

from hub.predicates.grammar import RESERVED
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

_BARE_NAME = re.compile(r"[^\W\d]\w*")
_FUNCTIONS = frozenset({"casei", "date", "timestamp"})


def to_text(tree: Predicate) -> str:
    """The filter in CQL2 text, keywords in capitals and parentheses only where they are needed."""
    match tree:
        case Or(items):
            return " OR ".join(map(to_text, items))
        case And(items):
            return " AND ".join(_within(item, Or) for item in items)
        case Not(IsNull(value)):
            return f"{_value(value)} IS NOT NULL"
        case Not(In() | Between() | Like() as item):
            return _test(item, "NOT ")
        case Not(item):
            return f"NOT {_within(item, Or, And)}"
        case Comparison(op, left, right):
            return f"{_value(left)} {op} {_value(right)}"
        case IsNull(value):
            return f"{_value(value)} IS NULL"
        case In() | Between() | Like():
            return _test(tree, "")


def _test(tree: In | Between | Like, negation: str) -> str:
    match tree:
        case In(value, options):
            return f"{_value(value)} {negation}IN ({', '.join(map(_value, options))})"
        case Between(value, low, high):
            return f"{_value(value)} {negation}BETWEEN {_value(low)} AND {_value(high)}"
        case Like(value, pattern):
            return f"{_value(value)} {negation}LIKE {_value(pattern)}"


def _within(item: Predicate, *looser: type[Or] | type[And]) -> str:
    return f"({to_text(item)})" if isinstance(item, looser) else to_text(item)


def _value(value: Value) -> str:
    match value:
        case Name(name):
            return _name(name)
        case CaseI(inner):
            return f"CASEI({_value(inner)})"
        case Literal(bool() as flag):
            return "TRUE" if flag else "FALSE"
        case Literal(dt.datetime() as moment):
            return f"TIMESTAMP('{moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat()}Z')"
        case Literal(dt.date() as day):
            return f"DATE('{day.isoformat()}')"
        case Literal(dt.time() as time):
            return f"'{time.isoformat()}'"
        case Literal(str() as text):
            return "'" + text.replace("'", "''") + "'"
        case Literal(number):
            return str(number)


def _name(name: str) -> str:
    if _BARE_NAME.fullmatch(name) and name.lower() not in RESERVED | _FUNCTIONS:
        return name
    return '"' + name.replace('"', '""') + '"'
