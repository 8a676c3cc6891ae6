"""Parquet files: every value as the exact text that the intake expects, and no file more than it says."""

import io
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.base import Batch, Extract
from connectors.kinds.file import File
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceError, SourceMalformed

Put = Callable[..., File]
ZONE = "Asia/Shanghai"


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))

    def write(table: pa.Table | bytes, name: str = "a.parquet", **options: Any) -> File:
        content = table if isinstance(table, bytes) else written(table, **options)
        (tmp_path / name).write_bytes(content)
        return File({"url": f"{tmp_path.as_uri()}/"}, {})

    return write


def written(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def batches(file: File, *columns: str, path: str = "a.parquet", **select: Any) -> list[Batch]:
    return list(file.read(Extract({"path": path, **select}, columns)))


def texts(put: Put, values: list[Any], type_: pa.DataType, **select: Any) -> list[str]:
    return [row[0] for row in rows_of(batches(put(pa.table({"x": pa.array(values, type_)})), **select))]


class TestParquet(ConnectorContract):
    @pytest.fixture
    def connector(self, put: Put) -> File:
        return put(pa.table({"编号": [1, 2, 3], "名": ["上海", None, "北\t京"], "额": [1.5, -0.0, 1e300]}))

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> File:
        return File({"url": f"{(tmp_path / 'none').as_uri()}/"}, {})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "a.parquet"}


DAY = date(2024, 2, 29)
MOMENT = datetime(2024, 2, 29, 12, 30, 1, 250_000)


@pytest.mark.parametrize(
    ("type_", "values", "expected", "field", "stored"),
    [
        (pa.bool_(), [True, False, None], ["true", "false", "\\N"], "boolean", "bool"),
        (pa.int8(), [-128, 127], ["-128", "127"], "integer", "int4"),
        (pa.uint32(), [2**32 - 1], ["4294967295"], "integer", "int8"),
        (pa.int64(), [-(2**63), 2**63 - 1], ["-9223372036854775808", "9223372036854775807"], "integer", "int8"),
        (pa.uint64(), [2**64 - 1], ["18446744073709551615"], "decimal", "numeric"),
        (pa.float64(), [1.0, 0.1, 1e300, None], ["1", "0.1", "1e+300", "\\N"], "number", "float8"),
        (pa.float64(), [float("nan"), float("-inf"), 2.0], ["NaN", "-Infinity", "2"], "number", "float8"),
        (pa.float32(), [0.1, 16777216.0], ["0.1", "16777216"], "number", "float8"),
        (pa.decimal128(12, 2), [Decimal("12.50"), Decimal("-0.01")], ["12.50", "-0.01"], "decimal", "numeric"),
        (pa.decimal128(38, 9), [Decimal("0"), Decimal("1E-9")], ["0.000000000", "0.000000001"], "decimal", "numeric"),
        (pa.decimal256(76, 0), [Decimal(10**75)], ["1" + "0" * 75], "decimal", "numeric"),
        (pa.date32(), [DAY, date(1, 1, 1)], ["2024-02-29", "0001-01-01"], "date", "date"),
        (pa.date64(), [DAY], ["2024-02-29"], "date", "date"),
        (pa.timestamp("us"), [MOMENT, datetime(2024, 1, 1)], ["2024-02-29 12:30:01.25", "2024-01-01 00:00:00"],
         "datetime", "timestamp"),
        (pa.timestamp("ms", ZONE), [MOMENT], ["2024-02-29 12:30:01.25+00"], "datetime", "timestamptz"),
        (pa.timestamp("s"), [datetime(2024, 1, 1, 10)], ["2024-01-01 10:00:00"], "datetime", "timestamp"),
        (pa.timestamp("ns"), [1_000_000_001], ["1970-01-01 00:00:01.000000001"], "datetime", ""),
        (pa.time64("us"), [time(23, 59, 59, 10), None], ["23:59:59.00001", "\\N"], "time", "time"),
        (pa.time32("s"), [time(10, 0, 0)], ["10:00:00"], "time", "time"),
        (pa.string(), ["", 'a"b', "a\\b\nc\rd\te", None], ["", 'a"b', "a\\\\b\\nc\\rd\\te", "\\N"], "string", "text"),
        (pa.large_string(), ["上海"], ["上海"], "string", "text"),
        (pa.dictionary(pa.int32(), pa.string()), ["a\t", None, "a\t"], ["a\\t", "\\N", "a\\t"], "string", "text"),
        (pa.dictionary(pa.int8(), pa.int64()), [7, 7], ["7", "7"], "integer", "int8"),
        (pa.binary(), [b"\x00\xff", None], ["00ff", "\\N"], "string", "text"),
        (pa.binary(2), [b"\x01\x02"], ["0102"], "string", "text"),
        (pa.null(), [None], ["\\N"], "string", "text"),
        (pa.list_(pa.int64()), [[1, None], []], ["[1,null]", "[]"], "json", "jsonb"),
        (pa.struct([("数", pa.decimal128(20, 3)), ("at", pa.date32())]), [{"数": Decimal("1.500"), "at": DAY}],
         ['{"数":1.500,"at":"2024-02-29"}'], "json", "jsonb"),
        (pa.list_(pa.float64()), [[float("inf"), 0.1]], ['["inf",0.1]'], "json", "jsonb"),
        (pa.map_(pa.string(), pa.int64()), [[("k", 1)]], ['{"k":1}'], "json", "jsonb"),
    ],
)  # fmt: skip
def test_every_type_comes_as_its_exact_text_and_is_named(
    put: Put, type_: pa.DataType, values: list[Any], expected: list[str], field: str, stored: str
) -> None:
    file = put(pa.table({"x": pa.array(values, type_)}))
    (batch,) = batches(file)

    assert rows_of([batch]) == [[text] for text in expected]
    assert (batch.offered, batch.types) == ({"x": field}, (stored,))
    assert [column.type for column in file.describe({"path": "a.parquet"}).columns] == [field]


