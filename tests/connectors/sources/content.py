"""What a source holds at one moment, and what is common to sources that hold what they are told."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

Row = tuple[str | None, ...]
THINGS: Mapping[str, str] = {"id": "text", "name": "text", "at": "time"}
"""Columns by their names, each of texts or of times; ids are texts, as one of them is broken now and then."""


@dataclass(frozen=True)
class Content:
    """Rows in the order of ``columns``; a time is written as 2020-01-01T00:00:00Z."""

    rows: tuple[Row, ...]
    columns: Mapping[str, str] = field(default_factory=lambda: THINGS)

    @classmethod
    def of_csv(cls, text: str) -> "Content":
        return cls(tuple(tuple(line.split(",")) for line in text.splitlines()[1:]))

    def records(self) -> list[dict[str, str | None]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Peer(ABC):
    """Somebody else's source of one kind, with one table or file in it, that is changed as it is told.

    ``while_read`` says what a run gives of a source that changes meanwhile: all as it was when it began, or the word
    that it has changed, or each page as it is by then.
    """

    kind: ClassVar[str]
    is_incremental: ClassVar[bool] = False
    cut_as: ClassVar[frozenset[str]] = frozenset({"source-down", "source-truncated"})
    """The codes by which a run tells that the source ended in the middle."""
    while_read: ClassVar[Literal["as it was", "told", "by page"]] = "as it was"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.config: dict[str, Any] = {"allow_loopback": True}
        self.secrets: dict[str, str] = {}
        self.select: dict[str, Any] = {}

    @abstractmethod
    def put(self, content: Content) -> None:
        """From now on the source holds this, and nothing else."""

    @abstractmethod
    def cut(self) -> None:
        """The next read ends in its middle; what is put afterwards can be read again."""
