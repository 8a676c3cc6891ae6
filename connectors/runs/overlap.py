"""From where an incremental run asks: a little before where the last one ended, for what is committed late."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Final, TypeVar

from hub.errors import FieldError, HubError

OVERLAP_PATTERN: Final = r"^([0-9]{1,6} (second|minute|hour|day|week)s?|[0-9]{1,18}(\.[0-9]{1,18})?)$"
OVERLAP_FORM: Final = (
    "How far before its cursor a run asks again, for rows that are committed late: 2 hours or 30 minutes for a time, "
    "1 day or 2 weeks for a time or a date, a number such as 1000 for a number."
)
_TIMES: Final = {"datetime": ("second", "minute", "hour", "day", "week"), "date": ("day", "week")}
_WHOLE: Final = "integer"
_NUMBERS: Final = frozenset({_WHOLE, "decimal", "number"})
_EXACT: Final = Context(prec=2000)
T = TypeVar("T", datetime, date)


def overlap_faults(overlap: str, cursor: str, type_: str | None) -> tuple[FieldError, ...]:
    """What is wrong with a stream's ``overlap``; ``type_`` is that of its cursor's field, None while unknown."""
    if not overlap:
        return ()
    if not cursor:
        return (_fault("A stream without a cursor reads everything each time, and needs no overlap."),)
    if not re.fullmatch(OVERLAP_PATTERN, overlap):
        return (_fault(f"{overlap!r} is no overlap. {OVERLAP_FORM}"),)
    if type_ is None or _unit(overlap) in _TIMES.get(type_, ()):
        return ()
    if type_ in _NUMBERS and not _unit(overlap) and not (type_ == _WHOLE and "." in overlap):
        return ()
    units = ", ".join(f"{unit}s" for unit in _TIMES.get(type_, ()))
    known = f"a number of {units}" if units else "a number" if type_ in _NUMBERS else "no overlap at all"
    return (_fault(f"The cursor {cursor} is of type {type_} and takes {known}, not {overlap!r}."),)


def since(cursor_value: str, overlap: str, type_: str) -> str:
    """Where to ask from: the text of the greatest value loaded, less the overlap, of the same type.

    No earlier than the first day there is. Raises ``HubError`` where the overlap does not fit the type.
    """
    if not overlap:
        return cursor_value
    faults = overlap_faults(overlap, "cursor", type_)
    if faults:
        raise HubError(faults[0].message, code="overlap-invalid", hint="Nothing was changed. Correct the stream.")
    if type_ == "datetime":
        begun = _back(datetime.fromisoformat(cursor_value), overlap, datetime.min.replace(tzinfo=UTC))
        return begun.replace(tzinfo=None).isoformat() + "Z"
    if type_ == "date":
        return _back(date.fromisoformat(cursor_value), overlap, date.min).isoformat()
    return f"{_EXACT.subtract(Decimal(cursor_value), Decimal(overlap)):f}"


def _back(value: T, overlap: str, first: T) -> T:
    length = timedelta(**{_unit(overlap) + "s": int(overlap.split()[0])})
    return value - length if value - first > length else first


def _unit(overlap: str) -> str:
    return overlap.partition(" ")[2].removesuffix("s")


def _fault(message: str) -> FieldError:
    return FieldError("overlap", "invalid", message)
