"""The description of a dataset in a manifest's words: checked, and brought to the model's columns."""

from collections.abc import Mapping
from typing import Any, Final

from hub.catalog.fields import MAX_NAME
from hub.catalog.models import FREQUENCIES, SENSITIVITIES
from hub.catalog.texts import flag_faults, list_faults, text_faults
from hub.errors import FieldError

_TEXTS: Final[Mapping[str, int]] = {
    "title": 200,
    "title_zh": 200,
    "description": 0,
    "description_zh": 0,
    "theme": 60,
    "licence": 200,
    "contact": 200,
}
_LISTS: Final[Mapping[str, int]] = {"keywords": 60, "primary_key": MAX_NAME}
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {"update_frequency": FREQUENCIES, "sensitivity": SENSITIVITIES}
_FLAGS: Final[Mapping[str, str]] = {"discover": "is_discovered", "secret": "is_secret"}
DATASET_KEYS: Final = (*_TEXTS, *_LISTS, *_WORDS, *_FLAGS)
_UNORDERED: Final = frozenset({"json", "geometry"})


def columns_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_FLAGS.get(key, key): list(value) if key in _LISTS else value for key, value in values.items()}


def description_faults(values: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the values of a dataset, each with its key."""
    errors = [
        FieldError(key, "unknown", f"A dataset has no {key}; it has {', '.join(DATASET_KEYS)}.")
        for key in values
        if key not in DATASET_KEYS
    ]
    for key, value in values.items():
        if key in _TEXTS:
            errors += text_faults(key, value, _TEXTS[key], is_required=key == "title")
        elif key in _LISTS:
            errors += list_faults(key, value, _LISTS[key])
        elif key in _FLAGS:
            errors += flag_faults(key, value)
        elif key in _WORDS and value not in _WORDS[key]:
            errors.append(FieldError(key, "invalid", f"{value!r} is none of {', '.join(_WORDS[key])}."))
    return errors


def key_faults(key: Any, types: Mapping[str, str], *, is_discovered: bool) -> list[FieldError]:
    """What is wrong with a primary key of fields with these ``types``; discovered ones may still be to come."""
    if list_faults("primary_key", key):
        return []
    if len(set(key)) < len(key):
        return [FieldError("primary_key", "duplicate", "The primary key names a field twice.")]
    unknown = [name for name in key if name not in types]
    if unknown and not is_discovered:
        return [FieldError("primary_key", "unknown-field", f"There is no field {', '.join(unknown)}.")]
    unordered = [name for name in key if types.get(name) in _UNORDERED]
    if unordered:
        message = f"{', '.join(unordered)}: a field of type {types[unordered[0]]} is no key, as it has no order."
        return [FieldError("primary_key", "invalid", message)]
    return []
