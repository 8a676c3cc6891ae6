"""Reading files from folders and web servers: what is right arrives whole, what is wrong is named."""

import gzip
import io
import os
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.base import Extract, Found
from connectors.kinds.file import File
from connectors.testing import Answering, Asked, ConnectorContract, Reply, Served, rows_of
from hub.errors import SourceDown, SourceError, SourceMalformed, SourceMissing, SourceRefused

Serve = Callable[[Answering | bytes], Served]
SIXTY = "数据共享交换平台" * 7 + "字段名称"
AIRLINES = b"carrier,name\nUA,United\nAA,American\nDL,Delta\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder the hub may read."""
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def put(folder: Path) -> Callable[[bytes], File]:
    """A source whose one file, data.csv, holds these bytes."""

    def write(content: bytes) -> File:
        (folder / "data.csv").write_bytes(content)
        return File({"url": f"{folder.as_uri()}/"}, {})

    return write


def read(source: File, *columns: str, path: str = "data.csv", **select: Any) -> list[list[str]]:
    return rows_of(source.read(Extract({"path": path, **select}, columns)))


def workbook(*rows: list[Any], sheet: str = "Sheet", formats: Mapping[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    for cell, number_format in (formats or {}).items():
        page[cell].number_format = number_format
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


class TestCsvInFolder(ConnectorContract):
    @pytest.fixture
    def connector(self, put: Callable[[bytes], File]) -> File:
        return put(AIRLINES)

    @pytest.fixture
    def unreachable(self, folder: Path) -> File:
        return File({"url": f"{folder.as_uri()}/none/"}, {})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "data.csv"}


class TestXlsxOverHttp(ConnectorContract):
    @pytest.fixture
    def connector(self, serve: Serve) -> File:
        served = serve(workbook(["code", "seats"], ["a", 1], ["b", 2], ["c", None]))
        return File({"url": served.url + "planes.xlsx", "allow_loopback": True}, {})

    @pytest.fixture
    def unreachable(self) -> File:
        return File({"url": "http://127.0.0.1:1/", "allow_loopback": True}, {"token": "very-secret"})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"format": "xlsx"}


def test_cells_are_escaped_and_missing_only_where_said(put: Callable[[bytes], File]) -> None:
    source = put(b'a,b,c\n"x\ty","two\nlines",back\\slash\n,NA,null\n')

    assert read(source) == [["x\\ty", "two\\nlines", "back\\\\slash"], ["", "NA", "null"]]
    assert read(source, missing=["", "NA"])[1] == ["\\N", "\\N", "null"]


def test_positions_are_the_lines_records_start_on(put: Callable[[bytes], File]) -> None:
    (batch,) = put(b'a,b\n1,"x\ny"\n\n2,z\n').read(Extract({"path": "data.csv"}))

    assert (batch.positioned, batch.copy) == (True, b"2\t1\tx\\ny\n5\t2\tz\n")


def test_rows_of_another_width_and_with_nul_are_rejected_by_line(put: Callable[[bytes], File]) -> None:
    source = put(b'a,b\n1,2\n1\n1,2,3\n1,\x00\n1,"2"3\n5,6\n')

    (batch,) = source.read(Extract({"path": "data.csv"}))

    assert batch.copy == b"2\t1\t2\n7\t5\t6\n"
    assert [(reject.position, reject.code) for reject in batch.rejects] == [
        (3, "cells"), (4, "cells"), (5, "nul"), (6, "quotes"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "source-empty"),
        (b" \n\n", "source-empty"),
        (b"a,b,a\n1,2,3\n", "source-duplicate-column"),
        (b"a,,c\n1,2,3\n", "source-unnamed-column"),
        (b'a,b\n1,"2\n3,4\n', "source-truncated"),
        (b"a,b\n1,2\n3", "source-truncated"),
        ("a,b\n一,二\n三,四".encode()[:-1], "source-truncated"),
        (b"a,b\n1,\xff\n", "source-encoding"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "source-not-csv"),
        (b"\n  <html><body>Sign in</body></html>", "source-not-csv"),
        (workbook(["a"], [1]), "source-not-csv"),
    ],
)
def test_what_is_no_table_is_refused(put: Callable[[bytes], File], content: bytes, code: str) -> None:
    with pytest.raises(SourceMalformed) as caught:
        read(put(content))

    assert caught.value.code == code
    assert caught.value.hint


