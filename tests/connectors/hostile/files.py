"""Files that are cut, mixed, swollen, or made to lead a reader astray: each with the code it is refused with."""

import gzip
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.connectors.conftest import FIELDS
from tests.connectors.hostile import workbooks
from tests.connectors.kinds.test_packed import NOISE, encrypted, with_directory_of, zipped
from tests.connectors.kinds.test_parquet import GOOD, bomb

HEAD = b"id,name,at\n"
GOOD_ROW = b"1,one,2020-01-01T00:00:00Z\n"
NUMBERS = [
    {"name": "id", "type": "integer", "sensitivity": "public"},
    {"name": "value", "type": "number", "sensitivity": "public"},
]
TEXTS = [{"name": "x", "type": "string", "sensitivity": "public"}]


@dataclass(frozen=True)
class HostileFile:
    """A file of some content, or one that is written; ``rule`` is the one that its rows break, if it has rows."""

    label: str
    name: str
    code: str
    content: bytes | Callable[[Path], None]
    seconds: float = 60
    rule: str = ""
    select: dict[str, Any] = field(default_factory=dict)
    fields: list[dict[str, str]] = field(default_factory=lambda: FIELDS)

    def put(self, folder: Path) -> None:
        if callable(self.content):
            self.content(folder / self.name)
        else:
            (folder / self.name).write_bytes(self.content)


def _rows(row: str, head: bytes = HEAD) -> bytes:
    """Ten good rows of what they are beside ten that have it."""
    return head + "".join(row.format(n=number) for number in range(20)).encode()


def _sparse(head: bytes, size: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(head)
        with path.open("r+b") as file:
            file.truncate(size)

    return write


def _long_line(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'{"id": 1, "name": "')
        for _ in range(500):
            file.write(b"x" * (1 << 20))
        file.write(b'", "at": null}\n')


def _gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb") as file:
        for _ in range(1024):
            file.write(bytes(1 << 20))


def _zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as file:
        for _ in range(1024):
            file.write(bytes(1 << 20))


def _workbook_bomb() -> bytes:
    return workbooks.sheet(" " * (1 << 20) for _ in range(100))


def _spoilt_parquet() -> bytes:
    draw, raw = random.Random(3), bytearray(GOOD)
    for _ in range(40):
        raw[draw.randrange(4, len(raw) // 2)] = draw.randrange(256)
    return bytes(raw)


_TIME = "2020-01-01T00:00:00Z"
_OUTSIDE = '<!ENTITY a SYSTEM "file:///etc/passwd">'
_LAUGHS = '<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi")
)
_BIG5_AND_UTF8 = HEAD + "1,数据,2020-01-01\n".encode() * 20 + "2,数据,2020-01-01\n".encode("gb18030")

FILES = [
    HostileFile("gzip bomb", "a.csv.gz", "source-too-large", _gzip_bomb),
    HostileFile("zip bomb", "a.zip", "source-too-large", _zip_bomb),
    HostileFile("archive in an archive", "a.zip", "source-nested-archive", zipped({"b.zip": zipped({"a.csv": b"x"})})),
    HostileFile("archive with an endless list", "a.zip", "source-too-large", with_directory_of(64 << 20)),
    HostileFile("encrypted archive", "a.zip", "source-encrypted", encrypted()),
    HostileFile("zip slip", "a.zip", "source-member-path", zipped({"../../evil.csv": HEAD + GOOD_ROW})),
    HostileFile("zip slip from the root", "a.zip", "source-member-path", zipped({"/tmp/evil.csv": HEAD + GOOD_ROW})),
    HostileFile("workbook bomb", "a.xlsx", "source-too-large", _workbook_bomb()),
    HostileFile("row of a billion", "a.xlsx", "source-too-large", workbooks.beyond_all_rows()),
    HostileFile("entity of a file", "a.xlsx", "source-hostile", workbooks.with_entities(_OUTSIDE, "&a;")),
    HostileFile("entities of entities", "a.xlsx", "source-hostile", workbooks.with_entities(_LAUGHS, "&i;")),
    HostileFile("shared text in Parquet", "a.parquet", "source-too-large", bomb("shared"), fields=TEXTS),
    HostileFile("packed zeros in Parquet", "a.parquet", "source-too-large", bomb("packed"), fields=TEXTS),
    HostileFile("lists of a shared text in Parquet", "a.parquet", "source-too-large", bomb("nested"), fields=TEXTS),
    HostileFile("JSON of empty lists", "a.json", "source-memory", b"[" + b"[]," * (20 << 20) + b"[]]"),
    HostileFile("JSON without end to its depth", "a.json", "source-not-json", b"[" * (10 << 20)),
    HostileFile("JSON line without end", "a.ndjson", "source-memory", _long_line),
    HostileFile("line without end", "a.csv", "source-too-large", _sparse(HEAD, 1 << 30)),
    HostileFile("line without end in another encoding", "a.csv", "source-memory", _sparse(HEAD, 400 << 20),
                select={"encoding": "latin-1"}),
    HostileFile("header of a million columns", "a.csv", "source-too-many-columns",
                ",".join(map(str, range(10**6))).encode()),
    HostileFile("record of ten thousand keys", "a.ndjson", "source-too-many-columns",
                json.dumps({f"k{n}": 1 for n in range(10_000)}).encode()),
    HostileFile("cut text", "a.csv", "source-truncated", HEAD + GOOD_ROW + b'2,"tw'),
    HostileFile("cut gzip", "a.csv.gz", "source-truncated", gzip.compress(HEAD + NOISE)[:-99]),
    HostileFile("cut archive", "a.zip", "source-truncated", zipped({"a.csv": HEAD + GOOD_ROW})[:-40]),
    HostileFile("cut workbook", "a.xlsx", "source-truncated", workbooks.of_empty_rows(100)[:-200]),
    HostileFile("cut Parquet", "a.parquet", "source-truncated", GOOD[:-100], fields=TEXTS),
    HostileFile("spoilt Parquet", "a.parquet", "source-truncated", _spoilt_parquet(), fields=TEXTS),
    HostileFile("cut JSON", "a.json", "source-not-json", b'[{"id": 1, "name": "on'),
    HostileFile("two encodings", "a.csv", "source-encoding", _BIG5_AND_UTF8),
    HostileFile("UTF-16 that says nothing of it", "a.csv", "source-encoding", HEAD.decode().encode("utf-16") * 3),
    HostileFile("NUL in a name", "a.csv", "source-no-column", b"id,na\0me,at\n1,a,2020-01-01T00:00:00Z\n"),
    HostileFile("NULs", "a.csv", "too-many-rejects", _rows("{n},a\0b," + _TIME + "\n"), rule="nul"),
    HostileFile("half characters", "a.ndjson", "too-many-rejects",
                _rows('{{"id": {n}, "name": "\\ud800", "at": null}}\n', b""), rule="surrogate"),
    HostileFile("2^63", "a.csv", "too-many-rejects", _rows("9223372036854775808,n{n}," + _TIME + "\n"), rule="type"),
    HostileFile("year 10000", "a.csv", "too-many-rejects", _rows("{n},a,10000-01-01T00:00:00Z\n"), rule="type"),
    HostileFile("NaN", "a.csv", "too-many-rejects", _rows("{n},NaN\n", b"id,value\n"), rule="type", fields=NUMBERS),
    HostileFile("1e999", "a.csv", "too-many-rejects", _rows("{n},1e999\n", b"id,value\n"), rule="type", fields=NUMBERS),
]  # fmt: skip
