"""What a cell looks like to one reader, as SQL expressions that raise nothing on any value."""

import json
from dataclasses import dataclass
from decimal import Decimal

from hub.predicates import FieldType
from hub.store.sql import Sql, literal

_TRUNCATED = {"year", "month", "day"}


@dataclass(frozen=True, slots=True)
class Masked:
    """How one column is shown: the kind of access and its numbers; ``key`` names the hash key."""

    kind: str
    head: int = 0
    tail: int = 0
    to: int | Decimal | str = 0
    key: str = ""


def seen(column: str, type_: FieldType, mask: Masked) -> Sql:
    """The cell as the reader sees it. ``hidden`` has no expression: such a field is not in the reader's schema."""
    match mask.kind:
        case "clear":
            return Sql(column)
        case "null":
            return Sql(f"NULL::{_BARE_TYPES[type_]}")
        case "redact":
            return Sql("'***'::text")
        case "partial":
            return Sql(_partial(plain_text(column, type_), mask.head, mask.tail))
        case "hash":
            return _hash(plain_text(column, type_, trimmed=True), mask.key)
        case "round":
            return _rounded(column, type_, mask.to)
    raise ValueError(f"no expression shows a field as {mask.kind}")


_BARE_TYPES: dict[FieldType, str] = {
    "string": "text",
    "integer": "bigint",
    "number": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "time": "time",
    "json": "jsonb",
    "geometry": "jsonb",
}


def _partial(text: str, head: int, tail: int) -> str:
    """First ``head`` and last ``tail`` characters; stars for the rest, and for all of a text no longer than both."""
    length = f"length({text})"
    kept = f"left({text}, {head}) || repeat('*', {length} - {head + tail})"
    if tail:
        kept += f" || right({text}, {tail})"
    return f"CASE WHEN {length} <= {head + tail} THEN repeat('*', {length}) ELSE {kept} END"


def _hash(text: str, key: str) -> Sql:
    """HMAC-SHA256 of ``text`` in 32 hex digits; the padded key comes from its row, never from the statement."""
    inner, outer = (f'(SELECT "{pad}" FROM store_hashkey WHERE name = %s)' for pad in ("inner", "outer"))
    digest = f"sha256({outer} || sha256({inner} || convert_to({text}, 'UTF8')))"
    return Sql(f"encode(substr({digest}, 1, 16), 'hex')", (key, key))


def _rounded(column: str, type_: FieldType, to: int | Decimal | str) -> Sql:
    if type_ == "string":
        return Sql(f"left({column}, {int(to)})")
    if type_ in {"date", "datetime"}:
        unit = str(to)
        if unit not in _TRUNCATED:
            raise ValueError(f"dates are not cut to {unit}")
        return Sql(f"date_trunc('{unit}', {column}::timestamp)::{_BARE_TYPES[type_]}")
    step = Decimal(str(to))
    whole = f"{column}::text::numeric" if type_ == "number" else f"{column}::numeric"  # a double's text is all of it
    rest = f"mod({whole}, {step}::numeric)"
    carry = f"CASE WHEN 2 * abs({rest}) >= {step} THEN sign({whole}) * {step} ELSE 0 END"
    scale = max(0, -int(step.as_tuple().exponent))
    rounded = f"round({whole} - {rest} + {carry}, {scale})"
    return Sql(f"{rounded}::double precision" if type_ == "number" else rounded)


def plain_text(expression: str, type_: FieldType, *, trimmed: bool = False) -> str:
    """The text of a value as CSV has it; ``trimmed`` drops the trailing zeros of decimals."""
    match type_:
        case "datetime":
            return f"(trim('\"' FROM to_json({expression})::text) || 'Z')"
        case "decimal" if trimmed:
            return f"trim_scale({expression})::text"
    return f"({expression})::text"


def json_text(expression: str, type_: FieldType, *, numbers_as_strings: bool = False) -> str:
    """The cell as JSON text, ``null`` for null."""
    match type_:
        case "integer" | "number" | "decimal" | "boolean" if not (
            numbers_as_strings and type_ in {"integer", "decimal"}
        ):
            return f"coalesce(({expression})::text, 'null')"
        case "string":
            return f"coalesce(to_json({expression})::text, 'null')"
        case "json" | "geometry":
            return f"coalesce(({expression})::text, 'null')"
    return f"coalesce('\"' || {plain_text(expression, type_)} || '\"', 'null')"


def csv_cell(expression: str, type_: FieldType, *, safe: bool) -> str:
    """The cell as COPY takes it, which puts into quotes what has to be; what COPY writes by itself is left to it."""
    match type_:
        case "boolean" | "datetime":
            return plain_text(expression, type_)
        case "string" | "json" | "geometry" if safe:
            text = f"({expression})::text"
            return f"CASE WHEN {text} ~ '^[=+@\\t\\r-]' THEN '''' || {text} ELSE {text} END"
    return expression


def json_key(name: str) -> str:
    """``"name":`` as a SQL string constant."""
    return literal(json.dumps(name, ensure_ascii=False) + ":")
