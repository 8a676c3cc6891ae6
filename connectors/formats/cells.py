"""Gives the values of typed columns as text: exactly, in the forms that the hub's own types are written in."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from connectors.batches import MISSING
from connectors.formats.table import Options
from hub.errors import SourceMalformed

Texts = Callable[[pa.Array], pa.Array]
_PLAIN_SCALE: Final = 6
"""Up to so many places a decimal is never written with an exponent."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the hub's type for it, PostgreSQL's where that writes the same texts, and how to write it.

    Bytes are texts where an ``encoding`` is given, else they are written in hexadecimal digits.
    """

    name: str
    field: str
    type: str
    text: Texts
    is_text: bool = False
    is_nested: bool = False

    def may_be(self, words: Sequence[str]) -> bool:
        """Whether a value can be one of these texts."""
        return self.is_text or any(words)

    def cells(self, array: pa.Array) -> list[str | None]:
        """The values as texts, ``MISSING`` for no value, None for what does not decode."""
        if types.is_dictionary(array.type):
            array = array.dictionary_decode()
        try:
            return [MISSING if text is None else text for text in self.text(array).to_pylist()]
        except (UnicodeDecodeError, pa.ArrowInvalid):
            if len(array) == 1:
                return [None]
            return [cell for place in range(len(array)) for cell in self.cells(array.slice(place, 1))]


def column_of(field: pa.Field, options: Options) -> Column:
    """How to read a column; raises ``SourceMalformed`` for a type that has no text."""
    type_ = field.type.value_type if types.is_dictionary(field.type) else field.type
    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type if not isinstance(type_, pa.UuidType) else type_
    for fits, make in _KINDS:
        if fits(type_):
            return make(field.name, type_, options)
    raise SourceMalformed(
        f"Column {field.name!r} of {options.where} is of type {type_}, which has no text.",
        code="source-column-type",
        hint="Have it written as a text, number, date or time.",
    )


def _boolean(name: str, type_: pa.DataType, options: Options) -> Column:
    return Column(name, "boolean", "bool", _cast)


def _integer(name: str, type_: pa.DataType, options: Options) -> Column:
    if types.is_uint64(type_):
        return Column(name, "decimal", "numeric", _cast)
    is_long = type_.bit_width > 32 or types.is_uint32(type_)
    return Column(name, "integer", "int8" if is_long else "int4", _cast)


def _float(name: str, type_: pa.DataType, options: Options) -> Column:
    if types.is_float16(type_):
        return Column(name, "number", "float8", lambda array: _floats(array.cast(pa.float32())))
    return Column(name, "number", "float8", _floats)


def _floats(array: pa.Array) -> pa.Array:
    """With PostgreSQL's words for what is no number."""
    texts = _cast(array)
    if pc.all(pc.is_finite(array)).as_py() is not False:
        return texts
    infinite = pc.if_else(pc.less(array, pa.scalar(0, array.type)), "-Infinity", "Infinity")
    return pc.if_else(pc.is_nan(array), "NaN", pc.if_else(pc.is_inf(array), infinite, texts))


def _date(name: str, type_: pa.DataType, options: Options) -> Column:
    return Column(name, "date", "date", lambda array: _cast(array.cast(pa.date32())))


def _decimal(name: str, type_: pa.DataType, options: Options) -> Column:
    is_plain = 0 <= type_.scale <= _PLAIN_SCALE
    return Column(name, "decimal", "numeric", _cast if is_plain else _decimals)


def _decimals(array: pa.Array) -> pa.Array:
    return _made(array, lambda value: f"{value:f}")


def _moment(name: str, type_: pa.DataType, options: Options) -> Column:
    """In UTC where it is of a zone; PostgreSQL has no billionths of a second, so of these it vouches for nothing."""
    stored = "" if type_.unit == "ns" else "timestamptz" if type_.tz else "timestamp"

    def text(array: pa.Array) -> pa.Array:
        texts = _without_zeros(_cast(array.cast(pa.timestamp(type_.unit))), type_.unit)
        return pc.binary_join_element_wise(texts, "+00", "") if type_.tz else texts

    return Column(name, "datetime", stored, text)


def _time(name: str, type_: pa.DataType, options: Options) -> Column:
    stored = "" if type_.unit == "ns" else "time"
    return Column(name, "time", stored, lambda array: _without_zeros(_cast(array), type_.unit))


def _without_zeros(texts: pa.Array, unit: str) -> pa.Array:
    """Times without the zeros at the end of their fractions."""
    return texts if unit == "s" else pc.ascii_rtrim(pc.ascii_rtrim(texts, "0"), ".")


def _string(name: str, type_: pa.DataType, options: Options) -> Column:
    return Column(name, "string", "text", _cast, is_text=True)


def _binary(name: str, type_: pa.DataType, options: Options) -> Column:
    def decoded(array: pa.Array) -> pa.Array:
        return _made(array, lambda value: value.decode(options.encoding))

    return Column(name, "string", "text", decoded if options.encoding else _hexadecimal, is_text=True)


def _hexadecimal(array: pa.Array) -> pa.Array:
    return _made(array, bytes.hex)


def _nested(name: str, type_: pa.DataType, options: Options) -> Column:
    return Column(
        name, "json", "jsonb", lambda array: _made(array, partial(_json, type_)), is_text=True, is_nested=True
    )


def _made(array: pa.Array, write: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else write(value) for value in array.to_pylist()], pa.string())


def _cast(array: pa.Array) -> pa.Array:
    return array if types.is_string(array.type) else pc.cast(array, pa.string(), safe=False)


def _json(type_: pa.DataType, value: Any) -> str:
    """JSON text of a nested value, every digit of its numbers kept; what JSON has no number for is a text.

    Of several values for one key of a map the last counts, as the format has it.
    """
    if value is None:
        return "null"
    if types.is_map(type_):
        found = {str(key): _json(type_.item_type, item) for key, item in value}
        return "{" + ",".join(f"{_json(pa.string(), key)}:{item}" for key, item in found.items()) + "}"
    if types.is_struct(type_):
        items = ((field.name, _json(field.type, value[field.name])) for field in type_)
        return "{" + ",".join(f"{_json(pa.string(), name)}:{item}" for name, item in items) + "}"
    if types.is_nested(type_):
        return "[" + ",".join(_json(type_.value_type, item) for item in value) + "]"
    if isinstance(value, bytes):
        return f'"{value.hex()}"'
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and value - value != 0:
        return f'"{value}"'
    if isinstance(value, datetime | date | time):
        return f'"{value.isoformat()}"'
    if isinstance(value, timedelta | UUID):
        return f'"{value}"'
    return json.dumps(value, ensure_ascii=False)


def _uuid(name: str, type_: pa.DataType, options: Options) -> Column:
    return Column(name, "string", "text", lambda array: _made(array, str))


def _is_one_of(*tests: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda type_: any(test(type_) for test in tests)


_KINDS: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[str, pa.DataType, Options], Column]], ...]] = (
    (types.is_boolean, _boolean),
    (types.is_integer, _integer),
    (types.is_floating, _float),
    (types.is_decimal, _decimal),
    (types.is_date, _date),
    (types.is_timestamp, _moment),
    (types.is_time, _time),
    (_is_one_of(types.is_string, types.is_large_string, types.is_string_view, types.is_null), _string),
    (lambda type_: isinstance(type_, pa.UuidType), _uuid),
    (
        _is_one_of(types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view),
        _binary,
    ),
    (types.is_nested, _nested),
)