def test_header_alone_gives_one_empty_batch(put: Callable[[bytes], File]) -> None:
    (batch,) = put(b"a,b\n").read(Extract({"path": "data.csv"}))

    assert (batch.columns, batch.count, batch.copy) == (("a", "b"), 0, b"")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_encoding_is_found_over_the_whole_file(put: Callable[[bytes], File], codec: str) -> None:
    text = f"编号,{SIXTY}\n" + "1,plain\n" * 300_000 + "2,联通北京市朝阳区\n"

    rows = read(put(text.encode(codec)), SIXTY)

    assert (len(rows), rows[0], rows[-1]) == (300_001, ["plain"], ["联通北京市朝阳区"])


def test_damaged_utf8_is_not_taken_for_gb18030(put: Callable[[bytes], File]) -> None:
    good = "a\n" + "数据共享交换平台\n" * 10
    content = good.encode() + b"\xe6\x95\n" + good.encode()

    with pytest.raises(SourceMalformed, match=f"byte {len(good.encode())} does not decode") as caught:
        read(put(content))

    assert caught.value.code == "source-encoding"


def test_declared_encoding_and_delimiter_are_kept_to(put: Callable[[bytes], File]) -> None:
    source = put("naïve;x\n1;é\n".encode("latin-1"))

    assert read(source, encoding="latin-1", delimiter=";") == [["1", "é"]]
    with pytest.raises(SourceMalformed, match="byte 2 does not decode"):
        read(source, encoding="utf-8", delimiter=";")
    with pytest.raises(SourceMalformed, match="no encoding 'klingon'"):
        read(source, encoding="klingon")


def test_utf16_is_read_when_declared_and_hinted_at_when_not(put: Callable[[bytes], File]) -> None:
    source = put("a,b\n一,2\n".encode("utf-16"))

    assert read(source, encoding="utf-16") == [["一", "2"]]
    with pytest.raises(SourceMalformed) as caught:
        read(source)
    assert "utf-16" in caught.value.hint


def test_columns_are_found_by_name_or_by_the_field_name_made_of_it(put: Callable[[bytes], File]) -> None:
    source = put(b"Airport Code,Name (long),lat\nJFK,Kennedy,40.6\n")

    assert read(source, "lat", "Airport_Code") == [["40.6", "JFK"]]
    (batch,) = source.read(Extract({"path": "data.csv"}))
    assert batch.columns == ("Airport_Code", "Name_long", "lat")
    with pytest.raises(SourceMissing, match="no column 'lon'") as caught:
        read(source, "lat", "lon")
    assert caught.value.code == "source-no-column"


def test_pattern_reads_all_files_that_match(folder: Path) -> None:
    for month in (1, 2):
        (folder / f"2024-0{month}.csv").write_text(f"month\n{month}\n")
    (folder / "other.csv").write_text("x\n1\n")
    source = File({"url": f"{folder.as_uri()}/"}, {})

    assert read(source, path="2024-*.csv") == [["1"], ["2"]]
    with pytest.raises(SourceMissing, match="No file matches"):
        read(source, path="2025-*.csv")


def test_discover_proposes_types_missing_words_and_hints(folder: Path) -> None:
    (folder / "people.csv").write_text(
        "id,phone,born,score,at,ok,note\n1,13800138000,1980-02-03,1.5,2013-01-01T05:00:00Z,true,007\n2,NA,,NA,,false,x\n"
    )
    (folder / "broken.csv").write_text("a,a\n")
    (folder / "readme.md").write_text("not a table")

    (found,) = File({"url": f"{folder.as_uri()}/"}, {}).discover()

    assert isinstance(found, Found)
    assert (found.name, found.select) == ("people.csv", {"path": "people.csv", "missing": ["", "NA"]})
    assert [(column.name, column.type, column.hint) for column in found.columns] == [
        ("id", "integer", ""),
        ("phone", "integer", "phone"),
        ("born", "date", ""),
        ("score", "decimal", ""),
        ("at", "datetime", ""),
        ("ok", "boolean", ""),
        ("note", "string", ""),
    ]


