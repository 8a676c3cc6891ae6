"""Files of lines, which come from PostgreSQL nearly as they are to be."""

from collections.abc import Sequence
from typing import IO

from hub.query.formats.base import Column


class CsvWriter:
    r"""RFC 4180: a line of names, then the rows; PostgreSQL ends them with ``\n`` and the standard with ``\r\n``."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._out = out
        out.write(",".join(column.name for column in columns).encode() + b"\r\n")

    def add(self, rows: Sequence[bytes]) -> None:
        lines = b"".join(rows)
        may_break = b'"' in lines  # a cell in quotes may hold line ends of its own
        self._out.write(b"".join([row[:-1] + b"\r\n" for row in rows]) if may_break else lines.replace(b"\n", b"\r\n"))

    def close(self) -> None:
        pass


class NdjsonWriter:
    """One JSON object a line. COPY doubles backslashes and escapes nothing else that JSON leaves in a text."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._out = out

    def add(self, rows: Sequence[bytes]) -> None:
        self._out.write(b"".join(rows).replace(b"\\\\", b"\\"))

    def close(self) -> None:
        pass
