"""Every format gives back the values and types that went in, to the programs that people read files with."""

import csv
import io
import json
from collections.abc import Callable, Iterator
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

from hub.errors import Invalid
from hub.query import door
from hub.query.formats import FORMATS
from hub.query.params import parse_rows_query
from tests.query.files.conftest import KEY, SECRET

Fill = Callable[..., None]
Written = Callable[..., Path]
pytestmark = pytest.mark.django_db(transaction=True)

THIRTY = "123456789012345678901234567890"
TEXTS = [
    "", " ", "a,b", 'say "no"', "two\r\nlines", "one\nmore", "=1+1", "\\", "\\.", "\\n", "中文", "\U00020000", "\x01",
    "_x0041_", "null", "NA", "t", "-1", "\t", "x" * 5000,
]  # fmt: skip
ROWS: list[dict[str, Any]] = [
    *({"名字": text} for text in TEXTS),
    {},
    *({"amount": number} for number in ("1.50", "-0.001", THIRTY, "0")),
    *({"ratio": number} for number in (0.1, 0.30000000000000004, -0.0, 5e-324, 1.7976931348623157e308, 1e15)),
    {"ok": True},
    {"ok": False},
    *({"day": day} for day in ("0001-01-01", "1900-02-28", "2024-02-29", "9999-12-31")),
    *(
        {"at": moment}
        for moment in (
            "0001-01-01 00:00:00",
            "2024-02-29 23:59:59.5",
            "1969-12-31 23:59:59.999999",
            "9999-12-31 23:59:59.999999",
        )
    ),
    *({"clock": clock} for clock in ("00:00", "12:00:00.5", "23:59:59.999999")),
    *({"extra": text} for text in ('{"a": [1.50, "中\\"\\\\"]}', '"\\u0001"', "null", '""')),
]


@pytest.fixture
def rows(fill: Fill) -> list[dict[str, Any]]:
    """What is to come back, in Python's types; the integers are the extremes of 64 bits and those between."""
    ids = [-(2**63), 2**63 - 1, 9007199254740993, *range(1, len(ROWS) - 2)]
    fill(*({"id": number, **row} for number, row in zip(ids, ROWS, strict=True)))
    expected = [{"id": number, **_typed(row)} for number, row in zip(ids, ROWS, strict=True)]
    return sorted(expected, key=lambda row: row["id"])


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(("名字", "amount", "ratio", "ok", "day", "at", "clock", "extra"))
    types: dict[str, Callable[[Any], Any]] = {
        "amount": Decimal,
        "day": date.fromisoformat,
        "at": lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
        "clock": time.fromisoformat,
    }
    return {**empty, **{name: types.get(name, lambda same: same)(cell) for name, cell in row.items()}}


def test_parquet_comes_back_in_arrow(rows: list[dict[str, Any]], written: Written) -> None:
    table = parquet.read_table(written("parquet"))

    assert table.schema.types == [
        *(pa.int64(), pa.string(), pa.decimal128(38, 3), pa.float64(), pa.bool_(), pa.date32()),
        *(pa.timestamp("us", "UTC"), pa.time64("us"), pa.string()),
    ]
    assert table.to_pylist() == rows


def test_arrow_comes_back_in_arrow(rows: list[dict[str, Any]], written: Written) -> None:
    with pa.ipc.open_file(written("arrow")) as file:
        assert file.read_all().to_pylist() == rows


def test_parquet_comes_back_in_duckdb(rows: list[dict[str, Any]], written: Written) -> None:
    path = written("parquet")
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        found = session.execute(
            f'SELECT id, "名字", amount, ratio, ok, day, epoch_us("at"), clock, extra FROM \'{path}\''
        ).fetchall()
        types = session.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()

    expected = [{**row, "at": row["at"] and _microseconds(row["at"])} for row in rows]
    assert [dict(zip(rows[0], row, strict=True)) for row in found] == expected
    assert [type_ for _, type_, *_ in types] == [
        *("BIGINT", "VARCHAR", "DECIMAL(38,3)", "DOUBLE", "BOOLEAN", "DATE"),
        *("TIMESTAMP WITH TIME ZONE", "TIME", "VARCHAR"),
    ]


def test_parquet_and_arrow_come_back_in_pandas(rows: list[dict[str, Any]], written: Written) -> None:
    for frame in (pandas.read_parquet(written("parquet")), pandas.read_feather(written("arrow"))):
        assert list(frame["id"]) == [row["id"] for row in rows]
        assert [None if pandas.isna(cell) else cell for cell in frame["amount"]] == [row["amount"] for row in rows]
        assert [None if pandas.isna(cell) else cell for cell in frame["名字"]] == [row["名字"] for row in rows]
        assert str(frame["at"].dtype) == "datetime64[us, UTC]"


