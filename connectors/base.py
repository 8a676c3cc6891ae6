"""The contract between the hub and a kind of source: plain data, no Django."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

JsonSchema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column a source offers, as the field it would become.

    ``title`` is the source's own spelling where that is no field name; ``hint`` is a word on personal data found in
    name or sample, such as ``phone``, and ``ground`` what it was found by; both are empty without a finding.
    """

    name: str
    type: str
    required: bool = False
    hint: str = ""
    title: str = ""
    ground: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A table or file that ``discover`` came across; ``select`` is what a stream would say to read it."""

    name: str
    select: Mapping[str, Any]
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    samples: tuple[tuple[str | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is no row at all (too many cells, not decodable): its place in the source, and why.

    ``cells`` are its texts as they came, one text alone where it falls into no cells; empty where they cannot be told.
    """

    position: int
    code: str
    message: str
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows on their way in.

    ``copy`` holds ``count`` lines in PostgreSQL's COPY text format (tab between cells, ``\\N`` for missing), cells in
    the order of ``columns``. When ``positioned``, each line starts with one more cell: the record's place in the
    source (line number of a file, counted from 1).

    ``types`` are names of PostgreSQL's types, one for each column: every cell is a text that PostgreSQL itself has
    written of a value of it, in ISO style and UTC. Empty where nothing is known of the cells; the same in all batches.
    ``offered`` are all columns that the source has now, wanted or not, by the names of fields that they would become,
    each with its type where the source knows types; told in the first batch.
    ``named`` are those of the columns that some record up to here has a name for, where records leave out what has no
    value; None where all have the same columns. ``unended`` is the text file of these rows, where its last line has no
    end; empty where it has one, None where nothing is known of that.
    ``state`` is what to hand in next time, once this batch and all before it are published; the last one counts.
    ``checkpoint``, plain JSON, says that after this batch reading can go on from here, by ``Extract.resume``.
    """

    columns: tuple[str, ...]
    copy: bytes
    count: int
    positioned: bool = False
    rejects: tuple[Reject, ...] = ()
    types: tuple[str, ...] = ()
    offered: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] | None = None
    unended: str | None = None
    state: Mapping[str, Any] | None = None
    checkpoint: Mapping[str, Any] | None = None


class CannotResume(Exception):
    """The source is not as it was at the checkpoint, or does not know it any more: read it from its beginning."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What a stream asks of its source: ``select`` as configured, and for an incremental read ``cursor`` and ``since``.

    ``columns`` are the names of the dataset's fields, which the source must offer; empty when they are to be
    discovered. ``since`` is the text of the greatest cursor value loaded, or None for everything. ``state`` is the last
    one that the kind itself gave with a batch that was published, as JSON; empty to begin with, None where everything
    is to be read and no state is kept. A batch is to hold ``most`` rows at most; 0 leaves it at about a megabyte.
    ``resume`` is the checkpoint of a batch of the same extract, behind which reading goes on as if it had never ended;
    ``read`` raises ``CannotResume`` where that is not sure.
    """

    select: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    cursor: str | None = None
    since: str | None = None
    state: Mapping[str, Any] | None = None
    most: int = 0
    resume: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a source may reach, and how much it is asked for.

    Hosts beside its own, loopback; rows per second of a run (0: no limit), runs at once, seconds that a run may take,
    and the hours in which it is read (none: all).
    """

    allow_hosts: tuple[str, ...] = field(default=())
    allow_loopback: bool = False
    max_rows_per_second: int = 0
    max_concurrent_runs: int = 2
    max_run_seconds: int = 4 * 3600
    windows: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Limits":
        """The limits among a source's configuration."""
        return cls(
            allow_hosts=tuple(config.get("allow_hosts", ())),
            allow_loopback=bool(config.get("allow_loopback", False)),
            max_rows_per_second=int(config.get("max_rows_per_second", 0)),
            max_concurrent_runs=int(config.get("max_concurrent_runs", 2)),
            max_run_seconds=int(config.get("max_run_seconds", 4 * 3600)),
            windows=tuple(config.get("windows", ())),
        )


LIMITS_SCHEMA: JsonSchema = {
    "allow_hosts": {
        "description": "Names, addresses and networks this source may reach beyond its own host.",
        "type": "array",
        "items": {"type": "string", "minLength": 1},
    },
    "allow_loopback": {
        "description": "Whether the source may be on the hub's own machine.",
        "type": "boolean",
        "default": False,
    },
    "max_rows_per_second": {
        "description": "The most rows that a run takes per second, to spare the source; 0 for no limit.",
        "type": "integer",
        "minimum": 0,
        "default": 0,
    },
    "max_concurrent_runs": {
        "description": "How many runs may read the source at once; while it fails, one.",
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 2,
    },
    "max_run_seconds": {
        "description": "How long a run may take before it is ended; nothing is changed then.",
        "type": "integer",
        "minimum": 1,
        "maximum": 7 * 24 * 3600,
        "default": 4 * 3600,
    },
    "windows": {
        "description": "The hours in which the source is read, such as 22:00-06:00 Asia/Shanghai; UTC without a zone.",
        "type": "array",
        "items": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]( [A-Za-z_+/0-9-]+)?$"},
    },
}


class Connector(ABC):
    """One kind of source. A subclass declares its configuration and reads; it knows nothing of policies or storage."""

    kind: ClassVar[str]
    title: ClassVar[str]
    config_schema: ClassVar[JsonSchema]
    secrets_schema: ClassVar[JsonSchema]
    select_schema: ClassVar[JsonSchema]

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.config = config
        self.secrets = secrets

    @abstractmethod
    def test(self) -> None:
        """Reach the source and sign in; raises a ``SourceError`` that says what failed."""

    @abstractmethod
    def discover(self) -> Iterator[Found]:
        """The tables or files this source offers, with inferred fields and a few sample rows."""

    @abstractmethod
    def describe(self, select: Mapping[str, Any]) -> Found:
        """What ``select`` would read: its columns with the types that fit them, and a few sample rows."""

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        """Whether ``read`` heeds ``since``; a kind that cannot gives everything each time."""
        return False

    @abstractmethod
    def read(self, extract: Extract) -> Iterator[Batch]:
        """The rows asked for, in batches of bounded memory; raises ``SourceError``. Closing the iterator lets go."""

    def stop(self) -> None:  # noqa: B027 what waits for nothing of its own has nothing to end
        """End at once what ``read`` is waiting for, from another thread; it raises, or ends with its next batch."""


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_cell(value: str | None) -> str:
    """One cell in COPY text format."""
    return "\\N" if value is None else value.translate(_ESCAPES)


def copy_lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    """Rows of text cells as COPY text format, UTF-8."""
    return "".join("\t".join(map(copy_cell, row)) + "\n" for row in rows).encode()