def test_workbook_cells_become_the_text_a_person_would_write(serve: Serve) -> None:
    content = workbook(
        ["whole", "half", "yes", "day", "moment", "clock", "text", "none"],
        [5.0, 0.1, True, date(2013, 1, 2), datetime(2013, 1, 2, 5, 30), time(8, 15), "a\tb", None],
        [10**15, 1e300, False, date(1999, 12, 31), datetime(2013, 1, 2), time(0, 0), "NA", ""],
        formats={"E3": "yyyy-mm-dd hh:mm:ss"},
    )
    source = File({"url": serve(content).url, "allow_loopback": True}, {})

    assert read(source, path="planes.xlsx", missing=["NA"]) == [
        ["5", "0.1", "true", "2013-01-02", "2013-01-02T05:30:00", "08:15:00", "a\\tb", "\\N"],
        ["1000000000000000", "1e+300", "false", "1999-12-31", "2013-01-02T00:00:00", "00:00:00", "\\N", "\\N"],
    ]


def test_sheet_is_chosen_by_name_or_number(folder: Path) -> None:
    book = openpyxl.Workbook()
    for title in ("一", "二"):
        book.create_sheet(title).append([f"col_{title}"])
    book.save(folder / "book.xlsx")
    source = File({"url": f"{folder.as_uri()}/book.xlsx"}, {})

    assert [next(source.read(Extract({"sheet": sheet}))).columns for sheet in ("一", 3)] == [("col_一",), ("col_二",)]
    with pytest.raises(SourceMissing, match="no sheet 'drei'") as missing:
        list(source.read(Extract({"sheet": "drei"})))
    assert "一, 二" in missing.value.hint
    with pytest.raises(SourceMalformed) as empty:
        list(source.read(Extract({})))
    assert empty.value.code == "source-empty"


def _repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, change(name, before.read(name)))
    return stream.getvalue()


def _bomb(name: str, part: bytes) -> bytes:
    return part + b" " * (64 << 20) if name.endswith("sheet1.xml") else part


def _laughs(name: str, part: bytes) -> bytes:
    if not name.endswith("sheet1.xml"):
        return part
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    return entity + part.replace(b"<sheetData>", b"<sheetData><!--x-->")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "source-empty"),
        (b"carrier,name\n", "source-not-xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "source-not-xlsx"),
        (workbook(["a"], [1])[:-200], "source-truncated"),
        (workbook(["a", "a"], [1, 2]), "source-duplicate-column"),
        (workbook(["a", None, "c"], [1, 2, 3]), "source-unnamed-column"),
        (_repacked(workbook(["a"], [1]), _bomb), "source-too-large"),
        (_repacked(workbook(["a"], [1]), _laughs), "source-hostile"),
    ],
)
def test_bad_workbook_is_refused(serve: Serve, content: bytes, code: str) -> None:
    source = File({"url": serve(content).url, "allow_loopback": True}, {})

    with pytest.raises(SourceMalformed) as caught:
        read(source, path="planes.xlsx")

    assert caught.value.code == code


def test_workbook_rows_of_another_width(folder: Path) -> None:
    (folder / "a.xlsx").write_bytes(workbook([], ["a", "b"], [1], [], [1, 2, 3], [None, None], [4, 5, None]))

    (batch,) = File({"url": f"{folder.as_uri()}/a.xlsx"}, {}).read(Extract({}))

    assert batch.copy == b"3\t1\t\\N\n7\t4\t5\n"
    assert [(reject.position, reject.code) for reject in batch.rejects] == [(5, "cells")]


def test_json_lines_keep_digits_and_reject_by_line(folder: Path) -> None:
    (folder / "a.ndjson").write_text('{"a": 1.10, "b": {"x": [9007199254740993]}}\nnope\n[1]\n{"b": null}\n')

    (batch,) = File({"url": f"{folder.as_uri()}/a.ndjson"}, {}).read(Extract({}))

    assert batch.copy == b'1\t1.10\t{"x":[9007199254740993]}\n4\t\\N\t\\N\n'
    assert [(reject.position, reject.code) for reject in batch.rejects] == [(2, "not-json"), (3, "not-an-object")]


def test_record_with_a_value_too_deep_is_kept_out_alone(folder: Path) -> None:
    deep = ['{"a": ' + '{"a":' * depth + "1" + "}" * depth + "}" for depth in (700, 20_000)]
    (folder / "a.ndjson").write_text("\n".join(['{"a": 1}', *deep, '{"a": 2}']))

    (batch,) = File({"url": f"{folder.as_uri()}/a.ndjson"}, {}).read(Extract({}, ("a",)))

    assert batch.count == 2
    assert [(reject.position, reject.code) for reject in batch.rejects] == [(2, "depth"), (3, "not-json")]


