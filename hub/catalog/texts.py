"""Whether what was given for a text, a list of texts or a flag is one that the database can keep."""

from typing import Any

from hub.errors import FieldError


def text_faults(field: str, value: Any, limit: int = 0, *, is_required: bool = False) -> list[FieldError]:
    """``limit`` is the greatest number of characters, 0 for any."""
    if not isinstance(value, str):
        return [FieldError(field, "invalid", f"{field} is a text.")]
    if "\0" in value:
        return [FieldError(field, "invalid", f"{field} contains the character NUL, which no text may.")]
    if limit and len(value) > limit:
        return [FieldError(field, "too-long", f"{field} has at most {limit} characters.")]
    if is_required and not value.strip():
        return [FieldError(field, "required", f"{field} is missing.")]
    return []


def list_faults(field: str, value: Any, limit: int = 0) -> list[FieldError]:
    """For a list of texts, each with something in it and of at most ``limit`` characters."""
    if not isinstance(value, list | tuple):
        return [FieldError(field, "invalid", f"{field} is a list of texts.")]
    return [fault for item in value for fault in text_faults(field, item, limit, is_required=True)][:1]


def flag_faults(field: str, value: Any) -> list[FieldError]:
    return [] if isinstance(value, bool) else [FieldError(field, "invalid", f"{field} is true or false.")]
