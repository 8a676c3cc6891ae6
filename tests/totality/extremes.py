"""Every extreme that the hub can store, those that it must refuse, and every way to show them."""

import os
from collections.abc import Mapping
from decimal import Decimal

from hub.predicates import FIELD_TYPES, FieldType
from policies.access import MAX_CHARACTERS, Access

IS_LONG = os.environ.get("HUB_PROOF") == "long"
MEGABYTE = "长" + "x" * 1_000_000
SMALLEST, LARGEST = -(2**63), 2**63 - 1

STORED: Mapping[FieldType, tuple[str, ...]] = {
    "string": (
        *("", " ", "x", "e\u0301", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\\", "\\\\", "%", "_", "a%b_c\\"),
        *("'", '"', '"\'"', "\n", "\r\n", "\t=1", "=1+1", "-1", "@x", "+1", "\u2028", "\U00020000\u3400"),
        *("\U0010ffff", "\u0130", "ß", "null", "***", "\x01\x7f\ufeff", "{}", MEGABYTE),
    ),
    "integer": (
        *("0", "1", "-1", "5", "15", "-15", "500", "-500", "499", "9007199254740993"),
        *(str(LARGEST), str(SMALLEST), str(LARGEST - 1), str(SMALLEST + 1)),
    ),
    "number": (
        *(
            "0",
            "-0",
            "0.1",
            "0.05",
            "-0.05",
            "1.25",
            "-1.25",
            "500",
            "-1500.5",
            "9007199254740992",
            "1e15",
            "1e16",
            "1e22",
        ),
        *(
            "0.30000000000000004",
            "123456789012345678",
            "5e-324",
            "-5e-324",
            "2.2250738585072014e-308",
            "1e-29",
            "5e-30",
        ),
        *("1.7976931348623157e308", "-1.7976931348623157e308"),
    ),
    "decimal": (
        *("0", "-0", "0.10", "1.500", "-.5", "0.05", "-0.05", "1.25", "500", "-500", "333333333959500000"),
        *("123456789012345678901234567890", "-999999999999999999999999999999", "0." + "0" * 29 + "5", "0." + "1" * 30),
        *("9" * 400, "-" + "9" * 400 + ".5", "1e999", "1" * 990 + "e999", "1e-999", "-1e-999", "5e28"),
    ),
    "boolean": ("true", "false", "t", "0"),
    "date": ("0001-01-01", "9999-12-31", "2024-02-29", "1970-01-01", "1582-10-10", "2000-12-31"),
    "datetime": (
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2024-02-29T23:59:59.5Z", "1969-12-31T23:59:59Z"),
        *("2013-01-01T05:00:00.123456+08:00", "1883-11-18 12:03:58", "2000-01-01T00:00:00-12:00"),
        *("0001-01-01T08:00:00+08:00", "9999-12-31T15:59:59.999999-08:00"),
    ),
    "time": ("00:00", "23:59:59.999999", "12:00:00.5", "00:00:00.000001"),
    "json": (
        *(
            "true",
            '""',
            '"x"',
            "[]",
            "{}",
            "0.10",
            "-0",
            "1e400",
            "1e-400",
            "[-1e131071]",
            "1e-16383",
            "9" * 400,
            '"\\u0001\\ud83d\\ude00"',
        ),
        *("[" * 501 + "]" * 501, '{"a":' * 500 + "1" + "}" * 500, '{"": {"\\"%_\\\\": [null, 1.50, "\U00020000"]}}'),
        *('["9e9999999"]', "[" + "[],{}," * 1000 + "[]]", '"' + "[" * 20_000 + '"', MEGABYTE.join('""')),
    ),
    "geometry": (
        *('{"type": "Point", "coordinates": [1e308, -1e-308]}', '{"type": ""}'),
        '{"type": "Polygon", "coordinates": ' + "[" * 499 + "1.0" + "]" * 499 + "}",
        '{"type": "MultiPoint", "coordinates": [' + "[0.5,1e99]," * 20_000 + "[1,2]]}",
    ),
}
"""Cells as sources send them; a field has nulls where its list is the shorter one."""

NULLS: Mapping[FieldType, tuple[str, ...]] = {"json": ("null", " null\n")}
"""Texts of no value at all."""

REFUSED: Mapping[FieldType, tuple[str, ...]] = {
    "integer": (str(LARGEST + 1), str(SMALLEST - 1), "9" * 400, "", "1e3"),
    "number": ("NaN", "Infinity", "-Infinity", "inf", "1e309", "-1e309", "1e-400", "9" * 400),
    "decimal": ("NaN", "Infinity", "-inf", "1e1000", "1e-1000", "9" * 1001, "1e999999999"),
    "date": ("infinity", "-infinity", "0000-01-01", "10000-01-01", "0001-01-01 BC"),
    "datetime": (
        *("infinity", "-infinity", "0000-12-31T00:00:00Z", "10000-01-01T00:00:00Z"),
        *("0001-01-01T07:59:59+08:00", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.9999999Z"),
    ),
    "time": ("24:00:01", "23:60", "infinity", "24:00", "23:59:60", "23:59:59.9999999"),
    "json": ("NaN", "[Infinity]", "\ufeff1", '"\\u0000"', '{"a\\u0000": 1}', '"\\ud800"', "[1e200000]"),
    "geometry": ("null", '{"type": "\\u0000"}', '{"type": null}'),
}
"""Cells that are no values of their types."""

_DIGITS = "[" + "1e131071," * 7000 + "1]"
TOO_MUCH: tuple[tuple[FieldType, str, str], ...] = (
    *(("json", "[" * depth + "]" * depth, "depth") for depth in (502, 3000, 20_000, 1_000_000)),
    *(("json", '{"a":' * depth + "1" + "}" * depth, "depth") for depth in (501, 20_000)),
    ("json", "[" * 20_000, "depth"),
    ("geometry", '{"type": "Point", "coordinates": ' + "[" * 20_000 + "]" * 20_000 + "}", "depth"),
    ("json", _DIGITS, "size"),
    ("json", _DIGITS.replace("1e131071", "1e-16383").replace("[", '["\\"e1",'), "size"),
    ("geometry", '{"type": "MultiPoint", "coordinates": ' + _DIGITS + "}", "size"),
    ("json", '"' + "x" * (16 << 20) + '"', "size"),
    ("string", "x" * (16 << 20) + "y", "size"),
)
"""Cells that are values, but too large or too deep to be kept, with the rule that each breaks."""

ACCESSES: tuple[Access, ...] = (
    *(Access(kind) for kind in ("clear", "redact", "null", "hash")),
    *(
        Access("partial", head, tail)
        for head, tail in ((0, 0), (1, 0), (0, 1), (2, 3), (MAX_CHARACTERS, 0), (0, MAX_CHARACTERS))
    ),
    *(Access.parse({"kind": "round", "to": to}) for to in (1, "0.1", 1000, "2.5", 7, 10**29, "1e-29")),
    Access.parse({"kind": "round", "to": "1.23456789012345678901234567891"}),
    *(Access("round", to=unit) for unit in ("year", "month", "day")),
    *(Access("round", to=length) for length in (2, MAX_CHARACTERS)),
)
FEW: tuple[Access, ...] = (
    *(Access("clear"), Access("hash"), Access("partial", 2, 3), Access("round", to=Decimal("2.5"))),
    *(Access("round", to="month"), Access("round", to=1)),
)
"""One of each shape, for what takes longer."""


def named(access: Access) -> str:
    """How a test is called that is about ``access``."""
    numbers = f" {access.head} {access.tail}" if access.kind == "partial" else f" {access.to or ''}"
    return f"{access.kind}{numbers}".rstrip()


def fitting(access: Access) -> dict[str, Access]:
    """``access`` for each field that can be shown so; fields are called by their types."""
    return {type_: access for type_ in FIELD_TYPES if access.fits(type_)}


def rows() -> list[dict[str, str | None]]:
    """The extremes side by side; the last row is all nulls, and ``id`` tells the rows apart."""
    count = max(map(len, STORED.values())) + 1
    return [
        {"id": str(n), **{type_: cells[n] if n < len(cells) else None for type_, cells in STORED.items()}}
        for n in range(count)
    ]
