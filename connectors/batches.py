"""Turns records of text cells into batches of COPY text, with as little work per cell as can be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final

from connectors.base import Batch, Reject

# Among cells this stands for a missing value; it holds NUL, as no text in PostgreSQL can.
MISSING: Final = "\0missing\0"
BATCH_BYTES: Final = 1 << 20
BATCH_REJECTS: Final = 1000
_NULS: Final = MISSING.count("\0")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

Cells = Sequence[str]
Record = tuple[int, Cells] | Reject


def batches(columns: tuple[str, ...], records: Iterable[Record], missing: Iterable[str] = ()) -> Iterator[Batch]:
    """Batches of about a megabyte; ``missing`` are the texts that mean no value. At least one batch, perhaps empty."""
    absent = dict.fromkeys(missing, MISSING)
    get = absent.get
    separators = len(columns) - 1
    lines: list[str] = []
    rejects: list[Reject] = []
    size, is_first = 0, True
    for record in records:
        if isinstance(record, Reject):
            rejects.append(record)
        else:
            position, cells = record
            if absent:
                cells = [get(cell, cell) for cell in cells]
            line = "\t".join(cells)
            if line.count("\t") != separators or "\\" in line or "\n" in line or "\r" in line:
                line = "\t".join([cell.translate(_ESCAPES) for cell in cells])
            if "\0" in line:
                if line.count("\0") != _NULS * cells.count(MISSING):
                    rejects.append(Reject(position, "nul", "A value holds the character NUL, which cannot be stored."))
                    continue
                line = line.replace(MISSING, "\\N")
            lines.append(f"{position}\t{line}\n")
            size += len(line)
        if size >= BATCH_BYTES or len(rejects) >= BATCH_REJECTS:
            yield _batch(columns, lines, rejects)
            lines, rejects, size, is_first = [], [], 0, False
    if lines or rejects or is_first:
        yield _batch(columns, lines, rejects)


def picker(places: Sequence[int], width: int) -> Callable[[Cells], Cells] | None:
    """A function that takes the cells at ``places`` out of ``width``; None where that is all of them in order."""
    if list(places) == list(range(width)):
        return None
    if len(places) == 1:
        return lambda cells: (cells[places[0]],)
    return itemgetter(*places)


def _batch(columns: tuple[str, ...], lines: list[str], rejects: list[Reject]) -> Batch:
    return Batch(columns, "".join(lines).encode(), len(lines), positioned=True, rejects=tuple(rejects))