def test_workbook_comes_back_in_openpyxl(rows: list[dict[str, Any]], written: Written) -> None:
    names, *found = openpyxl.load_workbook(written("xlsx"), read_only=True)["data"].iter_rows()

    assert [cell.value for cell in names] == list(rows[0])
    assert [[cell.value for cell in row] for row in found] == [
        [_in_a_sheet(cell) for cell in row.values()] for row in rows
    ]
    assert {cell.data_type for row in found for cell in row} <= {"n", "s", "b", "d", "inlineStr"}


def _in_a_sheet(cell: Any) -> Any:
    """What a spreadsheet keeps of a value; the rest stands there as text."""
    match cell:
        case bool():
            return cell
        case int() if abs(cell) >= 10**15:
            return str(cell)
        case Decimal() if len(cell.as_tuple().digits) > 15:
            return f"{cell:.3f}"
        case Decimal():
            return float(cell)
        case datetime():
            is_kept = cell.year >= 1901 and cell.microsecond % 1000 == 0
            return cell.replace(tzinfo=None) if is_kept else cell.isoformat().replace("+00:00", "Z")
        case date():
            return datetime(cell.year, cell.month, cell.day) if cell >= date(1900, 3, 1) else cell.isoformat()
        case time() if cell.microsecond % 1000:
            return cell.isoformat()
        case str():
            return cell.replace("\x01", "_x0001_").replace("_x0041_", "_x005F_x0041_").replace("\r", "_x000D_")
    return cell


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_text_is_that_of_the_stream(rows: list[dict[str, Any]], written: Written, ops: Any, format: str) -> None:
    stream = door.stream_rows(ops(), KEY, parse_rows_query({"f": [format], "limit": ["all"]}))

    assert written(format).read_bytes() == b"".join(stream.chunks)


def test_ndjson_comes_back_line_by_line(rows: list[dict[str, Any]], written: Written) -> None:
    found = [json.loads(line, parse_float=Decimal) for line in written("ndjson").read_text().split("\n")[:-1]]

    assert [row["名字"] for row in found] == [row["名字"] for row in rows]
    assert [row["amount"] for row in found] == [row["amount"] for row in rows]


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_holds_what_is_hidden(rows: list[dict[str, Any]], written: Written, format: str) -> None:
    assert SECRET not in _all_text(written(format), format)
    assert SECRET in _all_text(written(format, agency="dot"), format)


def _all_text(path: Path, format: str) -> str:
    match format:
        case "parquet":
            return str(parquet.read_table(path).to_pylist())
        case "arrow":
            with pa.ipc.open_file(path) as file:
                return str(file.read_all().to_pylist())
        case "xlsx":
            return str([list(row) for row in openpyxl.load_workbook(path)["data"].iter_rows(values_only=True)])
    return path.read_text()


def test_numbers_that_no_decimal_holds_are_text(fill: Fill, written: Written) -> None:
    fill({"amount": "9" * 30 + ".5"}, {"amount": "0." + "1" * 20})

    table = parquet.read_table(written("parquet"))

    assert table.schema.field("amount").type == pa.string()
    assert table["amount"].to_pylist() == ["9" * 30 + ".5", "0." + "1" * 20]


def test_integer_that_is_rounded_beyond_64_bits_keeps_its_digits(
    fill: Fill, rule: Callable[..., Any], written: Written
) -> None:
    rule(target_field="id", access={"kind": "round", "to": 1000})
    fill({"id": 2**63 - 1}, {"id": 499})

    table = parquet.read_table(written("parquet"))

    assert sorted(table["id"].to_pylist()) == [0, 9223372036854776000]


@pytest.mark.parametrize("format", FORMATS)
def test_view_without_rows_is_a_file_all_the_same(fill: Fill, written: Written, format: str) -> None:
    fill()
    path = written(format)

    assert "名字" in _all_text(path, format) or format in ("ndjson", "parquet", "arrow")
    if format == "parquet":
        assert parquet.read_table(path).num_rows == 0


def test_text_that_no_workbook_holds_is_refused_with_a_way_out(fill: Fill, written: Written) -> None:
    fill({"名字": "\U00020000" * 16_384})

    with pytest.raises(Invalid) as refused:
        written("xlsx")

    assert refused.value.code == "cell-too-long"
    assert written("csv").stat().st_size > 65_536


def test_many_rows_come_in_groups_and_in_order(fill: Fill, dataset: Any, written: Written) -> None:
    from django.db import connection

    from hub.store.models import Relation

    relation = Relation.objects.get(dataset=dataset)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1, c2) SELECT g, repeat('x', 20) FROM generate_series(1, 250000) g"
        )
    relation.version += 1
    relation.save()

    file = parquet.ParquetFile(written("parquet"))

    assert file.num_row_groups > 1
    assert file.read()["id"].to_pylist() == list(range(1, 250_001))
    assert list(_csv_ids(written("csv"))) == [str(n) for n in range(1, 250_001)]


def _csv_ids(path: Path) -> Iterator[str]:
    rows = csv.reader(io.StringIO(path.read_text(), newline=""))
    next(rows)
    yield from (row[0] for row in rows)


def _microseconds(moment: datetime) -> int:
    passed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 10**6 + passed.microseconds
