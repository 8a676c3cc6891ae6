"""Reads delimited text strictly: what is not quoted right, or has a cell too many, is said and never guessed at."""

import csv
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

from connectors.base import Reject
from connectors.batches import Record
from connectors.columns import check_header
from connectors.formats.table import Options, Table
from connectors.formats.text import encoding_of
from hub.errors import SourceMalformed

if TYPE_CHECKING:
    import _csv

# A cell may hold a polygon; the library's own limit of 128 KiB is too small for that.
csv.field_size_limit(16 << 20)

_MARKUP: Final = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")
_ARCHIVE: Final = b"PK\x03\x04"


def open_table(file: BinaryIO, options: Options) -> Table:
    """The file's first line as header, its other lines as records; raises ``SourceMalformed``."""
    _check_start(file, options.where)
    codec = encoding_of(file, options.encoding, options.where)
    has_last_newline = _ends_with_newline(file)
    file.seek(0)
    text = _Text(file, encoding=codec, newline="")
    reader = csv.reader(text, delimiter=options.delimiter or ",", strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        raise _bad_header(options.where) from error
    if header is None:
        raise _empty(options.where)
    check_header(header, options.where)
    return Table(tuple(header), _records(reader, len(header), options.where, has_last_newline))


class _Text(io.TextIOWrapper):
    """Lets go of the file in the end instead of closing it: it belongs to whoever opened it."""

    def __del__(self) -> None:
        if not self.closed:
            self.detach()


def _records(reader: "_csv.Reader", width: int, where: str, has_last_newline: bool) -> Iterator[Record]:
    """Rows with the number of the line each starts on."""
    end = reader.line_num
    last: Reject | None = None
    while True:
        start = end + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                raise _cut(where, start) from error
            last = Reject(start, "quotes", "The quotes in this line do not match.")
            row = []
        else:
            last = None
        end = reader.line_num
        if len(row) == width:
            yield start, row
        elif row:
            last = Reject(start, "cells", f"There are {len(row)} cells in this line instead of {width}.")
        if last is not None:
            yield last
    if last is not None and last.code == "cells" and not has_last_newline:
        raise _cut(where, last.position)


def _check_start(file: BinaryIO, where: str) -> None:
    file.seek(0)
    start = file.read(512)
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        file.seek(0)
        if not any(chunk.strip() for chunk in iter(lambda: file.read(1 << 20), b"")):
            raise _empty(where)
    if start.startswith(_ARCHIVE):
        raise SourceMalformed(
            f"{where} is a workbook or archive, not delimited text.",
            code="source-not-csv",
            hint='If it is a workbook, set the stream\'s select.format to "xlsx".',
        )
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP):
        raise SourceMalformed(
            f"{where} is a web page or XML, not delimited text.",
            code="source-not-csv",
            hint="The address may lead to a sign-in or error page: open it in a browser, and check url, path, headers.",
        )


def _ends_with_newline(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 4))
    return file.read().rstrip(b"\0").endswith((b"\n", b"\r"))


def _empty(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"{where} is empty: it has no header.",
        code="source-empty",
        hint="A file without rows still needs its header line. Nothing was loaded.",
    )


def _bad_header(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"The quotes in the header of {where} do not match.",
        code="source-malformed",
        hint="Check that the file is delimited text, and the stream's select.delimiter.",
    )


def _cut(where: str, line: int) -> SourceMalformed:
    return SourceMalformed(
        f"{where} ends within the record that starts on line {line}.",
        code="source-truncated",
        hint="The file was cut short, or a quote is missing. Nothing was loaded.",
    )
