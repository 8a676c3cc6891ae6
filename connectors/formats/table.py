"""The shape every file format is read into, and what may be said about how to read it."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final

from connectors.batches import Lines, Record

BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Options:
    """How to read one file; empty strings leave the choice to the format. ``where`` names the file in errors.

    ``name`` is the file's own, whose end says what it is; ``format`` says so where that does not, and ``member`` which
    files of an archive are meant. Text is looked at about ``block`` bytes at a time.
    """

    where: str
    name: str = ""
    format: str = ""
    member: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str | int = ""
    records: str = ""
    wanted: tuple[str, ...] = ()
    block: int = BLOCK


@dataclass(frozen=True, slots=True)
class Table:
    """An open file: its header, and its records with one cell per column, read as they are asked for.

    Where a format can give many records at once as COPY text, ``lines`` makes it: from then on ``records`` holds those
    between, with all their cells. It takes the places of the columns wanted and the texts that mean no value.
    Where it knows types, ``fields`` are those of the hub for each column, and ``types`` those of PostgreSQL that write
    each cell as it comes (see ``Batch.types``), or empty. ``named`` (see ``Batch``) has what the first records
    name, and grows while others are read; ``is_ended`` says whether the last line has an end. None where there is
    nothing to tell.
    """

    header: tuple[str, ...]
    records: Iterator[Record]
    lines: "Callable[[Sequence[int], Iterable[str]], Iterator[Lines | Record]] | None" = None
    fields: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    named: Set[str] | None = None
    is_ended: bool | None = None
