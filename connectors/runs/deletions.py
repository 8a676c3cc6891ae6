"""How a stream says which rows are gone from its source, where those are not taken away but marked."""

from collections.abc import Mapping
from typing import Any, Final

from connectors.base import JsonSchema
from connectors.models import Stream
from connectors.registry import faults
from hub.errors import FieldError
from hub.store.intake.gone import Mark

DELETED_SCHEMA: Final[JsonSchema] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["column"],
    "properties": {
        "column": {
            "description": "The source's column that tells whether a row is gone, such as is_deleted or deleted_at; "
            "it need not be a field of the dataset.",
            "type": "string",
            "minLength": 1,
            "pattern": r"^[^\x00]*$",
        },
        "values": {
            "description": "The texts in it that say so, such as D and X; by default every value but false, f, no, n, "
            "0 and an empty text.",
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": r"^[^\x00]*$"},
        },
    },
}


def deleted_faults(deleted: Mapping[str, Any], mode: str, *, has_key: bool) -> tuple[FieldError, ...]:
    """What is wrong with a stream's ``deleted``; an empty one says nothing."""
    if not deleted:
        return ()
    if mode == Stream.Mode.APPEND:
        return (_fault("A stream that only appends takes no row away; merge does."),)
    if not has_key:
        return (_fault("To tell which row is gone, the dataset needs a primary key."),)
    return faults(DELETED_SCHEMA, dict(deleted), "deleted")


def mark_of(stream: Stream) -> Mark | None:
    """What ``stream`` says of rows that are gone; of these only the key, and how far they bring the cursor, counts."""
    if not stream.deleted:
        return None
    needed = frozenset({*stream.dataset.primary_key, stream.cursor})
    return Mark(stream.deleted["column"], tuple(stream.deleted.get("values", ())), needed)


def _fault(message: str) -> FieldError:
    return FieldError("deleted", "invalid", message)
