"""In which form a reader sees a field, and which of several forms is the strictest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from typing import Literal, cast, get_args

from hub.errors import Invalid
from hub.predicates import FieldType

Kind = Literal["clear", "round", "partial", "hash", "redact", "null", "hidden"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""From the widest to the strictest."""

DATE_UNITS = ("day", "month", "year")
"""From the finest to the coarsest."""

MAX_CHARACTERS = 10_000
MAX_DIGITS = 30

_STRICTNESS = {kind: rank for rank, kind in enumerate(KINDS)}
_NUMBERS = frozenset({"integer", "number", "decimal"})
_MOMENTS = frozenset({"date", "datetime"})
_TEXTS = frozenset({"partial", "hash", "redact"})


@dataclass(frozen=True, slots=True)
class Access:
    """``head`` and ``tail`` belong to ``partial``; ``to`` to ``round``: a number above 0, or a unit of dates."""

    kind: Kind
    head: int = 0
    tail: int = 0
    to: int | Decimal | str | None = None

    @classmethod
    def parse(cls, value: object) -> "Access":
        """From a word or a table as manifests and bodies have it; raises ``Invalid`` (``access-invalid``)."""
        if isinstance(value, str) and value in KINDS and value not in ("round", "partial"):
            return cls(value)
        if isinstance(value, Mapping):
            return _from_table(value)
        raise _invalid(f"{value!r} is not an access")

    def as_json(self) -> str | dict[str, object]:
        """The word or table that ``parse`` reads."""
        match self.kind:
            case "partial":
                return {"kind": "partial", "head": self.head, "tail": self.tail}
            case "round":
                return {"kind": "round", "to": str(self.to) if isinstance(self.to, Decimal) else self.to}
        return self.kind

    @property
    def shape(self) -> tuple[str, int, int, str]:
        """Equal for equal accesses, in plain words and numbers."""
        return (self.kind, self.head, self.tail, "" if self.to is None else str(self.to))

    def fits(self, type_: FieldType) -> bool:
        """Whether a field of this type can be shown so, and what is seen is still of the type."""
        if self.kind != "round":
            return True
        if type_ in _MOMENTS:
            return self.to in DATE_UNITS
        if type_ == "string":
            return isinstance(self.to, int) and self.to <= MAX_CHARACTERS
        if type_ == "integer":
            return isinstance(self.to, int)  # a multiple of 2.5 need be no integer
        return type_ in _NUMBERS and isinstance(self.to, int | Decimal)


CLEAR = Access("clear")
NULL = Access("null")
HIDDEN = Access("hidden")


def seen_type(access: Access, type_: FieldType) -> FieldType:
    """The type a reader sees in a field of ``type_``."""
    return "string" if access.kind in _TEXTS else type_


def strictest(accesses: Iterable[Access], type_: FieldType) -> Access:
    """The strictest of at least one access, whatever their order; one that does not fit the type hides the field.

    One more access never widens the result, also where two roundings share no common one.
    """
    distinct = tuple(dict.fromkeys(accesses))  # in their order, which no hash shuffles
    if len(distinct) == 1:
        (only,) = distinct
        return only if only.fits(type_) else HIDDEN
    if not all(access.fits(type_) for access in distinct):
        return HIDDEN
    rounded = [access for access in distinct if access.kind == "round"]
    partial = [access for access in distinct if access.kind == "partial"]
    combined = [access for access in distinct if access.kind not in ("round", "partial")]
    if rounded and partial and type_ == "string":
        heads = [access.head for access in partial] + [cast(int, access.to) for access in rounded]
        combined.append(Access("partial", min(heads)))
    else:
        if rounded:
            combined.append(_coarsest(rounded, type_))
        if partial:
            combined.append(_narrowest(partial))
    return max(combined, key=lambda access: _STRICTNESS[access.kind])


def _narrowest(partial: list[Access]) -> Access:
    return Access("partial", min(access.head for access in partial), min(access.tail for access in partial))


def _coarsest(rounded: list[Access], type_: FieldType) -> Access:
    if type_ == "string":
        return min(rounded, key=lambda access: cast(int, access.to))
    if type_ in _MOMENTS:
        return max(rounded, key=lambda access: DATE_UNITS.index(cast(str, access.to)))
    steps = sorted(cast(int | Decimal, access.to) for access in rounded)
    if any(Fraction(larger) % Fraction(smaller) for smaller, larger in pairwise(steps)):
        return NULL
    return Access("round", to=steps[-1])


def _from_table(table: Mapping[str, object]) -> Access:
    match dict(table):
        case {"kind": "partial", "head": int() as head, "tail": int() as tail, **rest} if not rest:
            if all(not isinstance(n, bool) and 0 <= n <= MAX_CHARACTERS for n in (head, tail)):
                return Access("partial", head, tail)
        case {"kind": "round", "to": to, **rest} if not rest:
            return Access("round", to=_step(to))
        case {"kind": str() as kind, **rest} if not rest:
            return Access.parse(kind)
    raise _invalid(f"{dict(table)!r} is not an access")


def _step(to: object) -> int | Decimal | str:
    """A unit of dates, or an exact number above 0 within the digits that rounding is computed with."""
    if isinstance(to, str) and to in DATE_UNITS:
        return to
    try:
        number = Decimal(str(to))
    except InvalidOperation:
        raise _invalid(f"round cannot be to {to!r}") from None
    if not (number.is_finite() and number > 0 and _is_short(number)):
        raise _invalid(f"round cannot be to {to!r}")
    if number != number.to_integral_value():
        return number.normalize(Context(prec=MAX_DIGITS))
    return int(number)


def _is_short(number: Decimal) -> bool:
    return abs(number.adjusted()) < MAX_DIGITS and len(number.as_tuple().digits) <= MAX_DIGITS


def _invalid(message: str) -> Invalid:
    return Invalid(
        f"{message}.",
        code="access-invalid",
        hint="Write clear, redact, null, hidden or hash, { kind = 'partial', head = 3, tail = 4 }, "
        "{ kind = 'round', to = 1000 } or { kind = 'round', to = 'month' }.",
    )
