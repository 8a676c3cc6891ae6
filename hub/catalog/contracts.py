"""What a field asks of its values (bounds, pattern, codes), checked before intake compares cells with it."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from django.db import DataError, connection, transaction

from hub.errors import FieldError

MAX_PATTERN: Final = 500
MAX_BOUND: Final = 60
_ORDERED: Final = frozenset({"integer", "number", "decimal", "date", "datetime", "time"})
_CODED: Final = _ORDERED | {"string"}
_NUMBER: Final = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_FORMS: Final[Mapping[str, str]] = {
    "integer": r"[+-]?[0-9]{1,19}",
    "number": _NUMBER,
    "decimal": _NUMBER,
    "date": _DAY,
    "datetime": rf"{_DAY}[T ]{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})?",
    "time": _CLOCK,
}
"""The forms that Python and PostgreSQL read alike; either alone takes more."""


def bound_text(value: Any) -> str:
    """A bound as it is kept; empty for none."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)


def contract_faults(field: str, table: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with ``min``, ``max``, ``pattern`` and ``codes`` of a declared field that stands at ``field``."""
    type_ = str(table.get("type"))
    faults = _bounds_faults(type_, table) + _pattern_faults(type_, table) + _codes_faults(type_, table)
    return [FieldError(f"{field}.{key}", "invalid", message) for key, message in faults]


def _bounds_faults(type_: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = {key: text for key in ("min", "max") if (text := bound_text(table.get(key)))}
    if texts and type_ not in _ORDERED:
        return [(key, f"A field of type {type_} has no {key}.") for key in texts]
    values = {key: _value(text, type_) for key, text in texts.items()}
    faults = [(key, f"{texts[key]!r} is not of type {type_}.") for key, value in values.items() if value is None]
    if not faults and len(values) == 2 and values["min"] > values["max"]:
        faults.append(("max", f"max, {texts['max']}, is below min, {texts['min']}."))
    return faults


def _pattern_faults(type_: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    pattern = table.get("pattern", "")
    if not pattern:
        return []
    if type_ != "string":
        return [("pattern", "Only a field of type string has a pattern.")]
    if not isinstance(pattern, str) or "\0" in pattern or len(pattern) > MAX_PATTERN:
        return [("pattern", f"A pattern is a text of at most {MAX_PATTERN} characters.")]
    return [] if _is_pattern(pattern) else [("pattern", "The pattern cannot be read as a regular expression.")]


def _is_pattern(pattern: str) -> bool:
    """Whether PostgreSQL, which will match it, reads the pattern by itself and within a group."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT '' ~ %s, '' ~ %s", [pattern, f"^(?:{pattern})$"])
    except DataError:
        return False
    return True


def _codes_faults(type_: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    codes = table.get("codes")
    if not codes:
        return [] if codes is None or codes in ([], ()) else [("codes", "codes is a list of values.")]
    if type_ not in _CODED:
        return [("codes", f"A field of type {type_} has no codes.")]
    if not isinstance(codes, list | tuple):
        return [("codes", "codes is a list of values.")]
    texts = [bound_text(code) for code in codes]
    if len(set(texts)) < len(texts):
        return [("codes", "codes names a value twice.")]
    wrong = [repr(code) for code, text in zip(codes, texts, strict=True) if not _is_code(code, text, type_)]
    return [("codes", f"{', '.join(wrong)}: not of type {type_}.")] if wrong else []


def _is_code(code: Any, text: str, type_: str) -> bool:
    if isinstance(code, bool) or not isinstance(code, str | int | float | Decimal | date | time):
        return False
    return "\0" not in text if type_ == "string" else _value(text, type_) is not None


def _value(text: str, type_: str) -> Any:
    """The text as a value that compares with others of its type; None where it is none."""
    if len(text) > MAX_BOUND or not re.fullmatch(_FORMS[type_], text):
        return None
    try:
        match type_:
            case "integer":
                return int(text) if -(2**63) <= int(text) < 2**63 else None
            case "number":
                return _double(text)
            case "decimal":
                return Decimal(text)
            case "date":
                return date.fromisoformat(text)
            case "datetime":
                moment = datetime.fromisoformat(text)
                return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return time.fromisoformat(text)
    except ValueError:
        return None


def _double(text: str) -> float | None:
    """Nothing that overflows, or underflows to nought: PostgreSQL would refuse it."""
    number = float(text)
    return number if math.isfinite(number) and (number or not Decimal(text)) else None
