"""Files for analysis: Parquet, and Arrow's own."""

from collections.abc import Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as parquet

from hub.query.formats.base import Column
from hub.query.formats.cells import CellReader

_GROUP_BYTES = 2 << 20
"""Bytes of cells from which a group of rows is written: what a reader takes in at once, and the writer holds."""
_PAGES: Any = {"dictionary_pagesize_limit": 1 << 17, "data_page_size": 1 << 18}
"""Each column has pages of its own in memory; smaller ones make no larger files."""


class ParquetWriter:
    """Parquet in groups of rows, compressed by Zstandard."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._reader = CellReader(columns)
        self._writer: Any = parquet.ParquetWriter(
            pa.PythonFile(out, "w"), self._reader.schema, compression="zstd", compression_level=1, **_PAGES
        )
        self._waiting: list[Any] = []

    def add(self, rows: Sequence[bytes]) -> None:
        self._waiting.append(self._reader.read(rows))
        if sum(table.nbytes for table in self._waiting) >= _GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        if self._waiting:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        table = pa.concat_tables(self._waiting)
        self._waiting.clear()
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))


class ArrowWriter:
    """Arrow's file format (Feather 2), compressed by Zstandard."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._reader = CellReader(columns)
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer: Any = pa.ipc.new_file(pa.PythonFile(out, "w"), self._reader.schema, options=options)

    def add(self, rows: Sequence[bytes]) -> None:
        self._writer.write_table(self._reader.read(rows))

    def close(self) -> None:
        self._writer.close()
