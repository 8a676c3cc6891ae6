"""The filter language's tree: a closed union of frozen nodes, so that every consumer can match on all of it."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal as OneOf

FieldType = OneOf["string", "integer", "number", "decimal", "boolean", "date", "datetime", "time", "json", "geometry"]
FIELD_TYPES: tuple[FieldType, ...] = (
    "string",
    "integer",
    "number",
    "decimal",
    "boolean",
    "date",
    "datetime",
    "time",
    "json",
    "geometry",
)

Operator = OneOf["=", "<>", "<", "<=", ">", ">="]
Scalar = str | int | float | Decimal | bool | dt.date | dt.datetime | dt.time


@dataclass(frozen=True, slots=True)
class Name:
    """A field by its logical name; ``type`` is known once the tree is bound, ``at`` is its place in the text read."""

    name: str
    type: FieldType | None = None
    at: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. The Python value fits ``type``: a decimal is a ``Decimal``, a datetime aware and in UTC.

    ``at`` is its place in the text read.
    """

    value: Scalar
    type: FieldType
    at: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CaseI:
    """``CASEI(x)``: a string compared without regard to case; the literal inside is kept as it was written."""

    value: Name | Literal


Value = Name | Literal | CaseI


@dataclass(frozen=True, slots=True)
class Comparison:
    op: Operator
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class In:
    """``options`` are literals, or literals within ``CASEI``; never empty."""

    value: Value
    options: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """Both bounds belong to the range."""

    value: Value
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Like:
    """``pattern`` is a string literal, or one within ``CASEI``; it never ends in a lone backslash."""

    value: Value
    pattern: Literal | CaseI


@dataclass(frozen=True, slots=True)
class IsNull:
    value: Name


@dataclass(frozen=True, slots=True)
class Not:
    item: "Predicate"


@dataclass(frozen=True, slots=True)
class And:
    """At least two items, none of them an ``And``."""

    items: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least two items, none of them an ``Or``."""

    items: "tuple[Predicate, ...]"


Predicate = Comparison | In | Between | Like | IsNull | Not | And | Or


def names(tree: Predicate) -> frozenset[str]:
    """The logical names of all fields that the filter uses."""
    return frozenset(value.name for value in _values(tree) if isinstance(value, Name))


def _values(tree: Predicate) -> Iterator[Name | Literal]:
    match tree:
        case And(items) | Or(items):
            for item in items:
                yield from _values(item)
        case Not(item):
            yield from _values(item)
        case Comparison(_, left, right):
            yield from map(_bare, (left, right))
        case In(value, options):
            yield from map(_bare, (value, *options))
        case Between(value, low, high):
            yield from map(_bare, (value, low, high))
        case Like(value, pattern):
            yield from map(_bare, (value, pattern))
        case IsNull(value):
            yield value


def _bare(value: Value) -> Name | Literal:
    return value.value if isinstance(value, CaseI) else value
