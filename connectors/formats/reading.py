"""Turns one open file into batches, or a description: all that looks into a file's content, and nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath
from typing import BinaryIO

from connectors import infer
from connectors.base import Batch, Found
from connectors.batches import BATCH_BYTES, Lines, Record, batches, picker
from connectors.columns import field_names, picks
from connectors.formats.opening import tables
from connectors.formats.packed import Scratch, spooled
from connectors.formats.table import Options, Table


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of one file, as plain data.

    ``columns`` are the fields wanted, all that there are where empty; ``missing`` the texts that mean no value, None
    where those are to be proposed; ``ignored`` columns are not offered. Where it is one of many, what is said of its
    records names it by ``path``. ``is_zoned`` says that times without a zone are in another than UTC, ``most`` how
    many rows a batch may hold, ``size`` about how many bytes; the first ``passed`` records are left out.
    """

    options: Options
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = ()
    ignored: tuple[str, ...] = ()
    path: str = ""
    is_one_of_many: bool = False
    is_zoned: bool = False
    most: int = 0
    size: int = BATCH_BYTES
    passed: int = 0


def read(file: BinaryIO, task: Task, scratch: Scratch = spooled) -> Iterator[Batch]:
    """The rows of all tables in the file, at least one batch for each; raises ``SourceError``."""
    behind = _Behind(task.passed)
    missing = task.missing or ()
    for name, table in tables(file, task.options, scratch):
        columns = task.columns or field_names(table.header)
        known = table.fields or [""] * len(table.header)
        names = zip(table.header, field_names(table.header), known, strict=True)
        unnamed = () if table.named is None else {*task.columns} - table.named
        had = {name: type_ for cell, name, type_ in names if cell not in task.ignored and cell not in unnamed}
        records = behind.rest(_picked(table, task.columns, task.options.where, missing))
        types = () if task.is_one_of_many else _vouched(table, columns, task.is_zoned)
        unended = None if table.is_ended is None else "" if table.is_ended else task.options.where
        for batch in batches(columns, records, missing, task.most, task.size):
            rejects = batch.rejects
            if task.is_one_of_many:
                which = _which(task.path, name)
                rejects = tuple(replace(one, message=f"{which}: {one.message}") for one in rejects)
            named = None if table.named is None else frozenset(table.named)
            yield replace(batch, offered=had, rejects=rejects, types=types, named=named, unended=unended)


def describe(file: BinaryIO, task: Task, scratch: Scratch = spooled) -> Found:
    """The columns of the file's first table and a few rows; ``select`` says what texts mean no value, if any do."""
    with closing(tables(file, task.options, scratch)) as found:
        _, table = next(found)
        rows = [record[1] for record in islice(table.records, infer.SAMPLE) if isinstance(record, tuple)]
    missing = infer.missing_words(rows) if task.missing is None else task.missing
    columns = infer.columns(table.header, rows, missing)
    if table.fields:
        columns = tuple(replace(column, type=type_) for column, type_ in zip(columns, table.fields, strict=True))
    select = {"missing": list(missing)} if missing else {}
    return Found(task.options.name, select, columns, samples=infer.samples(rows))


class _Behind:
    """Leaves out the first records of a file, over all its tables."""

    def __init__(self, passed: int) -> None:
        self._left = passed

    def rest(self, records: Iterator[Lines | Record]) -> Iterator[Lines | Record]:
        """The records of the file's next table behind those that were read before."""
        return self._behind(records) if self._left else records

    def _behind(self, records: Iterator[Lines | Record]) -> Iterator[Lines | Record]:
        for record in records:
            count = record.count if isinstance(record, Lines) else 1
            if isinstance(record, Lines) and 0 < self._left < count:
                _, record = record.cut(self._left)
            elif self._left >= count:
                self._left -= count
                continue
            self._left = 0
            yield record


def _picked(table: Table, wanted: tuple[str, ...], where: str, missing: Iterable[str]) -> Iterator[Lines | Record]:
    places = picks(wanted or table.header, table.header, where)
    if table.lines is not None:
        return table.lines(places, missing)
    pick = picker(places, len(table.header))
    if pick is None:
        return table.records
    return ((record[0], pick(record[1])) if isinstance(record, tuple) else record for record in table.records)


def _vouched(table: Table, columns: tuple[str, ...], is_zoned: bool) -> tuple[str, ...]:
    """The types of the columns wanted, where the format knows them; a time without zone may be in the stream's."""
    if not table.types:
        return ()
    types = [table.types[place] for place in picks(columns, table.header, "")]
    return tuple("" if type_ == "timestamp" and is_zoned else type_ for type_ in types)


def _which(path: str, name: str) -> str:
    return path if PurePosixPath(path).name.startswith(name) else f"{path}/{name}"
