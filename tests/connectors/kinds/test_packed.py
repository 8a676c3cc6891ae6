"""Files packed by gzip and zip: what is in them arrives whole, what would harm is refused by its code."""

import gzip
import io
import os
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors import batches
from connectors.base import Extract
from connectors.fetching import passage
from connectors.formats import packed, reading
from connectors.formats.reading import Task
from connectors.formats.table import Options
from connectors.kinds.file import File
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceError
from tests.connectors.kinds.test_kind_file import workbook

CSV = "编号,名\n1,上海\n2,北京\n3,广州\n"
ROWS = [["1", "上海"], ["2", "北京"], ["3", "广州"]]
Put = Callable[[str, bytes], File]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))

    def write(name: str, content: bytes) -> File:
        (tmp_path / name).write_bytes(content)
        return File({"url": f"{tmp_path.as_uri()}/"}, {})

    return write


def read(file: File, path: str, **select: Any) -> list[list[str]]:
    return rows_of(file.read(Extract({"path": path, **select})))


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


class TestGzippedCsv(ConnectorContract):
    @pytest.fixture
    def connector(self, put: Put) -> File:
        return put("a.csv.gz", gzip.compress(CSV.encode("gb18030")))

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> File:
        return File({"url": f"{(tmp_path / 'none').as_uri()}/"}, {})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "a.csv.gz"}


class TestSeveralMembers(TestGzippedCsv):
    @pytest.fixture
    def connector(self, put: Put) -> File:
        members = {"x/1.csv": CSV.encode(), "x/2.csv": CSV.encode("gb18030"), "读我.txt": b"hello"}
        put("a.csv.gz", gzip.compress(CSV.encode()))
        return put("a.zip", zipped(members))

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "a.zip", "member": "x/*.csv"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("csv", CSV.encode("gb18030")),
        ("tsv", CSV.replace(",", "\t").encode()),
        ("json", '[{"编号":1,"名":"上海"},{"编号":2,"名":"北京"},{"编号":3,"名":"广州"}]'.encode()),
        ("ndjson", '{"编号":1,"名":"上海"}\n{"编号":2,"名":"北京"}\n{"编号":3,"名":"广州"}\n'.encode()),
        ("xlsx", workbook(["编号", "名"], [1, "上海"], [2, "北京"], [3, "广州"])),
    ],
)
def test_each_format_is_read_packed_either_way(put: Put, name: str, content: bytes) -> None:
    put(f"a.{name}.gz", gzip.compress(content[:50]) + gzip.compress(content[50:]))
    put("b.gz", gzip.compress(content))
    file = put("a.zip", zipped({f"数据/a.{name}": content, "__MACOSX/a.csv": b"x", ".b.csv": b"x", "READ.ME": b"x"}))

    assert read(file, f"a.{name}.gz") == read(file, "a.zip") == read(file, "b.gz", format=name) == ROWS


def test_several_members_are_read_in_order_where_a_pattern_says_so_and_are_a_question_where_not(put: Put) -> None:
    file = put("a.zip", zipped({"2.csv": b"id\n2,x\n", "1.csv": b"id\n1\n", "other.txt": b"?\n"}))
    found = list(file.read(Extract({"path": "a.zip", "member": "?.csv*"})))

    assert rows_of(found) == [["1"]]
    assert [reject.message.partition(":")[0] for batch in found for reject in batch.rejects] == ["a.zip/2.csv"]
    assert read(file, "a.zip", member="1.csv") == [["1"]]
    for select, code in (({}, "source-several-members"), ({"member": "3.csv"}, "source-no-file")):
        with pytest.raises(SourceError) as caught:
            read(file, "a.zip", **select)
        assert caught.value.code == code
        assert "1.csv" in caught.value.message + caught.value.hint


def test_reading_goes_on_within_a_later_member(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "WAITS_SECONDS", 0)
    monkeypatch.setattr(passage, "MARKED_AFTER_SECONDS", 0)
    file = put("a.zip", zipped({f"{part}.csv": b"id\n%d1\n%d2\n" % (part, part) for part in (1, 2, 3)}))
    extract = Extract({"path": "a.zip", "member": "*.csv"}, ("id",), most=1)
    found = list(file.read(extract))
    middle = next(place for place, batch in enumerate(found) if b"21" in batch.copy)
    rest = file.read(Extract(extract.select, ("id",), most=1, resume=found[middle].checkpoint))

    assert rows_of(rest) == [["22"], ["31"], ["32"]]


