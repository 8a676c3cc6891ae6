"""The shape every file format is read into, and what may be said about how to read it."""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.batches import Record


@dataclass(frozen=True, slots=True)
class Options:
    """How to read one file; empty strings leave the choice to the format. ``where`` names the file in errors."""

    where: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str | int = ""
    records: str = ""
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """An open file: its header, and its records with one cell per column, read as they are asked for."""

    header: tuple[str, ...]
    records: Iterator[Record]
