"""The fields of a dataset as they are declared: read, checked, and brought to what is declared."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from hub.catalog.models import FIELD_NAME, SENSITIVITIES, Dataset, Field
from hub.errors import FieldError
from hub.predicates import FIELD_TYPES

MAX_NAME: Final = 60
_COLUMNS: Final[Mapping[str, str]] = {
    "name": "name",
    "type": "type",
    "title": "title",
    "title_zh": "title_zh",
    "description": "description",
    "description_zh": "description_zh",
    "unit": "unit",
    "sensitivity": "sensitivity",
    "secret": "is_secret",
    "link": "link",
    "required": "is_required",
    "min": "minimum",
    "max": "maximum",
    "pattern": "pattern",
    "codes": "codes",
}
"""From the word in a manifest or a request's body to the model's column."""
FIELD_KEYS: Final = tuple(_COLUMNS)
_ORDERED: Final = frozenset({"integer", "number", "decimal", "date", "datetime", "time"})


def check_fields(tables: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """What is wrong with declared fields, each with its place, such as ``fields[2].type``."""
    errors: list[FieldError] = []
    seen: dict[str, int] = {}
    for index, table in enumerate(tables):
        place = f"fields[{index}]"
        errors += [FieldError(f"{place}.{key}", "invalid", message) for key, message in _faults(table)]
        name = str(table.get("name", ""))
        if name in seen:
            message = f"The fields {seen[name] + 1} and {index + 1} have the same name, {name}."
            errors.append(FieldError(f"{place}.name", "duplicate", message))
        seen.setdefault(name, index)
    return errors


def set_declared(dataset: Dataset, tables: Sequence[Mapping[str, Any]], sensitivity: str) -> list[str]:
    """Add and change fields so that they are as declared; answers the names of those that are new or differ.

    A number, once given, stays with its field. ``sensitivity`` is for fields declared without one that are new.
    """
    present = {field.name: field for field in dataset.fields.all()}
    number = max((field.number for field in present.values()), default=0)
    touched = []
    for table in tables:
        values = _values(table)
        field = present.get(values["name"])
        if field is None:
            number += 1
            Field.objects.create(**{"sensitivity": sensitivity, **values, "dataset": dataset, "number": number})
            touched.append(values["name"])
        elif any(getattr(field, column) != value for column, value in values.items()):
            for column, value in values.items():
                setattr(field, column, value)
            field.save()
            touched.append(field.name)
    return touched


def _values(table: Mapping[str, Any]) -> dict[str, Any]:
    values = {_COLUMNS[key]: value for key, value in table.items()}
    for bound in ("minimum", "maximum"):
        if bound in values:
            values[bound] = _text(values[bound])
    if "codes" in values:
        values["codes"] = [str(code) for code in values["codes"]]
    return values


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)


def _faults(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = [(key, f"A field has no {key}; it has {', '.join(FIELD_KEYS)}.") for key in table if key not in _COLUMNS]
    name, type_ = str(table.get("name", "")), table.get("type")
    if not re.match(FIELD_NAME, name) or len(name) > MAX_NAME:
        rule = "a letter, then letters, digits and single _, at most 60 characters"
        faults.append(("name", f"{name!r} is no name of a field: {rule}."))
    if type_ not in FIELD_TYPES:
        faults.append(("type", f"{type_!r} is no type; there are {', '.join(FIELD_TYPES)}."))
    if "sensitivity" in table and table["sensitivity"] not in SENSITIVITIES:
        faults.append(("sensitivity", f"{table['sensitivity']!r} is none of {', '.join(SENSITIVITIES)}."))
    return faults + [fault for key in ("min", "max") for fault in _bound_faults(key, table)] + _text_faults(table)


def _bound_faults(key: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    text, type_ = _text(table.get(key)), str(table.get("type"))
    if not text:
        return []
    if type_ not in _ORDERED:
        return [(key, f"A field of type {type_} has no {key}.")]
    return [] if _is_of_type(text, type_) else [(key, f"{text!r} is not of type {type_}.")]


def _is_of_type(text: str, type_: str) -> bool:
    try:
        match type_:
            case "integer":
                return int(text) in range(-(2**63), 2**63)
            case "number" | "decimal":
                return Decimal(text).is_finite()
            case "date":
                return bool(date.fromisoformat(text))
            case "datetime":
                return bool(datetime.fromisoformat(text))
        return time.fromisoformat(text) is not None
    except (ValueError, InvalidOperation):
        return False


def _text_faults(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = []
    if table.get("pattern"):
        if table.get("type") != "string":
            faults.append(("pattern", "Only a field of type string has a pattern."))
        try:
            re.compile(str(table["pattern"]))
        except re.error as error:
            faults.append(("pattern", f"The pattern cannot be read: {error}."))
    codes = table.get("codes")
    if codes is not None and (not isinstance(codes, list | tuple) or len({str(code) for code in codes}) < len(codes)):
        faults.append(("codes", "codes is a list of values, each of them once."))
    return faults
