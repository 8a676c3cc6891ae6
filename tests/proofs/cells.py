"""What a cell must look like in a JSON answer that writes exact numbers as texts, in each access, by the policy."""

import datetime as dt
import hmac
import json
from decimal import Decimal
from fractions import Fraction

from django.conf import settings

from hub.predicates import FieldType
from policies.access import Access
from policies.facts import DatasetFacts, FieldFacts
from tests.proofs.world import Row

EXACT = ("integer", "decimal")
"""Types whose numbers are written as texts."""


def shown(row: Row, dataset: DatasetFacts, accesses: dict[str, Access], agency: str) -> dict[str, object]:
    """The row as a reader of ``agency`` gets it."""
    return {
        field.name: cell(row[field.name], field, accesses[field.name], _key(agency, dataset, field))
        for field in dataset.fields
        if accesses[field.name].kind != "hidden"
    }


def cell(value: object, field: FieldFacts, access: Access, key: bytes) -> object:
    if access.kind == "redact":
        return "***"
    if value is None or access.kind == "null":
        return None
    if access.kind == "partial":
        return _partial(text(value, field.type), access.head, access.tail)
    if access.kind == "hash":
        return hmac.digest(key, text(value, field.type, trimmed=True).encode(), "sha256").hex()[:32]
    if access.kind == "round":
        return _rounded(value, field.type, access.to)
    return _json(value, field.type)


def text(value: object, type_: FieldType, *, trimmed: bool = False) -> str:
    """A value as CSV has it; ``trimmed`` drops a decimal's trailing zeros."""
    match value:
        case _ if type_ in ("json", "geometry"):
            return json.dumps(value, ensure_ascii=False)
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case Decimal():
            return f"{value.normalize() if trimmed else value:f}"
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dt.date() | dt.time():
            return value.isoformat()
    return str(value)


def _json(value: object, type_: FieldType) -> object:
    if type_ in ("json", "geometry", "boolean", "number"):
        return value
    return text(value, type_)


def _partial(whole: str, head: int, tail: int) -> str:
    if len(whole) <= head + tail:
        return "*" * len(whole)
    return whole[:head] + "*" * (len(whole) - head - tail) + whole[len(whole) - tail :]


def _rounded(value: object, type_: FieldType, to: object) -> object:
    match value:
        case str():
            return value[: int(str(to))]
        case dt.date():
            start = value.replace(month=1) if to == "year" else value
            start = start if to == "day" else start.replace(day=1)
            midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0} if type_ == "datetime" else {}
            return text(start.replace(**midnight), type_)  # type: ignore[arg-type]
    step, exact = Fraction(str(to)), Fraction(repr(value) if isinstance(value, float) else str(value))
    steps = int(abs(exact) / step + Fraction(1, 2))
    near = steps * step * (1 if exact > 0 else -1)
    return float(near) if type_ == "number" else _fixed(near, max(0, -int(Decimal(str(to)).as_tuple().exponent)))


def _fixed(number: Fraction, places: int) -> str:
    digits = str(abs(int(number * 10**places))).rjust(places + 1, "0")
    whole = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{whole}" if number < 0 else whole


def _key(agency: str, dataset: DatasetFacts, field: FieldFacts) -> bytes:
    """One for each consuming agency and field; fields of one owner with the same link share theirs."""
    about = f"{dataset.agency}.* link {field.link}" if field.link else f"{dataset.key} field {field.name}"
    return hmac.digest(settings.SECRET_KEY.encode(), f"pseudonyms {agency} {about}".encode(), "sha256")
