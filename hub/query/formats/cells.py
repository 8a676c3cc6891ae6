"""Rows of cells as typed columns: what PostgreSQL writes as CSV, read by Arrow with the types that the view has."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv

from hub.predicates import FieldType
from hub.query.formats.base import Column

MAX_DIGITS = 38
"""Of a decimal128."""
_INT64_DIGITS = 18
"""Every integer of so many digits is one of 64 bits."""
_TYPES: Mapping[FieldType, Any] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", "UTC"),
    "time": pa.time64("us"),
    "json": pa.string(),
    "geometry": pa.string(),
}


def schema_of(columns: Sequence[Column]) -> Any:
    """The Arrow schema of a view with these columns."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def arrow_type(column: Column) -> Any:
    """The type that holds every value of the column exactly; a text where no type of numbers does."""
    is_large = column.whole > _INT64_DIGITS or column.fraction > 0
    if column.type == "decimal" or (column.type == "integer" and is_large):
        fits = column.whole + column.fraction <= MAX_DIGITS
        return pa.decimal128(MAX_DIGITS, column.fraction) if fits else pa.string()
    return _TYPES[column.type]


class CellReader:
    """Reads rows in the form of the feed ``cells``, some at a time."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.schema = schema_of(columns)
        naive = {i: pa.timestamp("us") if pa.types.is_timestamp(t) else t for i, t in enumerate(self.schema.types)}
        self._names = [f"f{i}" for i in naive]
        self._convert = csv.ConvertOptions(
            column_types={f"f{i}": type_ for i, type_ in naive.items()},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
            check_utf8=False,  # PostgreSQL did
        )
        self._parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)

    def read(self, rows: Sequence[bytes]) -> Any:
        """The rows as an Arrow table."""
        if not self._names:
            return self.schema.empty_table()
        text = b"".join(rows)
        options = csv.ReadOptions(column_names=self._names, block_size=len(text) + 1, use_threads=False)
        table = csv.read_csv(pa.py_buffer(text), options, self._parse, self._convert)
        return table.rename_columns(self.schema.names).cast(self.schema)
