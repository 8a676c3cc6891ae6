"""Filters at the edges: every operator with every kind of literal, in every shape that the language has."""

from collections.abc import Iterator, Mapping

from hub.predicates import FieldType
from tests.totality.extremes import LARGEST, SMALLEST

OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
_NUMBERS = (
    *("0", "-0", "0.1", "-2.5", "500", "1e-29", "5e-324", "1e-400", "-1e-400", "1.7976931348623157e308", "1e308"),
    *(str(LARGEST), str(SMALLEST), str(LARGEST + 1), str(SMALLEST - 1), "9007199254740993", "1" + "0" * 29),
    *("9" * 400, "-" + "9" * 399, "1e400", "-1e400", "0." + "0" * 300 + "1"),
)
_MOMENTS = (
    *("DATE('0001-01-01')", "DATE('9999-12-31')", "DATE('2024-02-01')", "TIMESTAMP('0001-01-01T00:00:00Z')"),
    *("TIMESTAMP('9999-12-31T23:59:59.999999Z')", "TIMESTAMP('2012-12-31T21:00:00.123456Z')"),
)
_TEXTS = (
    *("", " ", "x", "X", "***", "\\", "%", "_", "it's", "\n", '"', "e\u0301", "\U0010ffff", "\u0130", "SS"),
    *("-9223372036854775808", "x" * 3900, "\U00020000" * 900, "d41d8cd98f00b204e9800998ecf8427e"),
)
LITERALS: Mapping[FieldType, tuple[str, ...]] = {
    "string": tuple("'" + text.replace("'", "''") + "'" for text in _TEXTS),
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "decimal": _NUMBERS,
    "boolean": ("TRUE", "false"),
    "date": _MOMENTS,
    "datetime": _MOMENTS,
    "time": ("'00:00'", "'23:59:59.999999'", "'12:00:00.5'"),
    "json": (),
    "geometry": (),
}
PATTERNS = (
    *("", "%", "_", "%%", "_%", "%_", "__", "x%", "%x", "%x%", "*%", "%*", "\\%", "\\_", "\\\\", "%\\\\", "\\\\%"),
    *("a\\%b\\_c%", "\\x\\*", "%'%", "%\n%", "%\U0010ffff%", "_\u0301", "%SS%", "%i%", "-9%8", "%9", "%_%_%_%"),
    *("%" * 4000 + "x", "_" * 4000, "%x" * 1000, "%\U00020000" * 500 + "%"),
)
KINDS: tuple[tuple[FieldType, ...], ...] = (
    ("integer", "number", "decimal"),
    ("date", "datetime"),
    ("string",),
    ("time",),
)


def questions(name: str, type_: FieldType, *, is_thorough: bool = True) -> Iterator[str]:
    """Filters on one field, which is of ``type_`` to who asks; each literal once, or if thorough in every form."""
    field, literals = f'"{name}"', LITERALS[type_]
    yield from (f"{field} IS NULL", f"NOT ({field} IS NULL)", f"{field} IS NOT NULL")
    if type_ == "boolean":
        yield from (field, f"NOT {field}")
    for n, literal in enumerate(literals):
        forms = list(_forms(field, type_, literal, literals[n - 1]))
        yield from forms if is_thorough else [forms[n % len(forms)]]
    if type_ == "string":
        for n, pattern in enumerate(PATTERNS):
            forms = list(_patterns(field, "'" + pattern.replace("'", "''") + "'"))
            yield from forms if is_thorough else [forms[n % len(forms)]]


def comparisons(types: Mapping[str, FieldType]) -> Iterator[str]:
    """Filters on two or three fields of one kind, each way round."""
    for kind in KINDS:
        alike = [name for name, type_ in types.items() if type_ in kind]
        for n, left in enumerate(alike):
            right, third = alike[n - 1], alike[n - 2 if len(alike) > 1 else n]
            for a, b in ((left, right), (right, left)):
                yield from (f'"{a}" {op} "{b}"' for op in OPERATORS)
            yield f'"{left}" BETWEEN "{right}" AND "{third}"'
            yield from (f'{literal} BETWEEN "{left}" AND "{right}"' for literal in LITERALS[types[left]][-5:])


def _forms(field: str, type_: FieldType, literal: str, other: str) -> Iterator[str]:
    ordered = type_ != "boolean"
    yield from (f"{field} {op} {literal}" for op in (OPERATORS if ordered else ("=", "<>")))
    yield f"{literal} = {field}"
    yield f"{field} IN ({literal}, {other})"
    yield f"NOT ({field} IN ({literal}))"
    if ordered:
        yield f"{field} BETWEEN {other} AND {literal}"
        yield f"{literal} NOT BETWEEN {field} AND {other}"
    if type_ == "string":
        yield from (f"CASEI({field}) {op} CASEI({literal})" for op in OPERATORS)
        yield f"CASEI({field}) IN (CASEI({literal}), CASEI({other}))"
        yield f"CASEI({field}) = {field}"


def _patterns(field: str, pattern: str) -> Iterator[str]:
    yield f"{field} LIKE {pattern}"
    yield f"CASEI({field}) LIKE CASEI({pattern})"
    yield f"{field} NOT LIKE {pattern}"
