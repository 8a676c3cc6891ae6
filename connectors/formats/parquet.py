"""Reads Parquet files in small batches as COPY text, the bytes counted that come out of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from connectors.base import Reject
from connectors.batches import MISSING, Lines, Record
from connectors.columns import check_header
from connectors.formats.cells import Column, column_of
from connectors.formats.packed import check_size
from connectors.formats.table import Options, Table
from hub.errors import SourceError, SourceMalformed, SourceRefused

# Arrow's own allocator keeps what it has had: a worker would hold half as much again, and be no quicker for it.
pa.set_memory_pool(pa.system_memory_pool())

_ROWS: Final = 8192
_ROWS_DENSE: Final = 64
_SLICE: Final = 8 << 20
"""Bytes of text that are made at once."""
_BUFFER: Final = 1 << 18
_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_SMALL_CHUNK: Final = 1 << 20
_FEW_BYTES: Final = 8
_MANY_BYTES: Final = 256
_USUAL_PACKING: Final = 20
_BY_PREFIX: Final = "DELTA_BYTE_ARRAY"
_DAMAGED: Final = (pa.ArrowException, OSError, EOFError, ValueError)
_QUOTE: Final = "\0"
_ESCAPES: Final[Mapping[str, str]] = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': _QUOTE}
_NOTHING: Final = pa.nulls(1, pa.string())[0]
_COPY_TEXT: Final = csv.WriteOptions(
    include_header=False, delimiter="\t", null_string="\\N", quoting_style="none", batch_size=_ROWS
)


def open_table(file: BinaryIO, options: Options) -> Table:
    """The file's columns as header, its rows as records; raises ``SourceError``."""
    _check_start(file, options.where)
    try:
        source = _opened(file)
    except MemoryError:
        raise
    except _DAMAGED as error:
        raise _damaged(options.where) from error
    columns = [column_of(field, options) for field in source.schema_arrow]
    header = tuple(column.name for column in columns)
    if not header:
        raise SourceMalformed(f"{options.where} has no columns.", code="source-empty", hint="Nothing was loaded.")
    check_header(header, options.where)
    size = file.seek(0, 2)
    check_size(_declared(source.metadata), size, options.where)
    reader = _Reader(source, size, options.where)
    return Table(
        header,
        reader.records(columns),
        lambda places, missing: reader.lines([columns[place] for place in places], tuple(missing)),
        fields=tuple(column.field for column in columns),
        types=tuple(column.type for column in columns),
    )


