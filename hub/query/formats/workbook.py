"""Workbooks: every cell as a spreadsheet's own type where that keeps the value, else as its text."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import IO, Any

from xlsxwriter import Workbook

from hub.errors import Invalid
from hub.query.formats.base import Column
from hub.query.formats.cells import CellReader

_MADE_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands in every workbook as the moment of its making, so that equal rows are equal bytes."""
_FIRST_DAY = date(1900, 3, 1)
"""Spreadsheets take 1900 for a leap year; from here on they count days like everybody."""
_EXACT_DIGITS = 15
"""A spreadsheet keeps so many digits of a number."""
_LONGEST_TEXT = 32_767
_FORMATS = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm:ss.000", "time": "hh:mm:ss.000"}


class _Double(float):
    """A double that is written with all its digits, of which the library keeps sixteen."""

    def __format__(self, spec: str) -> str:
        return repr(float(self))


class WorkbookWriter:
    """One sheet, its first row the names; rows go to a file of their own until the workbook is closed."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._reader = CellReader(columns)
        self._book = Workbook(out, {"constant_memory": True, "default_date_format": _FORMATS["datetime"]})
        self._book.set_properties({"created": _MADE_AT.replace(tzinfo=None)})
        self._sheet: Any = self._book.add_worksheet("data")
        self._row = 0
        self._put = [self._putter(column) for column in columns]
        for number, column in enumerate(columns):
            self._text(number, column.name)

    def add(self, rows: Sequence[bytes]) -> None:
        columns = [column.to_pylist() for column in self._reader.read(rows).columns]
        for cells in zip(*columns, strict=True):
            self._row += 1
            for number, cell in enumerate(cells):
                if cell is not None:
                    self._put[number](number, cell)

    def close(self) -> None:
        self._book.close()

    def _putter(self, column: Column) -> Callable[[int, Any], None]:
        match column.type:
            case "integer" | "decimal":
                return self._exact
            case "number":
                return self._number
            case "boolean":
                return lambda number, cell: self._sheet.write_boolean(self._row, number, cell)
            case "date" | "datetime" | "time":
                return self._moment(self._book.add_format({"num_format": _FORMATS[column.type]}))
        return self._text

    def _text(self, number: int, cell: str) -> None:
        """As a text whatever it begins with: a formula stays one."""
        if len(cell) > _LONGEST_TEXT // 2 and len(cell.encode("utf-16-le")) // 2 > _LONGEST_TEXT:
            raise Invalid(
                f"A workbook holds no text of more than {_LONGEST_TEXT} characters, and row {self._row} has one.",
                code="cell-too-long",
                hint="Take another format: parquet, csv, ndjson, arrow.",
            )
        self._sheet.write_string(self._row, number, cell)

    def _exact(self, number: int, cell: int | Decimal | str) -> None:
        if isinstance(cell, str) or len(Decimal(cell).normalize().as_tuple().digits) > _EXACT_DIGITS:
            self._text(number, str(cell) if not isinstance(cell, Decimal) else f"{cell:f}")
        else:
            self._sheet.write_number(self._row, number, cell)

    def _number(self, number: int, cell: float) -> None:
        self._sheet.write_number(self._row, number, _Double(cell))

    def _moment(self, format: Any) -> Callable[[int, Any], None]:
        """Spreadsheets count to the millisecond, and days from 1900 on."""

        def put(number: int, cell: date | datetime | time) -> None:
            day = cell.date() if isinstance(cell, datetime) else cell
            is_exact = getattr(cell, "microsecond", 0) % 1000 == 0
            if not is_exact or (isinstance(day, date) and day < _FIRST_DAY):
                self._text(number, cell.isoformat().replace("+00:00", "Z"))
            else:
                plain = cell.replace(tzinfo=None) if isinstance(cell, datetime) else cell
                self._sheet.write_datetime(self._row, number, plain, format)

        return put
