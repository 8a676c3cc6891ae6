"""Each format against every other: the same rows, read by another program each, are the same values."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.query.files.test_formats import rows
from tests.totality import oracle

pytestmark = pytest.mark.django_db(transaction=True)
Table = list[dict[str, Any]]
_READ: dict[str, Callable[[str], Any]] = {
    "id": int,
    "amount": Decimal,
    "ratio": float,
    "ok": lambda text: text == "true",
    "day": date.fromisoformat,
    "at": datetime.fromisoformat,
    "clock": time.fromisoformat,
}
__all__ = ["rows"]


def test_formats_are_equal(rows: Table, written: Callable[..., Path]) -> None:
    expected = [_parsed(row) for row in rows]

    for format, read in READERS.items():
        assert read(written(format)) == expected, format


def test_workbook_holds_what_the_text_says(rows: Table, written: Callable[..., Path]) -> None:
    """A sheet has numbers of 15 digits, and days from 1900 on: all else stands there as in the CSV."""
    cells = openpyxl.load_workbook(written("xlsx"), read_only=True)["data"].iter_rows(min_row=2, values_only=True)

    for sheet, row in zip(cells, rows, strict=True):
        for name, cell in zip(row, sheet, strict=True):
            if name != "名字":
                assert _of_sheet(name, cell) == row[name], (name, cell)


def test_duckdb_and_pandas_read_the_texts(rows: Table, written: Callable[..., Path]) -> None:
    with duckdb.connect() as session:
        lines = session.execute(
            f"SELECT id, 名字 FROM read_json('{written('ndjson')}', columns = {{id: 'BIGINT', 名字: 'VARCHAR'}})"
        ).fetchall()
        sheet = session.execute(f"SELECT id, amount FROM read_csv('{written('csv')}', all_varchar = true)").fetchall()
    frame = pandas.read_csv(written("csv"), dtype=str, keep_default_na=False)

    assert lines == [(row["id"], row["名字"]) for row in rows]
    assert [(int(key), amount and Decimal(amount)) for key, amount in sheet] == [(r["id"], r["amount"]) for r in rows]
    assert list(frame["名字"]) == [row["名字"] or "" for row in rows]


def _csv(path: Path) -> Table:
    return [_parsed(_typed(row)) for row in oracle.table(path.read_bytes().decode())]


def _ndjson(path: Path) -> Table:
    """Numbers as they are written, and what JSON has no words for as its text; ``extra`` is JSON itself."""
    lines = [oracle.exact(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    return [{**_typed({name: _said(cell) for name, cell in line.items()}), "extra": line["extra"]} for line in lines]


def _said(cell: Any) -> str | None:
    return None if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if cell is None else _READ.get(name, str)(cell) for name, cell in row.items()}


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "extra": row["extra"] and oracle.exact(row["extra"])}


def _of_sheet(name: str, cell: Any) -> Any:
    match cell:
        case None:
            return None
        case str():
            return _READ.get(name, str)(cell)
        case datetime():
            return cell.date() if name == "day" else cell.replace(tzinfo=UTC)
        case bool() | time():
            return cell
    return Decimal(str(cell)) if name == "amount" else _READ[name](cell)


def _parquet(path: Path) -> Table:
    return [_parsed(row) for row in parquet.read_table(path).to_pylist()]


def _arrow(path: Path) -> Table:
    with pa.ipc.open_file(path) as file:
        return [_parsed(row) for row in file.read_all().to_pylist()]


READERS: dict[str, Callable[[Path], Table]] = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet, "arrow": _arrow}
