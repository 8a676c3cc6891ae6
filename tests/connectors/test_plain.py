"""Delimited text by the block gives what it gives one by one: cells, places, rejects, errors."""

import io
import random
from collections.abc import Sequence

import pytest

from connectors.base import Batch
from connectors.batches import Record, batches, picker
from connectors.formats import csv
from connectors.formats.table import Options
from hub.errors import SourceMalformed

Read = tuple[list[bytes], list[tuple[int, str]], str]
MISSING = (["", "NA"], [], ["\\N"], ["a,b", "NA", "\\"])


@pytest.mark.parametrize("seed", range(40))
def test_any_text_reads_alike(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        delimiter = draw.choice(",,;\t")
        width = draw.choice([1, 2, 3])
        missing = draw.choice(MISSING)
        places = draw.choice([tuple(range(width)), tuple(draw.randrange(width) for _ in range(draw.choice([1, 2])))])
        options = Options("x.csv", delimiter=delimiter, block=draw.choice([1, 5, 40, 1000]))
        header = delimiter.join("xyz"[:width])
        body = _lines(draw, width, delimiter) if draw.random() < 0.7 else _noise(draw, delimiter)
        text = (header + draw.choice(["\n", "\r\n"]) + body).encode()

        by_blocks = _read(text, options, places, missing, is_by_blocks=True)

        assert by_blocks == _read(text, options, places, missing, is_by_blocks=False), text


def test_plain_lines_are_taken_by_the_block() -> None:
    text = b'a,b\n1,x\n2,"y, z"\n3,"say ""no"""\n4,\\\n'
    table = csv.open_table(io.BytesIO(text), Options("x.csv"))
    csv_blocks = csv._Blocks(io.BytesIO(text), "utf-8", Options("x.csv"))  # type: ignore[arg-type]

    assert table.lines is not None
    assert csv_blocks.block() == text
    found = csv.plain(b",", 2, (0, 1), [""])(text[4:], 2)
    assert found is not None
    assert found.copy == b'2\t1\tx\n3\t2\ty, z\n4\t3\tsay "no"\n5\t4\t\\\\\n'


def _lines(draw: random.Random, width: int, delimiter: str) -> str:
    """Mostly good lines, some of them ragged, empty or quoted in odd ways."""
    ends = draw.choice([["\n"], ["\r\n"], ["\n", "\r\n", "\r"]])
    cells = ["", "NA", "1", "a b", "值", '"q"', '""', '"a""b"', '""""', "\\N", "\\", f'"{delimiter}"', '"a,b"']
    odd = ['a"b', '"a"b', '"', '"x\ny"', "\t", '"\t"', "\0", '"""', "NA ", '"\r\n"', "\x0b", "\u2028"]
    lines = []
    for _ in range(draw.randrange(12)):
        count = width if draw.random() < 0.95 else draw.randrange(5)
        line = delimiter.join(draw.choice(cells if draw.random() < 0.97 else odd) for _ in range(count))
        lines.append(line + draw.choice(ends))
    return "".join(lines) + draw.choice(["", "", "1", delimiter.join("1" * width)])


def _noise(draw: random.Random, delimiter: str) -> str:
    return "".join(draw.choice(f'ab"{delimiter}{delimiter}\n\n\r\t\\N') for _ in range(draw.randrange(60)))


def _read(text: bytes, options: Options, places: Sequence[int], missing: Sequence[str], *, is_by_blocks: bool) -> Read:
    found: list[Batch] = []
    code = ""
    try:
        table = csv.open_table(io.BytesIO(text), options)
        assert table.lines is not None
        columns = tuple(f"c{number}" for number, _ in enumerate(places))
        pick = picker(places, len(table.header)) or (lambda cells: cells)
        one_by_one = (_picked(record, pick) for record in table.records)
        found.extend(batches(columns, table.lines(places, missing) if is_by_blocks else one_by_one, missing))
    except SourceMalformed as error:
        code = f"{error.code}: {error.message}"
    lines = [line for batch in found for line in batch.copy.split(b"\n")]
    assert sum(batch.count for batch in found) == sum(batch.copy.count(b"\n") for batch in found)
    return lines, [(reject.position, reject.code) for batch in found for reject in batch.rejects], code


def _picked(record: Record, pick: object) -> Record:
    return (record[0], pick(record[1])) if isinstance(record, tuple) else record  # type: ignore[operator]
