"""Rows, filters and orders drawn at random, each filter beside what it means in plain Python, without the hub."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cmp_to_key
from random import Random
from typing import Any

Row = Mapping[str, Any]
Truth = Callable[[Row], bool | None]

TYPES = {
    "id": "integer", "名": "string", "note": "string", "n": "integer", "ratio": "number", "paid": "decimal",
    "fee": "decimal", "ok": "boolean", "day": "date", "at": "datetime", "time": "time", "extra": "json",
}  # fmt: skip
_UTC = dt.UTC
VALUES: Mapping[str, Sequence[Any]] = {
    "string": ("", "a", "A", "ab", "浦东新区", "浦西", "𠀀", "a%b_", "it's", "\\", "\n", '"', "ß", "é", "x" * 40),
    "integer": (0, 1, -1, 5, 15, -25, 2**63 - 1, -(2**63), 9007199254740993, 9007199254740992),
    "number": (0.0, 1.5, -2.5, 0.1, 1e308, -1e308, 5e-324, 25.0, 0.30000000000000004),
    "decimal": tuple(
        Decimal(text)
        for text in (
            *("0", "0.10", "2.50", "-2.5", "333333333959500000", "-0.001", "0.000000000000000000000000000001"),
            *("123456789012345678901234567890", "123456789012345678901234567891", "-12345678901234567890123456789.5"),
        )
    ),
    "boolean": (True, False),
    "date": (dt.date(1, 1, 1), dt.date(2020, 2, 29), dt.date(2020, 3, 1), dt.date(9999, 12, 31)),
    "datetime": (
        dt.datetime(1, 1, 1, tzinfo=_UTC),
        dt.datetime(2020, 2, 29, tzinfo=_UTC),
        dt.datetime(2020, 2, 29, 16, tzinfo=_UTC),
        dt.datetime(2020, 3, 1, 0, 0, 0, 1, tzinfo=_UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=_UTC),
    ),
    "time": (dt.time(0), dt.time(5, 30), dt.time(23, 59, 59, 999999)),
    "json": ({"a": [1, None, "é"]}, [], 1, "text", True),
}
SORTABLE = tuple(name for name, type_ in TYPES.items() if type_ != "json")
_ZONES = (0, 0, 8, -5.5, 14, -12)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Filter:
    text: str
    holds: Truth


def row(random: Random, number: int) -> Row:
    """A value or null in every field but the key."""
    cells = {name: None if random.random() < 0.2 else random.choice(VALUES[type_]) for name, type_ in TYPES.items()}
    return cells | {"id": number}


def drawn(random: Random, depth: int = 3) -> Filter:
    """A filter of one comparison, or of several that are joined and denied."""
    if depth == 0 or random.random() < 0.45:
        return _comparison(random)
    one = drawn(random, depth - 1)
    if random.random() < 0.25:
        return Filter(f"NOT ({one.text})", lambda row: _not(one.holds(row)))
    two = drawn(random, depth - 1)
    if random.random() < 0.5:
        return Filter(f"({one.text}) AND ({two.text})", lambda row: _and(one.holds(row), two.holds(row)))
    return Filter(f"({one.text}) or ({two.text})", lambda row: _not(_and(_not(one.holds(row)), _not(two.holds(row)))))


def in_order(rows: Sequence[Row], keys: Sequence[tuple[str, bool]]) -> list[Row]:
    """By ``keys``, each a field and whether it descends: nulls last either way, ties by ``id``."""

    def compare(a: Row, b: Row) -> int:
        for name, descends in (*keys, ("id", False)):
            x, y = a[name], b[name]
            if x != y:
                if x is None or y is None:
                    return 1 if x is None else -1
                return 1 if (x > y) != descends else -1
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def _comparison(random: Random) -> Filter:
    name = random.choice(list(TYPES))
    word, type_ = f'"{name}"', TYPES[name]
    form = random.choice(("compare", "compare", "in", "between", "null", "fields", "text", "turned"))
    if type_ == "json" or form == "null":
        return Filter(f"{word} IS NULL", lambda row: row[name] is None)
    if type_ == "string" and form in ("text", "turned"):
        return _on_text(random, name)
    if form == "in":
        return _within(random, name)
    low, high = _literal(random, type_), _literal(random, type_)
    if form == "between" and type_ != "boolean":
        above, below = _compared(">=", name, low[1]), _compared("<=", name, high[1])
        return Filter(f"{word} BETWEEN {low[0]} AND {high[0]}", lambda row: _and(above(row), below(row)))
    op = random.choice(("=", "<>") if type_ == "boolean" else tuple(_OPERATORS))
    if form == "fields":
        other = random.choice([other for other in TYPES if TYPES[other] == type_])
        return Filter(f'{word} {op} "{other}"', lambda row: _compared(op, name, row[other])(row))
    return Filter(f"{word} {op} {low[0]}", _compared(op, name, low[1]))


def _within(random: Random, name: str) -> Filter:
    options = [_literal(random, TYPES[name]) for _ in range(random.randrange(1, 4))]
    inside = random.random() < 0.7
    tests = [_compared("=", name, value) for _, value in options]

    def holds(row: Row) -> bool | None:
        found = None if row[name] is None else any(test(row) for test in tests)
        return found if inside else _not(found)

    return Filter(f'"{name}" {"" if inside else "NOT "}IN ({", ".join(text for text, _ in options)})', holds)


def _on_text(random: Random, name: str) -> Filter:
    """Patterns, and letters of either case."""
    if random.random() < 0.3:
        text, value = _literal(random, "string")
        fold = str.lower
        return Filter(
            f'CASEI("{name}") = CASEI({text})',
            lambda row: None if row[name] is None else fold(row[name]) == fold(value),
        )
    pattern, expression = random.choice(
        (
            ("a%", "a.*"),
            ("%b%", ".*b.*"),
            ("_", "."),
            ("%", ".*"),
            ("", ""),
            ("a\\%%", "a%.*"),
            ("浦_新%", "浦.新.*"),
            ("%\\\\", ".*\\\\"),
        )
    )
    wanted = re.compile(expression, re.DOTALL)
    return Filter(
        f"\"{name}\" LIKE '{pattern}'",
        lambda row: None if row[name] is None else wanted.fullmatch(row[name]) is not None,
    )


def _compared(op: str, name: str, other: Any) -> Truth:
    def holds(row: Row) -> bool | None:
        value = row[name]
        if value is None or other is None:
            return None
        return _OPERATORS[op](value, float(other)) if isinstance(value, float) else _OPERATORS[op](value, other)

    return holds


def _literal(random: Random, type_: str) -> tuple[str, Any]:
    """How a value may be written, and the value; moments in any zone."""
    value = random.choice(VALUES[type_])
    match value:
        case bool():
            return random.choice((str(value).upper(), str(value).lower())), value
        case str():
            return "'" + value.replace("'", "''") + "'", value
        case dt.datetime():
            return f"TIMESTAMP('{_in_some_zone(random, value)}')", value
        case dt.date():
            return f"DATE('{value.isoformat()}')", value
        case dt.time():
            return f"'{value.isoformat()}'", value
        case float():
            return repr(value).replace("e+", "e"), value
    return str(value), value


def _in_some_zone(random: Random, moment: dt.datetime) -> str:
    try:
        return moment.astimezone(dt.timezone(dt.timedelta(hours=random.choice(_ZONES)))).isoformat()
    except OverflowError:
        return moment.isoformat().replace("+00:00", "Z")


def _not(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _and(one: bool | None, two: bool | None) -> bool | None:
    if one is False or two is False:
        return False
    return None if one is None or two is None else True
