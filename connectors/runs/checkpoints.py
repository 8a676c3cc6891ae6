"""What is left of a run when its worker is lost: rows staged so far, and where the next attempt goes on."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction

from connectors.base import Batch, CannotResume, Extract
from connectors.models import Checkpoint, Run
from connectors.runs.ending import LeaseLost, Progress
from hub.store.intake import staging
from hub.store.intake.staging import Staging


@dataclass
class Checkpoints:
    """The checkpoints of one run, as one attempt finds and writes them.

    ``done`` is the last stage that is behind it: none, ``extract`` or ``check``; ``resume`` is where reading goes on,
    ``kept`` how many broken records are written down, ``met`` what was seen of the source up to there. What is written
    counts only while the fence holds.
    """

    run: Run
    progress: Progress
    done: str = ""
    resume: Mapping[str, Any] | None = None
    kept: int = 0
    met: Mapping[str, Any] | None = None
    state: Mapping[str, Any] | None = None
    _terms: str = ""
    _last: Mapping[str, Any] | None = field(default=None, init=False)
    _is_at_end: bool = field(default=False, init=False)
    _is_written: bool = field(default=False, init=False)

    def adopt(self, fresh: Staging, extract: Extract, *others: object) -> Staging:
        """The tables of an earlier attempt that can go on, with its progress; else ``fresh``, made anew.

        That is where nothing has changed of what is read, from where and into what: ``fresh``, ``extract``, ``others``.
        """
        row = Checkpoint.objects.filter(run=self.run).first()
        lacks = frozenset(row.state.get("lacks", ())) if row is not None else frozenset()
        if row is not None and row.staging:
            self._terms = _terms(fresh, lacks, extract, others)
            left = _left_by(row, fresh, lacks)
            self._is_written = True
            if row.terms == self._terms and "met" in row.state and staging.take_over(left):
                self._go_on_from(row.state)
                return left
            self.discard(left)
        self._terms = _terms(fresh, fresh.lacks, extract, others)
        staging.create(fresh)
        return fresh

    def _go_on_from(self, state: Mapping[str, Any]) -> None:
        self.progress.rows_read, self.progress.bytes = state["rows_read"], state["bytes"]
        self.progress.rejected = state["rejected"]
        self.done, self.resume, self.kept = state["done"], state["resume"], state["kept"]
        self.met, self.state = state["met"], state["state"]

    def check(self, first: Batch, into: Staging) -> None:
        """Raises ``CannotResume`` where the rows that follow are of another form than those that are staged."""
        if self.resume is not None and (first.positioned, first.types) != (into.is_positioned, into.types):
            raise CannotResume

    def stretches(self, batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
        """The batches, divided where a checkpoint is due and can be had; each part is to be read to its end."""
        self._is_at_end = False
        while not self._is_at_end:
            yield self._stretch(batches)

    def _stretch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        began = time.monotonic()
        for batch in batches:
            yield batch
            self._last = batch.checkpoint
            if self._last is not None and time.monotonic() - began >= settings.HUB_CHECKPOINT_SECONDS:
                return
        self._is_at_end = True

    def save_read(
        self,
        into: Staging,
        met: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        keep_broken: Callable[[], int],
        seconds: float,
    ) -> None:
        """Part of the transaction that brought a stretch in; ``seconds`` is how long this attempt has been reading.

        A load that was short has none. ``keep_broken`` writes broken records down and answers how many.
        """
        is_long = self._is_written or seconds >= settings.HUB_CHECKPOINT_SECONDS
        if self._is_at_end and not is_long:
            return
        self.met, self.state, self.resume = met, state, self._last
        self.kept += keep_broken()
        self.save(into, done="extract" if self._is_at_end else "")

    def save(self, into: Staging, done: str = "") -> None:
        """Write down how far the run is, within the caller's transaction; raises ``LeaseLost`` where it is another's.

        An attempt that got further than all before is the first of the next three.
        """
        mine = Run.objects.select_for_update().filter(pk=self.run.pk, fence=self.run.fence, status=Run.Status.RUNNING)
        if not mine.exists():
            raise LeaseLost
        row = Checkpoint.objects.filter(run=self.run).first() or Checkpoint(run=self.run)
        if self.progress.rows_read > row.furthest:
            row.furthest = self.progress.rows_read
            mine.update(attempts=1)
        self.done = done
        row.staging, row.terms, row.state = into.name, self._terms, self._state(into)
        row.save()
        self._is_written = True

    def save_checked(self, into: Staging) -> None:
        """Part of the transaction that took bad rows out, where what was there before is written down."""
        if self._is_written:
            self.save(into, done="check")

    def _state(self, into: Staging) -> dict[str, Any]:
        return {
            "done": self.done,
            "resume": self.resume,
            "kept": self.kept,
            "met": self.met,
            "state": self.state,
            "lacks": sorted(into.lacks),
            "types": into.types,
            "is_positioned": into.is_positioned,
            "is_direct": into.is_direct,
            "rows_read": self.progress.rows_read,
            "bytes": self.progress.bytes,
            "rejected": self.progress.rejected,
        }

    @transaction.atomic
    def discard(self, into: Staging) -> None:
        """Drop the tables, and the word of them; whoever has lost the run leaves them to who has it."""
        if not Run.objects.select_for_update().filter(pk=self.run.pk, fence=self.run.fence).exists():
            return
        if self._is_written:
            Checkpoint.objects.filter(run=self.run).update(staging="", terms="", state={})
            self._is_written = False
        self.done, self.resume, self.kept, self.met, self.state = "", None, 0, None, None
        staging.drop(into)


def _left_by(row: Checkpoint, fresh: Staging, lacks: frozenset[str]) -> Staging:
    state = row.state
    return Staging(
        row.staging,
        fresh.fields,
        fresh.is_first,
        state["is_direct"],
        tuple(state["types"]),
        state["is_positioned"],
        lacks,
        fresh.mark,
        is_begun=True,
    )


def _terms(into: Staging, lacks: frozenset[str], extract: Extract, others: tuple[object, ...]) -> str:
    fields = [asdict(field) for field in into.fields]
    said = [fields, into.is_first, sorted(lacks), str(into.mark), asdict(extract), others]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
