"""What a cell must look like behind each access, worked out in exact arithmetic and plain Python."""

import datetime as dt
import hashlib
import hmac
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from django.conf import settings

from hub.predicates import FieldType
from policies.access import Access

_CELL = re.compile(r'("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)')


def typed(type_: FieldType, text: str) -> Any:
    """The value that a text of this type stands for, be it a source's cell, an answer's or the database's own."""
    match type_:
        case "integer":
            return Fraction(text)
        case "decimal":
            return Fraction(Decimal(text))
        case "number":
            return float(text)
        case "boolean":
            return text in ("true", "t", "1")
        case "date":
            return dt.date.fromisoformat(text)
        case "datetime":
            moment = dt.datetime.fromisoformat(text)
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        case "time":
            return dt.time.fromisoformat(text)
        case "json" | "geometry":
            return exact(text)
    return text


def exact(text: str) -> Any:
    """JSON with every number as it was written."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def shown(type_: FieldType, text: str | None, access: Access, hash_key: str) -> Any:
    """The typed value behind ``access`` of a cell whose plain text is ``text``."""
    if access.kind == "redact":
        return "***"
    if text is None or access.kind == "null":
        return None
    match access.kind:
        case "partial":
            return _partial(text, access.head, access.tail)
        case "hash":
            return _hash(_trimmed(text) if type_ == "decimal" else text, hash_key)
        case "round":
            return _rounded(type_, text, access)
    return typed(type_, text)


def table(text: str) -> list[dict[str, str | None]]:
    """The rows of a CSV text by name; null is nothing, an empty text two quotes."""
    head, *lines = _lines(text)
    return [dict(zip(head, line, strict=True)) for line in lines]


def _lines(text: str) -> Iterator[list[Any]]:
    line: list[str | None] = []
    for found in _CELL.finditer(text):
        raw = found[1]
        line.append(raw[1:-1].replace('""', '"') if raw.startswith('"') else raw or None)
        if found[2] == "\r\n":
            yield line
            line = []


def _partial(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


def _hash(text: str, name: str) -> str:
    key = hmac.digest(settings.SECRET_KEY.encode(), f"pseudonyms {name}".encode(), hashlib.sha256)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(type_: FieldType, text: str, access: Access) -> Any:
    value, to = typed(type_, text), access.to
    if type_ == "string":
        return text[: cast(int, to)]
    if isinstance(value, dt.date):
        fields: dict[str, int] = {"month": 1, "day": 1} if to == "year" else {"day": 1} if to == "month" else {}
        cut = value.replace(**fields)
        return cut.replace(hour=0, minute=0, second=0, microsecond=0) if isinstance(cut, dt.datetime) else cut
    if type_ == "number":
        return float(_multiple(Fraction(Decimal(text)), Fraction(cast(Decimal, to))))
    return _multiple(value, Fraction(cast(Decimal, to)))


def _multiple(value: Fraction, step: Fraction) -> Fraction:
    """The nearest multiple of ``step``, the one farther from zero of two."""
    size = math.floor(abs(value) / step + Fraction(1, 2)) * step
    return size if value >= 0 else -size