def test_json_document_takes_records_from_a_path(folder: Path) -> None:
    (folder / "a.json").write_text('{"data": {"items": [{"a": 1}]}}')
    source = File({"url": f"{folder.as_uri()}/"}, {})

    assert read(source, path="a.json", records="data.items") == [["1"]]
    with pytest.raises(SourceMalformed) as caught:
        read(source, path="a.json", records="items")
    assert caught.value.code == "source-no-records"


def test_file_outside_the_allowed_folders_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text("a\n1\n")
    (folder / "link.csv").symlink_to(outside)

    for url, path in (
        (outside.as_uri(), ""),
        (f"{folder.as_uri()}/", "link.csv"),
        (f"{folder.as_uri()}/", "../outside0/secret.csv"),
    ):
        with pytest.raises(SourceRefused, match="not below a folder") as caught:
            read(File({"url": url}, {}), path=path)
        assert "HUB_FILE_ROOTS" in caught.value.hint


def test_nothing_is_read_without_allowed_folders(put: Callable[[bytes], File], monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(AIRLINES)
    monkeypatch.delenv("HUB_FILE_ROOTS")

    with pytest.raises(SourceRefused):
        read(source)


def test_pipe_does_not_hang_the_reader(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")

    with pytest.raises(SourceMissing, match="is no file"):
        read(File({"url": f"{folder.as_uri()}/"}, {}), path="pipe.csv")


def test_missing_file_is_named_without_query_or_password(serve: Serve) -> None:
    served = serve(lambda asked: Reply(status=404))

    with pytest.raises(SourceMissing) as caught:
        read(File({"url": served.url, "allow_loopback": True}, {}), path="a.csv?key=secret")

    assert caught.value.message == f"{served.url}a.csv does not exist (HTTP 404)."


def test_truncated_download_is_refused(serve: Serve) -> None:
    served = serve(lambda asked: Reply(AIRLINES, type="text/csv", length=len(AIRLINES) + 10))
    source = File({"url": served.url, "allow_loopback": True}, {})

    with pytest.raises(SourceMalformed, match=f"broke off after {len(AIRLINES)} bytes") as caught:
        read(source, path="airlines.csv")

    assert caught.value.code == "source-truncated"


def test_download_sends_headers_and_token_and_inflates(serve: Serve) -> None:
    zipped = gzip.compress(AIRLINES)
    served = serve(lambda asked: Reply(zipped, type="text/csv", headers={"Content-Encoding": "gzip"}))
    source = File({"url": served.url, "headers": {"X-Key": "k"}, "allow_loopback": True}, {"token": "t"})

    assert read(source, "name", path="a/航空 公司.csv") == [["United"], ["American"], ["Delta"]]
    assert served.asked[0].path == "/a/%E8%88%AA%E7%A9%BA%20%E5%85%AC%E5%8F%B8.csv"
    assert (served.asked[0].headers["X-Key"], served.asked[0].headers["Authorization"]) == ("k", "Bearer t")


def test_web_folder_is_discovered_from_its_index(serve: Serve) -> None:
    index = b'<a href="../">up</a><a href="?C=N">sort</a><a href="air%20lines.csv">a</a><a href="http://x/y.csv">y</a>'

    def answer(asked: Asked) -> Reply:
        return Reply(index, type="text/html") if asked.path == "/" else Reply(AIRLINES, type="text/csv")

    (found,) = File({"url": serve(answer).url, "allow_loopback": True}, {}).discover()

    assert (found.name, found.select, found.samples[0]) == (
        "air lines.csv",
        {"path": "air lines.csv"},
        ("UA", "United"),
    )


def test_unreachable_server_is_down() -> None:
    with pytest.raises(SourceDown, match=r"Nothing answers at 127\.0\.0\.1 port 1"):
        read(File({"url": "http://127.0.0.1:1/", "allow_loopback": True}, {}))


def test_format_unknown_is_asked_for(folder: Path) -> None:
    (folder / "data.bin").write_bytes(AIRLINES)
    source = File({"url": f"{folder.as_uri()}/"}, {})

    assert len(read(source, path="data.bin", format="csv")) == 3
    with pytest.raises(SourceError, match="does not say what format") as caught:
        read(source, path="data.bin")
    assert caught.value.code == "source-unknown-format"
