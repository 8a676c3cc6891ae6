"""Where lines that come in the order of a cursor can be cut, so that reading can go on behind a value of it."""

from collections.abc import Iterator
from typing import Final

from connectors.copying import Chunk

_NULL: Final = b"\\N"


def by_value(chunks: Iterator[Chunk], place: int | None) -> Iterator[tuple[bytes, int, str | None]]:
    """Lines in order of their cell at ``place``, cut where its value changes, with the value all rows of which are in.

    None where that is not sure yet, as all rows of a chunk have the same value. Without a place, chunks stay whole.
    """
    if place is None:
        yield from ((lines, count, None) for lines, count in chunks)
        return
    rest, held, given = b"", 0, _NULL
    for lines, count in chunks:
        rest, held = rest + lines, held + count
        tail = _last_of_one_value(rest, place)
        if tail:
            given, ties = _cell(rest, place, tail), rest.count(b"\n", tail)
            yield rest[:tail], held - ties, given.decode()
            rest, held = rest[tail:], ties
            continue
        value = _cell(rest, place, len(rest))
        if given not in (value, _NULL):
            yield b"", 0, given.decode()
        yield rest, held, None
        rest, held, given = b"", 0, value
    if rest:
        yield rest, held, None


def _last_of_one_value(lines: bytes, place: int) -> int:
    """Where the last lines begin that have one value, found by halves as they are in order."""
    value = _cell(lines, place, len(lines))
    low, high = 0, lines.rfind(b"\n", 0, -1) + 1
    while low < high:
        middle = (low + high) // 2
        end = lines.index(b"\n", middle) + 1
        if _cell(lines, place, end) == value:
            high = lines.rfind(b"\n", 0, end - 1) + 1
        else:
            low = end
    return low


def _cell(lines: bytes, place: int, end: int) -> bytes:
    """The cell at ``place`` of the line that ends at ``end``."""
    return lines[lines.rfind(b"\n", 0, end - 1) + 1 : end - 1].split(b"\t")[place]
