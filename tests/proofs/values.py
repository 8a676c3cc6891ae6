"""Fields of every type, awkward values for them, and filters over them, from a seeded random source."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random

from hub.predicates import FieldType
from policies.access import Access

TYPES: Mapping[str, FieldType] = {
    "id": "integer",
    "名": "string",
    "note": "string",
    "n": "integer",
    "ratio": "number",
    "paid": "decimal",
    "ok": "boolean",
    "day": "date",
    "at": "datetime",
    "time": "time",
    "extra": "json",
    "place": "geometry",
}
"""The fields that datasets choose from; the first is the key."""

MOMENTS = (
    dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2020, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    dt.datetime(2020, 3, 1, 5, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, tzinfo=dt.UTC),
)
VALUES: Mapping[FieldType, Sequence[object]] = {
    "string": ("", "a", "A", "ab", "abcde", "浦东新区", "a%b_", "it's", "\\", "\n", '"', "\U0001f600x", "ß", "x" * 40),
    "integer": (0, 1, -1, 5, 15, -25, 1234567, 2**63 - 1, -(2**63), 9007199254740993),
    "number": (0.0, 1.5, -2.5, 0.1, 1e308, -1e308, 5e-324, 25.0, 100.0),
    "decimal": tuple(map(Decimal, ("0", "0.10", "2.50", "-2.5", "0.75", "333333333959500000", "1e30", "-0.001"))),
    "boolean": (True, False),
    "date": (dt.date(1, 1, 1), dt.date(2020, 2, 29), dt.date(2020, 12, 31), dt.date(9999, 12, 31)),
    "datetime": MOMENTS,
    "time": (dt.time(0), dt.time(5, 30), dt.time(23, 59, 59, 999999)),
    "json": ({"a": [1, None, "é"]}, [], 1, "text", True, {"b": {"c": "'"}}),
    "geometry": ({"type": "Point", "coordinates": [121.5, -31]},),
}
UNREADABLE = ("", " ", "nosuch = 1", '"名" =', "'open", "id = 'x'", "id < TRUE", "extra = 1", "id + 1 = 2", "(" * 40)
"""No filters any more: no text, no such field, no grammar, or values that cannot be compared."""

ROUNDINGS: Mapping[str, tuple[int | Decimal | str, ...]] = {
    "numbers": (2, 3, 6, 10, 30, Decimal("0.5"), Decimal("0.25")),
    "moments": ("day", "month", "year"),
    "string": (1, 2, 3),
}


def row(random: Random, number: int) -> dict[str, object]:
    """A value or null in every field but the key."""
    cells = {name: None if random.random() < 0.2 else random.choice(VALUES[type_]) for name, type_ in TYPES.items()}
    return cells | {"id": number}


def access(random: Random, type_: FieldType) -> Access:
    """Mostly one that the type can be shown in."""
    kind = random.choice(("clear", "clear", "redact", "null", "hidden", "hash", "partial", "partial", "round", "round"))
    if kind == "partial":
        return Access("partial", random.randrange(4), random.randrange(3))
    if kind != "round":
        return Access(kind)  # type: ignore[arg-type]
    shelf = (
        "numbers" if type_ in ("integer", "number", "decimal") else "moments" if type_ in ("date", "datetime") else ""
    )
    shelf = random.choice(tuple(ROUNDINGS)) if random.random() < 0.08 else shelf or "string"
    return Access("round", to=random.choice(ROUNDINGS[shelf]))


def filter_text(random: Random, names: Sequence[str]) -> str:
    """CQL2 over these fields; now and then one that cannot be read."""
    if random.random() < 0.1:
        return random.choice(UNREADABLE)
    text = _predicate(random, names)
    while random.random() < 0.35:
        more = _predicate(random, names)
        text = random.choice((f"NOT ({text})", f"({text}) AND {more}", f"{more} OR ({text})", f"({text}) OR ({more})"))
    return text


def _predicate(random: Random, names: Sequence[str]) -> str:
    name = random.choice(names)
    word, type_ = f'"{name}"', TYPES[name]
    is_empty = f"{word} IS {random.choice(('', 'NOT '))}NULL"
    if type_ in ("json", "geometry"):
        return is_empty
    one, two = (_literal(random.choice(VALUES[type_])) for _ in range(2))
    forms = [is_empty, f"{word} = {one}", f"{word} <> {one}", f"{word} IN ({one}, {two})", f"{word} NOT IN ({one})"]
    forms += [f"{word} = {word}", f"NOT {word} = {two}"]
    if type_ != "boolean":
        forms += [f"{word} < {one}", f"{word} >= {one}", f"{word} BETWEEN {one} AND {two}", f"{word} <= {word}"]
    if type_ == "string":
        pattern = random.choice(("a%", "%b%", "_", "%", "", "a\\%%", "浦_新%"))
        forms += [f"{word} LIKE '{pattern}'", f"{word} NOT LIKE '{pattern}'", f"CASEI({word}) = CASEI({one})"]
    return random.choice(forms)


def _literal(value: object) -> str:
    match value:
        case bool():
            return str(value).upper()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case dt.datetime():
            return f"TIMESTAMP('{value.isoformat().replace('+00:00', 'Z')}')"
        case dt.date():
            return f"DATE('{value.isoformat()}')"
        case dt.time():
            return f"'{value.isoformat()}'"
        case float():
            return repr(value).replace("e+", "e")
    return str(value)
