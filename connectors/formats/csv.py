"""Reads delimited text strictly: what is not quoted right, or has a cell too many, is said and never guessed at."""

import codecs
import csv
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from connectors.base import Reject
from connectors.batches import Cells, Lines, Record, picker
from connectors.columns import check_header
from connectors.formats.plain import Plain, plain
from connectors.formats.table import Options, Table
from connectors.formats.text import encoding_of
from hub.errors import SourceMalformed

if TYPE_CHECKING:
    import _csv

# A cell may hold a polygon; the library's own limit of 128 KiB is too small for that.
csv.field_size_limit(16 << 20)

MAX_LINE: Final = 64 << 20
_BY_BLOCKS: Final = frozenset({"utf-8", "utf-8-sig"})
_PLAIN_DELIMITERS: Final = frozenset(",;|\t:")
_MARKUP: Final = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")
_ARCHIVE: Final = b"PK\x03\x04"


def open_table(file: BinaryIO, options: Options) -> Table:
    """The file's first line as header, its other lines as records; raises ``SourceMalformed``."""
    _check_start(file, options.where)
    codec = encoding_of(file, options.encoding, options.where)
    has_last_newline = _ends_with_newline(file)
    delimiter = options.delimiter or ","
    is_plain = codecs.lookup(codec).name in _BY_BLOCKS and delimiter in _PLAIN_DELIMITERS
    text = _Blocks(file, codec, options) if is_plain else _Text(file, codec)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        raise _bad_header(options.where) from error
    if header is None:
        raise _empty(options.where)
    check_header(header, options.where)
    records = _Records(reader, text, len(header), options.where, has_last_newline)
    if isinstance(text, _Text):
        return Table(tuple(header), records.one_by_one(), is_ended=has_last_newline)

    def lines(places: Sequence[int], missing: Iterable[str]) -> Iterator[Lines | Record]:
        pick = picker(places, len(header))
        return records.by_blocks(text, plain(delimiter.encode(), len(header), places, missing), pick)

    return Table(tuple(header), records.one_by_one(), lines, is_ended=has_last_newline)


class _Text:
    """Lines of a file in any encoding, counted; none is changed, and the file stays open."""

    def __init__(self, file: BinaryIO, codec: str) -> None:
        file.seek(0)
        self._text = _Wrapper(file, encoding=codec, newline="")
        self.number = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.number += 1
        return line


class _Wrapper(io.TextIOWrapper):
    """Lets go of the file in the end instead of closing it: it belongs to whoever opened it."""

    def __del__(self) -> None:
        if not self.closed:
            self.detach()


class _Blocks:
    """Lines of a file, counted, that can also be had by the block: some whole lines in UTF-8."""

    def __init__(self, file: BinaryIO, codec: str, options: Options) -> None:
        file.seek(len(codecs.BOM_UTF8) if codec == "utf-8-sig" else 0)
        self._file = file
        self._size = options.block
        self._where = options.where
        self._rest = b""
        self._lines: deque[str] = deque()
        self.number = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if not self._lines:
            self.give(self.block())
        if not self._lines:
            raise StopIteration
        self.number += 1
        return self._lines.popleft()

    @property
    def is_at_block(self) -> bool:
        """Whether all lines that were given back have been read."""
        return not self._lines

    def give(self, block: bytes) -> None:
        """Let these lines be read one by one."""
        self._lines.extend(io.StringIO(block.decode(), newline=""))

    def block(self) -> bytes:
        """The next lines, about as many bytes of them as were said; empty at the end."""
        block, size = self._rest, self._size
        while chunk := self._file.read(size):
            block += chunk
            # A lone CR ends a line too, but the last byte may be half of CR LF.
            end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1
            if end:
                self._rest = block[end:]
                return block[:end]
            if len(block) > MAX_LINE:
                raise _endless(self._where, self.number + 1)
            size = max(size, len(block))  # or a long line would be copied once for each small piece of it
        self._rest = b""
        return block


class _Records:
    """Rows with the number of the line each starts on; what is not quoted right or has a cell too many is a reject."""

    def __init__(
        self, reader: "_csv.Reader", text: _Text | _Blocks, width: int, where: str, has_last_newline: bool
    ) -> None:
        self._reader = reader
        self._text = text
        self._width = width
        self._where = where
        self._has_last_newline = has_last_newline
        self._last: Reject | None = None

    def one_by_one(self) -> Iterator[Record]:
        while (record := self._next()) is not None:
            yield from record
        self._check_end()

    def by_blocks(
        self, blocks: _Blocks, plain: Plain, pick: Callable[[Cells], Cells] | None
    ) -> Iterator[Lines | Record]:
        """The same records with the cells wanted, blocks of plain lines at once."""
        while True:
            if blocks.is_at_block:
                block = blocks.block()
                lines = plain(block, blocks.number + 1)
                if lines is not None:
                    blocks.number += lines.count
                    self._last = None
                    yield lines
                    continue
                blocks.give(block)
            record = self._next()
            if record is None:
                break
            for each in record:
                yield (each[0], pick(each[1])) if pick and isinstance(each, tuple) else each
        self._check_end()

    def _next(self) -> Sequence[Record] | None:
        """The next record or reject, or neither where a line is empty; None at the end."""
        start = self._text.number + 1
        try:
            row = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                raise _cut(self._where, start) from error
            self._last = Reject(start, "quotes", "The quotes in this line do not match.")
            return (self._last,)
        self._last = None
        if len(row) == self._width:
            return ((start, row),)
        if not row:
            return ()
        message = f"There are {len(row)} cells in this line instead of {self._width}."
        self._last = Reject(start, "cells", message, tuple(row))
        return (self._last,)

    def _check_end(self) -> None:
        """A last line without newline that has too few cells was cut short."""
        if self._last is not None and self._last.code == "cells" and not self._has_last_newline:
            raise _cut(self._where, self._last.position)


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


def _endless(where: str, line: int) -> SourceMalformed:
    return SourceMalformed(
        f"Line {line} of {where} has more than {MAX_LINE >> 20} MiB and no end.",
        code="source-too-large",
        hint="Nothing was loaded. Check that it is delimited text, with an end to each line.",
    )


def _cut(where: str, line: int) -> SourceMalformed:
    return SourceMalformed(
        f"{where} ends within the record that starts on line {line}.",
        code="source-truncated",
        hint="The file was cut short, or a quote is missing. Nothing was loaded.",
    )


def written(cells: Iterable[str | None]) -> str:
    """One record (RFC 4180) without its line's end; an empty text is two quotes, none is nothing."""
    return ",".join(map(_written, cells))


def _written(text: str | None) -> str:
    if text is None:
        return ""
    is_plain = text and not any(character in text for character in ',"\r\n')
    return text if is_plain else '"' + text.replace('"', '""') + '"'
