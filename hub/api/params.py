"""Query parameters of a route: declared once, for the check and for the OpenAPI document alike."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils.dateparse import parse_datetime

from hub.errors import FieldError, Invalid

LONGEST = 2_000
"""Characters of a parameter's text."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter. ``lookup`` is the filter on a QuerySet that it stands for, where it is one.

    ``several`` takes words separated by commas; ``moment`` is RFC 3339.
    """

    name: str
    description: str
    choices: tuple[str, ...] = ()
    kind: Literal["word", "several", "moment", "number", "id"] = "word"
    lookup: str = ""

    def parse(self, text: str) -> Any:
        """The value that ``text`` means; raises ``ValueError`` with a sentence."""
        if len(text) > LONGEST or "\0" in text:
            raise ValueError(f"{self.name} is too long or not a text.")
        if self.kind == "moment":
            return _moment(self.name, text)
        if self.kind == "number":
            return _number(self.name, text)
        if self.kind == "id":
            return _id(self.name, text)
        words = text.split(",") if self.kind == "several" else [text]
        if self.choices and not set(words) <= set(self.choices):
            raise ValueError(f"{self.name} is one of {', '.join(self.choices)}.")
        return words if self.kind == "several" else text


MAX_LIMIT = 1_000
PAGING = (
    Parameter("limit", f"How many at most, from 1 to {MAX_LIMIT}; 100 without.", kind="number"),
    Parameter("cursor", "Where to go on: `page.next` of the page before."),
)


def parse_query(known: Sequence[Parameter], params: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The values given, by name; raises ``Invalid`` for a parameter that is not known, repeated or malformed."""
    by_name = {parameter.name: parameter for parameter in known}
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, texts in params.items():
        if name not in by_name:
            known_names = ", ".join(by_name) or "none"
            errors.append(FieldError(name, "unknown-parameter", f"There is no parameter {name}. Known: {known_names}."))
        elif len(texts) > 1:
            errors.append(FieldError(name, "repeated", f"The parameter {name} may be given once."))
        else:
            try:
                values[name] = by_name[name].parse(texts[0])
            except ValueError as error:
                errors.append(FieldError(name, "parameter-invalid", str(error)))
    if errors:
        raise Invalid(errors[0].message, code="parameter-invalid", errors=errors)
    return values


_M = TypeVar("_M", bound=Model)


def narrowed(things: QuerySet[_M], known: Sequence[Parameter], values: Mapping[str, Any]) -> QuerySet[_M]:
    """``things`` that match every given parameter that is a filter."""
    given = {parameter.lookup: values[parameter.name] for parameter in known if parameter.name in values}
    given.pop("", None)
    return things.filter(**given)


def parse_lifetime(text: str) -> timedelta:
    """From ``90d`` or ``12h``; raises ``Invalid``."""
    found = re.fullmatch(r"([1-9]\d{0,4})([dh])", text)
    if found is None:
        message = "A lifetime is a number of days or hours, such as 90d or 12h."
        raise Invalid(message, errors=[FieldError("expires", "invalid", message)])
    amount = int(found[1])
    return timedelta(days=amount) if found[2] == "d" else timedelta(hours=amount)


def _moment(name: str, text: str) -> Any:
    try:
        moment = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{name} is a moment such as 2026-01-31T08:00:00Z.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= MAX_LIMIT):
        raise ValueError(f"{name} is a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _id(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError(f"{name} is an id, a UUID.") from None