def test_uuids_and_durations_are_texts_or_told_to_be_none(put: Put) -> None:
    one = UUID("12345678-1234-5678-1234-567812345678")

    assert texts(put, [one.bytes], pa.uuid()) == [str(one)]
    with pytest.raises(SourceMalformed) as caught:
        texts(put, [timedelta(1)], pa.duration("s"))
    assert caught.value.code == "source-column-type"


def test_bytes_are_texts_where_an_encoding_is_given(put: Put) -> None:
    assert texts(put, ["上海".encode("gb18030")], pa.binary(), encoding="gb18030") == ["上海"]


@pytest.mark.parametrize(("bad", "code"), [(b"\xff\xfe", "encoding"), (b"nul\0", "nul")])
@pytest.mark.parametrize("is_shared", [True, False])
def test_text_that_cannot_be_stored_keeps_out_its_row_alone(put: Put, bad: bytes, code: str, is_shared: bool) -> None:
    cells = pa.array([b'go"od', bad, "上海".encode(), None]).view(pa.string())
    found = batches(put(pa.table({"n": [1, 2, 3, 4], "x": cells}), use_dictionary=is_shared))

    assert rows_of(found) == [["1", 'go"od'], ["3", "上海"], ["4", "\\N"]]
    assert [(one.position, one.code) for batch in found for one in batch.rejects] == [(2, code)]


def test_columns_wanted_come_alone_with_their_types_and_positions(put: Put) -> None:
    file = put(pa.table({"a": ["x", "y"], "b": [1, 2], "a.b": [True, False]}))
    (batch,) = batches(file, "a.b", "b")

    assert batch.copy == b"1\ttrue\t1\n2\tfalse\t2\n"
    assert (batch.positioned, batch.types) == (True, ("bool", "int8"))


@pytest.mark.parametrize("is_shared", [True, False])
def test_texts_that_stand_for_no_value_are_none(put: Put, is_shared: bool) -> None:
    file = put(pa.table({"a": ["", "NA", "x", None], "n": [1, -999, 3, 4]}), use_dictionary=is_shared)

    assert rows_of(batches(file, missing=["", "NA", "-999"])) == [
        ["\\N", "1"], ["\\N", "\\N"], ["x", "3"], ["\\N", "4"],
    ]  # fmt: skip


