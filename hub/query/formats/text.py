"""Lines, which come from PostgreSQL nearly as they are to be."""

from collections.abc import Iterable, Sequence
from typing import IO

from hub.query.formats.base import Column


def csv_head(names: Iterable[str]) -> bytes:
    """The line of names."""
    return ",".join(names).encode() + b"\r\n"


def csv_lines(rows: Sequence[bytes]) -> bytes:
    r"""Rows as RFC 4180 has them; PostgreSQL ends them with ``\n`` and the standard with ``\r\n``."""
    lines = b"".join(rows)
    may_break = b'"' in lines  # a cell in quotes may hold line ends of its own
    return b"".join([row[:-1] + b"\r\n" for row in rows]) if may_break else lines.replace(b"\n", b"\r\n")


def ndjson_lines(rows: Sequence[bytes]) -> bytes:
    """One JSON object a line. COPY doubles backslashes and escapes nothing else that JSON leaves in a text."""
    return b"".join(rows).replace(b"\\\\", b"\\")


class CsvWriter:
    """A line of names, then the rows."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._out = out
        out.write(csv_head(column.name for column in columns))

    def add(self, rows: Sequence[bytes]) -> None:
        self._out.write(csv_lines(rows))

    def close(self) -> None:
        pass


class NdjsonWriter:
    """The rows alone."""

    def __init__(self, columns: Sequence[Column], out: IO[bytes]) -> None:
        self._out = out

    def add(self, rows: Sequence[bytes]) -> None:
        self._out.write(ndjson_lines(rows))

    def close(self) -> None:
        pass