class _Reader:
    """One file, read from its beginning each time it is asked for."""

    def __init__(self, source: pq.ParquetFile, size: int, where: str) -> None:
        self._source = source
        self._size = size
        self._where = where

    def records(self, columns: Sequence[Column]) -> Iterator[Record]:
        for first, batch in self._batches(columns):
            yield from _one_by_one(columns, batch, first)

    def lines(self, columns: Sequence[Column], missing: Sequence[str]) -> Iterator[Lines | Record]:
        for first, batch in self._batches(columns):
            copied = _copied(columns, batch, first, missing)
            if copied is None:
                yield from _one_by_one(columns, batch, first)
            else:
                yield Lines(copied, batch.num_rows)

    def _batches(self, columns: Sequence[Column]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Rows that come to a few megabytes of text, with the number of the first; raises where they are too many."""
        names, rows = [column.name for column in columns], self._rows_at_once(columns)
        first, decoded = 1, 0
        try:
            for batch in self._source.iter_batches(batch_size=rows, columns=names, use_threads=False):
                weight = sum(map(_weight, batch.columns))
                decoded += weight
                check_size(decoded, self._size, self._where)
                step = max(1, batch.num_rows * _SLICE // max(weight, _SLICE))
                for start in range(0, batch.num_rows, step):
                    yield first + start, batch.slice(start, step)
                first += batch.num_rows
        except (SourceError, MemoryError):  # the latter is one of Arrow's own, too
            raise
        except _DAMAGED as error:
            raise _damaged(self._where) from error

    def _rows_at_once(self, columns: Sequence[Column]) -> int:
        """Few where a row is long, or where what is written once may be meant for many rows."""
        about = self._source.metadata
        if any(column.is_nested for column in columns) or any(_BY_PREFIX in one.encodings for one in _chunks(about)):
            return _ROWS_DENSE
        groups = map(about.row_group, range(about.num_row_groups))
        longest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
        return min(_ROWS, max(1, _SLICE // max(1, longest)))


def _opened(file: BinaryIO) -> pq.ParquetFile:
    """With columns of a few texts kept as these and numbers for them: written out they may come to any size."""
    source = pq.ParquetFile(file, buffer_size=_BUFFER)
    texts = {field.name for field in source.schema_arrow if _is_text(field.type)}
    shared = {chunk.path_in_schema for chunk in _chunks(source.metadata) if _is_shared(chunk)}
    return pq.ParquetFile(file, metadata=source.metadata, buffer_size=_BUFFER, read_dictionary=sorted(texts & shared))


def _chunks(about: pq.FileMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    for group in range(about.num_row_groups):
        chunks = about.row_group(group)
        yield from map(chunks.column, range(chunks.num_columns))


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_binary(type_))


def _is_shared(chunk: pq.ColumnChunkMetaData) -> bool:
    """Whether its texts are to be kept apart from the rows that have them.

    To find equal ones takes long among many short ones that hardly repeat; all others may come to any size.
    """
    size, count = chunk.total_uncompressed_size, max(1, chunk.num_values)
    is_ordinary = size <= _USUAL_PACKING * chunk.total_compressed_size and _FEW_BYTES < size / count < _MANY_BYTES
    return bool(chunk.has_dictionary_page) and not (is_ordinary and size > _SMALL_CHUNK)


def _declared(about: pq.FileMetaData) -> int:
    """How many bytes the file says that it unpacks to, before any is."""
    return sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))


def _weight(array: pa.Array) -> int:
    """The bytes of a column with each text written out."""
    if not pa.types.is_dictionary(array.type):
        return int(array.nbytes)
    lengths = pc.binary_length(array.dictionary)
    return int(pc.sum(lengths.take(array.indices)).as_py() or 0) + int(array.indices.nbytes)


def _copied(columns: Sequence[Column], batch: pa.RecordBatch, first: int, missing: Sequence[str]) -> bytes | None:
    """The rows as COPY text, each after its number; None where a text is none that can be stored."""
    try:
        cells = [_escaped(column, batch.column(column.name), missing) for column in columns]
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    places = pa.arange(first, first + batch.num_rows)
    rows = pa.record_batch([places, *cells], names=[str(number) for number in range(len(cells) + 1)])
    text = pa.BufferOutputStream()
    csv.write_csv(rows, text, _COPY_TEXT)
    copied: bytes = text.getvalue().to_pybytes()
    return copied.replace(_QUOTE.encode(), b'"')


def _escaped(column: Column, array: pa.Array, missing: Sequence[str]) -> pa.Array:
    """The column as texts that hold nothing that means something else in COPY text, none where a text is missing.

    Raises ``ArrowInvalid`` for a text that cannot be stored. Quotes are NUL, which none of these texts can hold, as the
    writer takes no quotes.
    """
    if pa.types.is_dictionary(array.type):
        values, indices = array.dictionary, array.indices
        if len(values) > len(indices):
            return _escaped(column, values.take(indices), missing)
        return _escaped(column, values, missing).take(indices)
    texts = column.text(array)
    for word in missing if column.may_be(missing) else ():
        texts = pc.if_else(pc.equal(texts, word), _NOTHING, texts)
    if not column.is_text:
        return texts
    texts.validate(full=True)
    raw = _content(texts)
    if b"\0" in raw:
        raise pa.ArrowInvalid("NUL")
    for mark, escape in _ESCAPES.items():
        if mark.encode() in raw:
            texts = pc.replace_substring(texts, mark, escape)
    return texts


def _content(texts: pa.Array) -> bytes:
    """All texts of the array without anything between them."""
    _, places, content = texts.buffers()
    if content is None:
        return b""
    at = memoryview(places).cast("B").cast("i")
    start, end = at[texts.offset], at[texts.offset + len(texts)]
    raw: bytes = content.slice(start, end - start).to_pybytes()
    return raw


def _one_by_one(columns: Sequence[Column], batch: pa.RecordBatch, first: int) -> Iterator[Record]:
    cells = [column.cells(batch.column(column.name)) for column in columns]
    for position, row in enumerate(zip(*cells, strict=True), start=first):
        if any(cell is None for cell in row):
            came = tuple("" if cell is None else cell.replace(MISSING, "") for cell in row)
            yield Reject(position, "encoding", "A text of this row is not in its column's encoding.", came)
        else:
            yield position, [cell for cell in row if cell is not None]


def _check_start(file: BinaryIO, where: str) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(4)
    file.seek(max(0, size - 4))
    end = file.read(4)
    if not size:
        raise SourceMalformed(f"{where} is empty.", code="source-empty", hint="Nothing was loaded.")
    if _ENCRYPTED in (start, end):
        raise SourceRefused(f"{where} is encrypted.", code="source-encrypted", hint="Have it written in the clear.")
    if start != _MAGIC:
        raise SourceMalformed(
            f"{where} is not a Parquet file.",
            code="source-not-parquet",
            hint="The address may lead to a sign-in or error page, or the file may be of another format.",
        )
    if end != _MAGIC:
        raise _damaged(where)


def _damaged(where: str) -> SourceError:
    return SourceMalformed(
        f"{where} is cut short or damaged: it does not open as Parquet.",
        code="source-truncated",
        hint="Nothing was loaded. Run again; if it stays so, have it written again.",
    )
