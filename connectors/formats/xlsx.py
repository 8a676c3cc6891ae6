"""Reads workbooks row by row, guarded against archives that unpack to more than they should."""

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook

from connectors.base import Reject
from connectors.batches import MISSING, Record
from connectors.columns import check_header
from connectors.formats.table import Options, Table
from hub.errors import SourceMalformed, SourceMissing

# Sheets are read as a stream; all else in a workbook (texts, styles) is held in memory by the reader.
MAX_SHEET: Final = 2 << 30
MAX_OTHER: Final = 64 << 20
MAX_RATIO: Final = 200
MAX_ROWS: Final = 1 << 20
"""As many as the format has; of a number beyond, the reader below would give all empty rows before it."""
_RATIO_FROM: Final = 16 << 20
_OLE: Final = b"\xd0\xcf\x11\xe0"
_DAMAGED: Final = (zipfile.BadZipFile, ParseError, InvalidFileException, KeyError, ValueError, TypeError, EOFError)


def open_table(file: BinaryIO, options: Options) -> Table:
    """The first row that holds anything as header, the rows below as records; raises ``SourceError``."""
    _check_archive(file, options.where)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except _DAMAGED as error:
        raise _refusal(error, options.where) from error
    sheet = _sheet(book, options)
    sheet.reset_dimensions()
    rows = _rows(sheet, options.where)
    header: list[str] = []
    for _, row in rows:
        header = _without_trailing([_text(cell) for cell in row])
        if header:
            break
    if not header:
        raise SourceMalformed(
            f"Sheet {sheet.title!r} of {options.where} is empty: it has no header.",
            code="source-empty",
            hint="A sheet without rows still needs its header. Choose another with the stream's select.sheet.",
        )
    titles = ["" if name == MISSING else name for name in header]
    check_header(titles, options.where)
    return Table(tuple(titles), _records(rows, len(titles)))


def _rows(sheet: Any, where: str) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > MAX_ROWS:
                raise _too_many_rows(where)
            yield number, row
    except _DAMAGED as error:
        raise _refusal(error, where) from error


def _records(rows: Iterator[tuple[int, Sequence[Any]]], width: int) -> Iterator[Record]:
    for position, row in rows:
        cells = [_text(cell) for cell in row]
        if len(cells) > width:
            extra = _without_trailing(cells)
            if len(extra) > width:
                message = f"There are {len(extra)} cells in this row instead of {width}."
                yield Reject(position, "cells", message, tuple(extra))
                continue
            del cells[width:]
        elif len(cells) < width:
            cells.extend([MISSING] * (width - len(cells)))
        if cells.count(MISSING) < width:
            yield position, cells


def _without_trailing(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and cells[end - 1] == MISSING:
        end -= 1
    return cells[:end]


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without fraction, dates and times in ISO form, no value as ``MISSING``."""
    value = cell.value
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat() if _shows_time(cell.number_format) else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _shows_time(number_format: str) -> bool:
    letters = number_format.lower()
    return "h" in letters or "s" in letters


def _sheet(book: Workbook, options: Options) -> Any:
    sheets = list(book.worksheets)
    names = [sheet.title for sheet in sheets]
    if options.sheet == "":
        if sheets:
            return next((sheet for sheet in sheets if sheet.sheet_state == "visible"), sheets[0])
    elif isinstance(options.sheet, int):
        if 1 <= options.sheet <= len(sheets):
            return sheets[options.sheet - 1]
    elif options.sheet in names:
        return sheets[names.index(options.sheet)]
    raise SourceMissing(
        f"{options.where} has no sheet {options.sheet!r}.",
        code="source-no-sheet",
        hint=f"It has: {', '.join(names)}. Correct the stream's select.sheet.",
    )


def _check_archive(file: BinaryIO, where: str) -> None:
    file.seek(0)
    start = file.read(4)
    if not start:
        raise SourceMalformed(f"{where} is empty.", code="source-empty", hint="Nothing was loaded.")
    if start == _OLE:
        raise SourceMalformed(
            f"{where} is an old (.xls) or an encrypted workbook.",
            code="source-not-xlsx",
            hint="Save it as .xlsx, without a password.",
        )
    if start != b"PK\x03\x04":
        raise SourceMalformed(
            f"{where} is not a workbook (.xlsx).",
            code="source-not-xlsx",
            hint="The address may lead to a sign-in or error page, or the file may be delimited text (select.format).",
        )
    try:
        with zipfile.ZipFile(file) as archive:
            for part in archive.infolist():
                _check_part(part, where)
    except zipfile.BadZipFile as error:
        raise _damaged(where) from error


def _check_part(part: zipfile.ZipInfo, where: str) -> None:
    """Judge by the declared size: the reader below never takes more out of a part than that."""
    if not part.filename.endswith((".xml", ".rels")):
        return
    is_sheet = part.filename.startswith("xl/worksheets/")
    is_dense = part.file_size > _RATIO_FROM and part.file_size > MAX_RATIO * part.compress_size
    if is_dense or part.file_size > (MAX_SHEET if is_sheet else MAX_OTHER):
        raise SourceMalformed(
            f"{part.filename} in {where} unpacks from {part.compress_size} to {part.file_size} bytes.",
            code="source-too-large",
            hint="Have the data written as CSV instead, or as several workbooks.",
        )


def _too_many_rows(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"{where} has a row beyond {MAX_ROWS:,}, where no sheet ends.",
        code="source-too-large",
        hint="Nothing was loaded. Have the data written as CSV, or save the workbook anew.",
    )


def _refusal(error: Exception, where: str) -> SourceMalformed:
    """What the library could not read, or was kept from reading; of the latter it makes an error of its own."""
    if not isinstance(error, DefusedXmlException) and not isinstance(error.__cause__, DefusedXmlException):
        return _damaged(where)
    return SourceMalformed(
        f"{where} holds XML entities, by which a reader is made to open other files or to fill its memory.",
        code="source-hostile",
        hint="No spreadsheet program writes them: ask who made it. Nothing was loaded.",
    )


def _damaged(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"{where} is cut short or damaged: it does not open as a workbook.",
        code="source-truncated",
        hint="Nothing was loaded. Run again; if it stays so, open and save the file in a spreadsheet program.",
    )
