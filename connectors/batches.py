"""Turns records of text cells into batches of COPY text, with as little work per cell as can be."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from connectors.base import Batch, Reject

# Among cells this stands for a missing value; it holds NUL, as no text in PostgreSQL can.
MISSING: Final = "\0missing\0"
BATCH_BYTES: Final = 1 << 20
BATCH_REJECTS: Final = 1000
WAITS_SECONDS = 5.0
_NULS: Final = MISSING.count("\0")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NUL: Final = "nul", "A value holds the character NUL, which cannot be stored."
_HALF: Final = "surrogate", "A value holds half of a character (a lone surrogate), as of a text that was cut."

Cells = Sequence[str]
Record = tuple[int, Cells] | Reject


@dataclass(frozen=True, slots=True)
class Lines:
    """Records that are COPY text already, each after its place: ``count`` whole lines."""

    copy: bytes
    count: int

    def cut(self, rows: int) -> "tuple[Lines, Lines]":
        """The first ``rows`` lines, and the others; there are more than so many."""
        rest = self.copy.split(b"\n", rows)[rows]
        return Lines(self.copy[: len(self.copy) - len(rest)], rows), Lines(rest, self.count - rows)


@dataclass(frozen=True, slots=True)
class Mark:
    """Among records, a place from which reading can go on by ``checkpoint``."""

    checkpoint: Mapping[str, Any]


def batches(
    columns: tuple[str, ...],
    records: Iterable[Record | Lines | Mark],
    missing: Iterable[str] = (),
    most: int = 0,
    size: int = 0,
) -> Iterator[Batch]:
    """Batches of about ``size`` bytes (a megabyte), and of ``most`` rows at most; at least one batch, perhaps empty.

    ``missing`` are the texts that mean no value. A batch ends at a mark where it is half full, or a while has passed.
    """
    absent = dict.fromkeys(missing, MISSING)
    size = size or BATCH_BYTES
    waiting = _Waiting(columns)
    for record in _by_the_most(records, most) if most else records:
        if isinstance(record, Lines):
            waiting.add(record)
        elif isinstance(record, Mark):
            if waiting.is_due:
                yield waiting.taken(record.checkpoint)
            continue
        elif isinstance(record, Reject):
            waiting.reject(record)
        else:
            position, cells = record
            if absent and not absent.keys().isdisjoint(cells):
                cells = [absent.get(cell, cell) for cell in cells]
            line = _line(cells)
            if line is None:
                waiting.reject(Reject(position, *_NUL, tuple(cells)))
                continue
            waiting.lines.append(f"{position}\t{line}\n")
            waiting.size += len(line)
        if waiting.size >= size or len(waiting.rejects) >= BATCH_REJECTS or 0 < most <= waiting.rows:
            yield waiting.taken()
    if not waiting.is_empty or not waiting.batches:
        yield waiting.taken()


def _by_the_most(records: Iterable[Record | Lines | Mark], most: int) -> Iterator[Record | Lines | Mark]:
    """The same records, lines cut so that ``most`` rows end where some of them end."""
    done = 0
    for record in records:
        while isinstance(record, Lines) and record.count > most - done % most:
            first, record = record.cut(most - done % most)
            yield first
            done += first.count
        yield record
        done += record.count if isinstance(record, Lines) else not isinstance(record, Mark)


class _Waiting:
    """What the next batch will hold."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.batches = 0
        self._clear()

    def _clear(self) -> None:
        self.lines: list[str] = []
        self.rejects: list[Reject] = []
        self.size = self._count = 0
        self._since = time.monotonic()
        self._chunks: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        return not (self.lines or self.rejects or self._chunks)

    @property
    def is_due(self) -> bool:
        """Whether it is worth a batch."""
        return self.size >= BATCH_BYTES // 2 or time.monotonic() - self._since >= WAITS_SECONDS

    @property
    def rows(self) -> int:
        """How many records it holds, rejects among them."""
        return self._count + len(self.lines) + len(self.rejects)

    def add(self, lines: Lines) -> None:
        self._encode()
        self._chunks.append(lines.copy)
        self._count += lines.count
        self.size += len(lines.copy)

    def reject(self, reject: Reject) -> None:
        self.rejects.append(reject)
        self.size += sum(map(len, reject.cells))

    def taken(self, checkpoint: Mapping[str, Any] | None = None) -> Batch:
        self._encode()
        copy, rejects = b"".join(self._chunks), tuple(self.rejects)
        batch = Batch(self.columns, copy, self._count, positioned=True, rejects=rejects, checkpoint=checkpoint)
        self.batches += 1
        self._clear()
        return batch

    def _encode(self) -> None:
        try:
            self._chunks.append("".join(self.lines).encode())
        except UnicodeEncodeError:  # JSON can write half of a character, which is none
            self.lines = [line for line in self.lines if self._is_whole(line)]
            self._chunks.append("".join(self.lines).encode())
        self._count += len(self.lines)
        self.lines = []

    def _is_whole(self, line: str) -> bool:
        """Whether it can be encoded; one that cannot is a reject from now on."""
        try:
            line.encode()
            return True
        except UnicodeEncodeError:
            position, *texts = line.encode(errors="replace").decode().rstrip("\n").split("\t")
            cells = (MISSING if text == "\\N" else text for text in texts)
            self.rejects.append(Reject(int(position), *_HALF, tuple(cells)))
            return False


def _line(cells: Cells) -> str | None:
    """The cells in COPY text format; None where one holds NUL."""
    line = "\t".join(cells)
    if line.count("\t") != len(cells) - 1 or "\\" in line or "\n" in line or "\r" in line:
        line = "\t".join([cell.translate(_ESCAPES) for cell in cells])
    if "\0" in line:
        if line.count("\0") != _NULS * cells.count(MISSING):
            return None
        line = line.replace(MISSING, "\\N")
    return line


def picker(places: Sequence[int], width: int) -> Callable[[Cells], Cells] | None:
    """A function that takes the cells at ``places`` out of ``width``; None where that is all of them in order."""
    if list(places) == list(range(width)):
        return None
    if len(places) == 1:
        return lambda cells: (cells[places[0]],)
    return itemgetter(*places)