@pytest.mark.parametrize(("raw", "name"), [("报".encode("gb18030"), "报.csv"), (b"\x82\xff", "é\xa0.csv")])
def test_names_that_are_not_in_utf8_are_read(put: Put, raw: bytes, name: str) -> None:
    file = put("a.zip", zipped({"AA.csv": CSV.encode()}).replace(b"AA.csv", raw + b".csv"))

    assert read(file, "a.zip", member=name) == ROWS


@pytest.mark.parametrize("name", ["../../evil.csv", "/tmp/evil.csv", "..\\evil.csv", "a/../../evil.csv"])
def test_names_that_lead_elsewhere_are_refused_and_touch_nothing(put: Put, tmp_path: Path, name: str) -> None:
    before = set(os.listdir(tmp_path.parent))
    file = put("a.zip", zipped({name: CSV.encode()}))

    with pytest.raises(SourceError) as caught:
        read(file, "a.zip")
    assert caught.value.code == "source-member-path"
    assert set(os.listdir(tmp_path.parent)) == before
    assert os.listdir(tmp_path) == ["a.zip"]


def test_gzip_that_was_taken_off_on_the_way_is_read_as_it_is(put: Put) -> None:
    assert read(put("a.csv.gz", CSV.encode()), "a.csv.gz") == ROWS


def encrypted() -> bytes:
    raw = bytearray(zipped({"a.csv": CSV.encode()}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + at] |= 1
    return bytes(raw)


def spoilt(raw: bytes) -> bytes:
    return raw[:5000] + b"?" * 10 + raw[5010:]


def with_directory_of(size: int) -> bytes:
    raw = bytearray(zipped({"a.csv": CSV.encode()}))
    end = raw.rindex(b"PK\x05\x06")
    raw[end + 12 : end + 16] = struct.pack("<I", size)
    return bytes(raw)


NOISE = random.Random(1).randbytes(100_000).hex().encode()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv.gz", gzip.compress(b"a\n" + NOISE)[:-2000], "source-truncated"),
        ("a.csv.gz", gzip.compress(b"a\n" + NOISE)[:-2], "source-truncated"),
        ("a.csv.gz", gzip.compress(CSV.encode())[:-8] + b"\0" * 8, "source-truncated"),
        ("a.csv.gz", gzip.compress(CSV.encode()) + b"rest", "source-truncated"),
        ("a.zip", zipped({"a.csv": NOISE})[:-200], "source-truncated"),
        ("a.zip", spoilt(zipped({"a.csv": NOISE})), "source-truncated"),
        ("a.zip", spoilt(zipped({"a.csv": NOISE}, zipfile.ZIP_STORED)), "source-truncated"),
        ("a.zip", b"", "source-truncated"),
        ("a.zip", b"<html>", "source-truncated"),
        ("a.zip", zipped({"a.csv": CSV.encode()}, zipfile.ZIP_LZMA), "source-packing"),
        ("a.zip", encrypted(), "source-encrypted"),
        ("a.zip", with_directory_of(64 << 20), "source-too-large"),
        ("a.zip", zipped({"b.zip": zipped({"a.csv": b"x"})}), "source-nested-archive"),
        ("a.zip", zipped({"a.csv.gz": gzip.compress(b"x")}), "source-nested-archive"),
        ("a.zip.gz", gzip.compress(zipped({"a.csv": b"x"})), "source-nested-archive"),
        ("a.tar.gz", gzip.compress(b"x"), "source-nested-archive"),
        ("a.zip", zipped({}), "source-no-file"),
        ("a.zip", zipped({"a.csv": b""}), "source-empty"),
        ("a.csv.gz", b"", "source-empty"),
    ],
)
def test_what_cannot_be_believed_is_refused_by_its_code(put: Put, name: str, content: bytes, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(put(name, content), name)

    assert caught.value.code == code
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a.csv.gz", "a.zip"])
def test_bomb_is_refused_early_and_in_little_memory(name: str) -> None:
    content = b"a,b\n" + b"0,0\n" * (100 << 18)  # 100 MiB
    packed = io.BytesIO(gzip.compress(content) if name.endswith("gz") else zipped({"a.csv": content}))
    del content
    tracemalloc.start()
    with pytest.raises(SourceError) as caught:
        list(reading.read(packed, Task(Options(where=name, name=name))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert caught.value.code == "source-too-large"
    assert peak < 20 << 20


def test_more_than_is_ever_unpacked_is_refused_whatever_it_is_packed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_UNPACKED", 150_000)

    with pytest.raises(SourceError) as caught:
        list(reading.read(io.BytesIO(gzip.compress(b"a\n" + NOISE)), Task(Options(where="it", name="a.csv.gz"))))
    assert caught.value.code == "source-too-large"
