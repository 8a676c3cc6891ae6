"""The formats that there are, and what each of them asks of the rows that it is fed with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any, Literal, Protocol

from hub.errors import NotFound
from hub.predicates import FieldType

Feed = Literal["csv", "json", "cells"]
"""What PostgreSQL writes: the exact text of the CSV, a JSON object a row, or cells for a typed reader."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field as it stands in the file.

    ``whole`` and ``fraction`` are the most digits before and behind the point of any value of a decimal, or of an
    integer that a mask has rounded; both 0 for other types.
    """

    name: str
    type: FieldType
    whole: int = 0
    fraction: int = 0


class Writer(Protocol):
    """Takes rows in the form of its feed, each with its line's end.

    ``close`` ends the file, and lets go of what was needed to make it, also where it is not whole.
    """

    def add(self, rows: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Form:
    """One format: ``made_by`` is loaded when the first file is made. ``weight`` is how much longer a row takes."""

    name: str
    media_type: str
    feed: Feed
    made_by: str
    most_rows: int | None = None
    weight: int = 1


FORMATS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("csv", "text/csv; charset=utf-8; header=present", "csv", "text:CsvWriter"),
        Form("ndjson", "application/x-ndjson", "json", "text:NdjsonWriter"),
        Form("parquet", "application/vnd.apache.parquet", "cells", "columnar:ParquetWriter"),
        Form("arrow", "application/vnd.apache.arrow.file", "cells", "columnar:ArrowWriter"),
        Form(
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "cells",
            "workbook:WorkbookWriter",
            most_rows=1_048_575,
            weight=10,
        ),
    )
}


def form_of(name: str) -> Form:
    """The format called ``name``; raises ``NotFound``."""
    if name not in FORMATS:
        raise NotFound(f"There is no format {name}.", hint=f"The formats are {', '.join(FORMATS)}.")
    return FORMATS[name]


def writer(form: Form, columns: Sequence[Column], out: IO[bytes]) -> Writer:
    """A writer of this format into ``out``, which it leaves open."""
    module, _, name = form.made_by.partition(":")
    made: Any = getattr(import_module(f"hub.query.formats.{module}"), name)  # pyarrow takes its time and memory
    writer: Writer = made(columns, out)
    return writer
