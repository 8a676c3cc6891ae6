"""What each rule of the grammar becomes in the tree: texts unquoted, numbers exact, dates checked."""

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

from lark import Token, Transformer, v_args

from hub.predicates.errors import FilterError
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
    Operator,
    Or,
    Predicate,
    Value,
)

MAX_DIGITS = 400
MAX_EXPONENT = 400

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)(Z|z|[+-]\d{2}:\d{2})", re.ASCII)


@v_args(inline=True)
class TreeBuilder(Transformer[Token, Any]):
    """Called by the parser as it reduces, so no recursion happens however long or deep the text is."""

    def disjunction(self, *items: Predicate) -> Predicate:
        return items[0] if len(items) == 1 else Or(tuple(_flat(Or, items)))

    def conjunction(self, *items: Predicate) -> Predicate:
        return And(tuple(_flat(And, items)))

    def negation(self, item: Predicate) -> Predicate:
        return Not(item)

    def truth(self, value: Name | Literal) -> Predicate:
        return Comparison("=", value, Literal(True, "boolean"))

    def comparison(self, left: Value, op: Token, right: Value) -> Predicate:
        return Comparison(cast(Operator, str(op)), left, right)

    def within(self, value: Value, *options: Value) -> Predicate:
        return In(value, options)

    def not_within(self, value: Value, *options: Value) -> Predicate:
        return Not(In(value, options))

    def between(self, value: Value, low: Value, high: Value) -> Predicate:
        return Between(value, low, high)

    def not_between(self, value: Value, low: Value, high: Value) -> Predicate:
        return Not(Between(value, low, high))

    def like(self, value: Value, pattern: Literal | CaseI) -> Predicate:
        return Like(value, pattern)

    def not_like(self, value: Value, pattern: Literal | CaseI) -> Predicate:
        return Not(Like(value, pattern))

    def is_null(self, value: Name) -> Predicate:
        return IsNull(value)

    def is_not_null(self, value: Name) -> Predicate:
        return Not(IsNull(value))

    def casei(self, value: Name | Literal) -> CaseI:
        return CaseI(value)

    def name(self, token: Token) -> Name:
        name = token[1:-1].replace('""', '"') if token.type == "QUOTED_NAME" else str(token)
        return Name(name, at=token.start_pos)

    def string(self, token: Token) -> Literal:
        return Literal(_unquoted(token), "string", token.start_pos)

    def like_string(self, token: Token) -> Literal:
        text = _unquoted(token)
        if (len(text) - len(text.rstrip("\\"))) % 2:
            raise FilterError(
                "A LIKE pattern cannot end in a lone backslash",
                position=token.start_pos,
                hint="Write a backslash itself as two.",
            )
        return Literal(text, "string", token.start_pos)

    def number(self, token: Token) -> Literal:
        return _number(token)

    def boolean(self, token: Token) -> Literal:
        return Literal(token.type == "TRUE", "boolean", token.start_pos)

    def date(self, token: Token) -> Literal:
        found = _DATE.fullmatch(_unquoted(token))
        try:
            if found:
                return Literal(dt.date(*map(int, found.groups())), "date", token.start_pos)
        except ValueError:
            pass
        raise FilterError("Not a date", position=token.start_pos, hint="Write DATE('2026-03-28').")

    def timestamp(self, token: Token) -> Literal:
        found = _TIMESTAMP.fullmatch(_unquoted(token))
        try:
            if found:
                moment = dt.datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3].upper()}")
                return Literal(moment.astimezone(dt.UTC), "datetime", token.start_pos)
        except (ValueError, OverflowError):
            pass
        raise FilterError(
            "Not a point in time", position=token.start_pos, hint="Write TIMESTAMP('2026-03-28T06:30:00Z')."
        )


def _flat(kind: type[And] | type[Or], items: Iterable[Predicate]) -> Iterable[Predicate]:
    for item in items:
        if isinstance(item, kind):
            yield from item.items
        else:
            yield item


def _unquoted(token: Token) -> str:
    return token[1:-1].replace("''", "'")


def _number(token: Token) -> Literal:
    """Every digit is kept. What has no fraction and no exponent left is an integer, of any size within the bound."""
    mantissa, _, exponent = token.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise FilterError(
            f"A number has at most {MAX_DIGITS} digits and an exponent of at most {MAX_EXPONENT}",
            position=token.start_pos,
        )
    value = Decimal(str(token))
    if value.as_tuple().exponent == 0:
        return Literal(int(value), "integer", token.start_pos)
    return Literal(value, "decimal", token.start_pos)
