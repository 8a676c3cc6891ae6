"""The fields of a dataset as they are declared: read, checked, and brought to what is declared."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hub.catalog.citations import basis_faults
from hub.catalog.contracts import bound_text, contract_faults
from hub.catalog.models import SENSITIVITIES, Dataset, Field
from hub.catalog.texts import flag_faults, text_faults
from hub.errors import FieldError
from hub.predicates import FIELD_TYPES

MAX_NAME: Final = 60
CLEAR: Final = frozenset({"public", "internal"})
"""The sensitivities that show a field where no rule says otherwise."""

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
    "legal_basis": "legal_basis",
    "link": "link",
    "required": "is_required",
    "min": "minimum",
    "max": "maximum",
    "pattern": "pattern",
    "codes": "codes",
}
"""From the word in a manifest or a request's body to the model's column."""
FIELD_KEYS: Final = tuple(_COLUMNS)
_TEXTS: Final = {"title": 200, "title_zh": 200, "description": 0, "description_zh": 0, "unit": 60, "link": 60}
_CONTRACT: Final = ("type", "min", "max", "pattern", "codes")


def check_fields(tables: Sequence[Mapping[str, Any]], present: Mapping[str, Field] = {}) -> list[FieldError]:
    """What is wrong with declared fields, each with its place, such as ``fields[2].type``.

    A table for one of the ``present`` fields (by name) may leave out whatever stays as it is.
    """
    errors: list[FieldError] = []
    seen: dict[str, int] = {}
    for index, table in enumerate(tables):
        place, name = f"fields[{index}]", str(table.get("name", ""))
        errors += _faults(place, table, present.get(name))
        if name in seen:
            message = f"The fields {seen[name] + 1} and {index + 1} have the same name, {name}."
            errors.append(FieldError(f"{place}.name", "duplicate", message))
        seen.setdefault(name, index)
    return errors


def set_declared(dataset: Dataset, tables: Iterable[Mapping[str, Any]], sensitivity: str) -> list[str]:
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


def shows_more(table: Mapping[str, Any], present: Field | None, sensitivity: str) -> bool:
    """Whether others come to see a field by this table; ``sensitivity`` is that of a new field without one."""
    after = table.get("sensitivity", present.sensitivity if present else sensitivity)
    was_clear = present is not None and present.sensitivity in CLEAR
    is_told = present is not None and present.is_secret and not table.get("secret", True)
    return is_told or (after in CLEAR and not was_clear)


def is_field_name(text: str) -> bool:
    """A letter, then letters with their marks, digits and single ``_`` of any script, written in one way (NFC)."""
    if not (0 < len(text) <= MAX_NAME and text[0].isalpha() and unicodedata.is_normalized("NFC", text)):
        return False
    if text.endswith("_") or "__" in text:
        return False
    return all(c == "_" or c.isalpha() or c.isdecimal() or unicodedata.category(c) in ("Mn", "Mc") for c in text)


def _values(table: Mapping[str, Any]) -> dict[str, Any]:
    values = {_COLUMNS[key]: value for key, value in table.items()}
    for bound in ("minimum", "maximum"):
        if bound in values:
            values[bound] = bound_text(values[bound])
    if "codes" in values:
        values["codes"] = [bound_text(code) for code in values["codes"] or ()]
    return values


def _faults(place: str, table: Mapping[str, Any], present: Field | None) -> list[FieldError]:
    known = ", ".join(FIELD_KEYS)
    errors = [
        FieldError(f"{place}.{key}", "unknown", f"A field has no {key}; it has {known}.")
        for key in table
        if key not in _COLUMNS
    ]
    errors += _word_faults(place, table, present)
    for key, limit in _TEXTS.items():
        if key in table:
            errors += text_faults(f"{place}.{key}", table[key], limit)
    if "legal_basis" in table:
        errors += basis_faults(table["legal_basis"], f"{place}.legal_basis")
    for key in ("secret", "required"):
        if key in table:
            errors += flag_faults(f"{place}.{key}", table[key])
    contract = {key: getattr(present, _COLUMNS[key]) for key in _CONTRACT} if present else {}
    contract |= {key: table[key] for key in _CONTRACT if key in table}
    return errors + (contract_faults(place, contract) if contract.get("type") in FIELD_TYPES else [])


def _word_faults(place: str, table: Mapping[str, Any], present: Field | None) -> list[FieldError]:
    errors = []
    name, type_ = table.get("name"), table.get("type", present.type if present else None)
    if not isinstance(name, str) or not is_field_name(name):
        rule = f"a letter, then letters, digits and single _, at most {MAX_NAME} characters"
        errors.append(FieldError(f"{place}.name", "invalid", f"{name!r} is no name of a field: {rule}."))
    if type_ not in FIELD_TYPES:
        message = f"{type_!r} is no type; there are {', '.join(FIELD_TYPES)}."
        errors.append(FieldError(f"{place}.type", "invalid", message))
    if "sensitivity" in table and table["sensitivity"] not in SENSITIVITIES:
        message = f"{table['sensitivity']!r} is none of {', '.join(SENSITIVITIES)}."
        errors.append(FieldError(f"{place}.sensitivity", "invalid", message))
    return errors