def test_times_without_zone_are_not_vouched_for_where_the_stream_names_a_zone(put: Put) -> None:
    file = put(
        pa.table({"a": pa.array([MOMENT], pa.timestamp("us")), "b": pa.array([MOMENT], pa.timestamp("us", "UTC"))})
    )

    assert batches(file, timezone=ZONE)[0].types == ("", "timestamptz")


def test_files_of_a_pattern_may_differ_in_their_types(put: Put) -> None:
    put(pa.table({"x": pa.array([1], pa.int32())}), "1.parquet")
    file = put(pa.table({"x": pa.array(["2"])}), "2.parquet")
    found = batches(file, path="*.parquet")

    assert (rows_of(found), {batch.types for batch in found}) == ([["1"], ["2"]], {()})


def test_many_rows_over_groups_are_counted_on_and_kept_in_order(put: Put) -> None:
    file = put(pa.table({"x": range(20_000)}), row_group_size=7_000)
    lines = b"".join(batch.copy for batch in batches(file)).splitlines()

    assert lines == [b"%d\t%d" % (number + 1, number) for number in range(20_000)]


def test_file_without_rows_has_its_columns(put: Put) -> None:
    (batch,) = batches(put(pa.table({"x": pa.array([], pa.int64())})))

    assert (batch.columns, batch.count) == (("x",), 0)


GOOD = written(pa.table({"x": [str(number) for number in range(10_000)]}), compression="none")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "source-empty"),
        (b"a,b\n1,2\n", "source-not-parquet"),
        (GOOD[:-100], "source-truncated"),
        (GOOD[: len(GOOD) // 2] + GOOD[len(GOOD) // 2 + 10 :], "source-truncated"),
        (b"PAR1" + b"\xff" * 100 + b"\x60\0\0\0PAR1", "source-truncated"),
        (b"PARE" + GOOD[4:-4] + b"PARE", "source-encrypted"),
        (written(pa.table({"x": [1], "y": [2]}).rename_columns(["x", "x"])), "source-duplicate-column"),
        (written(pa.table({})), "source-empty"),
    ],
)
def test_what_cannot_be_believed_is_refused_by_its_code(put: Put, content: bytes, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        batches(put(content))

    assert caught.value.code == code
    assert caught.value.hint


def bomb(kind: str) -> bytes:
    """About 0.1 MB or less that comes to a gigabyte: one text for many rows, or zeros packed well."""
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 1024, pa.int32()), pa.array(["x" * (1 << 20)]))
    if kind == "shared":
        return written(pa.table({"x": shared}), store_schema=False)
    if kind == "nested":
        return written(pa.table({"x": pa.ListArray.from_arrays(range(1025), shared)}), store_schema=False)
    stream, part = io.BytesIO(), pa.table({"x": pa.array([b"\0" * (1 << 20)] * 16)})
    with pq.ParquetWriter(stream, part.schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(64):
            writer.write_table(part)
    return stream.getvalue()


READ = """
import sys
sys.path.insert(0, ".")
from connectors.base import Extract
from connectors.kinds.file import File
from hub.errors import SourceError
try:
    for batch in File({"url": sys.argv[1]}, {}).read(Extract({})):
        pass
except SourceError as error:
    print(error.code, int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) >> 10)
"""


@pytest.mark.parametrize("kind", ["shared", "packed", "nested"])
def test_small_file_that_comes_to_a_gigabyte_is_refused_in_bounded_memory(put: Put, tmp_path: Path, kind: str) -> None:
    content = bomb(kind)
    put(content)
    url = (tmp_path / "a.parquet").as_uri()
    done = subprocess.run([sys.executable, "-c", READ, url], capture_output=True, text=True, check=False)
    code, megabytes = done.stdout.split() or (done.stderr, 0)

    assert len(content) < 200_000
    assert code == "source-too-large"
    assert int(megabytes) < 512
