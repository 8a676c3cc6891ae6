"""Holds what a source has now against what its stream had the last time: columns, and the ends of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from connectors.base import Batch, Extract
from connectors.models import Run
from connectors.runs.drift import Columns, Drift, Retyped, after
from connectors.runs.holding import Bounds
from hub.accounts.caller import HUB
from hub.catalog.commands import set_fields
from hub.errors import SourceLacks


@dataclass
class Meeting:
    """What one attempt of ``run`` has met: ``columns`` from now on, and the fields that the source ``lacks``.

    ``retyped`` are columns whose type is another one than the last time. Of records that leave out what has no value,
    ``offered`` are the columns that the first ones have, None where all have the same, and ``named`` the fields that
    one of them had; ``ends`` are the text files whose last line has no end, an empty text for those where it has one.
    """

    run: Run
    bounds: Bounds
    columns: Columns | None = None
    lacks: frozenset[str] = frozenset()
    retyped: Retyped = ()
    offered: Mapping[str, str] | None = field(default=None, init=False)
    has_rows: bool = field(default=False, init=False)
    named: frozenset[str] = field(default=frozenset(), init=False)
    ends: frozenset[str] = field(default=frozenset(), init=False)

    def forget(self) -> None:
        """Reading begins anew."""
        self.offered, self.has_rows = None, False
        self.named = self.ends = frozenset()

    def kept(self) -> dict[str, Any]:
        """What the next attempt is to know of the records that it does not read again, as JSON.

        No more than names of columns and of files, however many records there are.
        """
        return {
            "columns": self.columns,
            "retyped": self.retyped,
            "offered": self.offered,
            "has_rows": self.has_rows,
            "named": sorted(self.named),
            "ends": sorted(self.ends),
        }

    def go_on_from(self, kept: Mapping[str, Any]) -> None:
        """With what an earlier attempt has ``kept`` of what it met."""
        if kept["columns"] is not None:
            self.columns = kept["columns"]
        self.retyped = tuple((name, was, is_now) for name, was, is_now in kept["retyped"])
        self.offered, self.has_rows = kept["offered"], kept["has_rows"]
        self.named, self.ends = frozenset(kept["named"]), frozenset(kept["ends"])

    def note(self, batch: Batch) -> None:
        """What a batch tells of all that came up to its end."""
        self.has_rows |= bool(batch.count)
        self.named |= batch.named or frozenset()
        self.ends |= frozenset() if batch.unended is None else {batch.unended}

    def first(self, batch: Batch) -> bool:
        """Meet what the first batch tells; whether the dataset has new fields now.

        Where later records may yet have what the first ones lack it waits: who decides is to see all changes at once.
        """
        if batch.named is None:
            return self.meet(batch.offered)
        self.offered = batch.offered
        is_early = bool(self._lost(batch.named)) and not self.bounds.lets_columns_change
        return not is_early and self.meet(self._news(batch.offered))

    def last(self, extract: Extract) -> bool:
        """Meet what records are known to have once all are read: what a load of everything never names is gone.

        Of a part, as since the last time, and where records that are gone need no more than their key, that is said
        only if something else has come.
        """
        if self._is_retry or self.offered is None:
            return False
        offered, news = self.offered, self._news(self.offered)
        lost = self._lost(self.named) if self.has_rows else []
        mark = self.run.stream.deleted.get("column")
        is_part = extract.since is not None or bool(extract.state) or mark is not None
        if is_part and not set(Drift.of(self._seen or news, news).added) - {mark}:
            lost = []
        is_news = (self.columns is None or bool(lost)) and self.meet(news, _unnamed(lost, offered) if lost else None)
        late = [name for name in self.named if self._seen.get(name) is None]
        self.columns = {**self._seen, **dict.fromkeys(late, "")}
        return is_news

    def meet(self, offered: Mapping[str, str], lacking: SourceLacks | None = None) -> bool:
        """Hold the source's columns against those of the last time; whether the dataset has new fields now.

        Raises ``Held``, ``Broken``, or what the source lacks where that never was there or is needed.
        """
        if self._is_retry:  # records of the dataset's own form, which no source stands behind
            return False
        stream, seen = self.run.stream, self._seen
        absent = lacking.absent if lacking is not None else ()
        needed = stream.dataset.fields.filter(name__in=absent).filter(
            Q(is_required=True) | Q(name__in=stream.dataset.primary_key)
        )
        is_needed = stream.deleted.get("column") in absent or needed.exists()
        if lacking is not None and (is_needed or any(name not in seen for name in absent)):
            raise lacking
        drift = Drift.of(seen or offered, offered, absent)
        self.bounds.check_columns(drift)
        self.retyped = drift.retyped
        self.columns = after(seen, offered, drift)
        self.lacks |= frozenset(absent)
        if drift.added:
            fields = [{"name": name, "type": offered[name] or "string"} for name in drift.added]
            known = set(stream.dataset.fields.values_list("name", flat=True))
            set_fields(actor=HUB, dataset=stream.dataset, fields=[one for one in fields if one["name"] not in known])
            stream.dataset.refresh_from_db()
        return bool(drift.added)

    def check_ends(self) -> None:
        """Raises ``Held`` where a file's last line has no end, and those of all files before had one."""
        if self.run.stream.ends_lines:
            self.bounds.check_ends(sorted(self.ends - {""}))

    @property
    def ends_lines(self) -> bool | None:
        """Whether all files up to now have an end to their last line; None where this run has told nothing of it."""
        return (self.ends == {""} and self.run.stream.ends_lines is not False) if self.ends else None

    @property
    def _seen(self) -> Columns:
        return self.columns if self.columns is not None else self.run.stream.columns

    @property
    def _is_retry(self) -> bool:
        upload = getattr(self.run, "upload", None)
        return upload is not None and upload.retries is not None

    def _news(self, offered: Mapping[str, str]) -> dict[str, str]:
        """Without fields of the dataset that no record has had yet: that one has at last is nothing to decide on."""
        seen = self._seen
        awaited = {name for name in self._names() if name not in seen} if seen else set()
        return {name: type_ for name, type_ in offered.items() if name not in awaited}

    def _names(self) -> list[str]:
        return list(self.run.stream.dataset.fields.values_list("name", flat=True))

    def _lost(self, named: frozenset[str]) -> list[str]:
        """The fields that the stream had and no record has named; a mark of what is deleted may well be in none."""
        had = [name for name in self._names() if self._seen.get(name) is not None]
        aside = {self.run.stream.deleted.get("column"), *self.lacks, *named}
        return [name for name in had if name not in aside]


def _unnamed(lost: Sequence[str], offered: Mapping[str, str]) -> SourceLacks:
    return SourceLacks(
        f"No record has {', '.join(map(repr, lost))}.",
        absent=lost,
        offered=tuple(offered),
        hint=f"They have: {', '.join(offered)}. Correct the dataset's fields, or have the source name them so again.",
    )
