"""Carries a run out: read the source into staging, check, publish in one transaction, or say what went wrong."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils.timezone import now

from connectors.base import Batch, Connector, Extract
from connectors.lease import Heartbeat, LeaseLost, Progress, claim
from connectors.models import Run, Stream
from connectors.queries import connector_of
from connectors.terms import Terms
from hub.accounts.caller import HUB
from hub.audit.commands import record
from hub.catalog.commands import set_fields
from hub.errors import Conflict, HubError
from hub.store.intake import quarantine, staging
from hub.store.intake.contract import contract_of
from hub.store.intake.load import Outcome, is_first, publish
from hub.store.intake.staging import NotDirect, Staging
from hub.store.tables import drop_generations, ensure_relation

MAX_ATTEMPTS = 3
log = logging.getLogger(__name__)


class Held(HubError):
    """The run would change more than the stream's contract allows: a person has to look."""

    status = 409


def carry_out(run_id: UUID) -> None:
    """Work on the run if it is free; whatever happens, the run says how it ended."""
    run = claim(run_id)
    if run is None:
        return
    work = _Work(run)
    try:
        if run.attempts > MAX_ATTEMPTS:
            raise _poisonous()
        with Heartbeat(run, work.progress) as heartbeat:
            work.heartbeat = heartbeat
            work.carry_out()
    except LeaseLost:
        work.give_up()
    except Held as error:
        work.end(Run.Status.HELD, error)
    except HubError as error:
        work.end(Run.Status.FAILED, error)
    except Exception as error:
        log.exception("run %s of %s failed", run.pk, run.stream.key)
        work.end(Run.Status.FAILED, _internal(error))


@dataclass
class _Work:
    """One attempt of one run."""

    run: Run
    progress: Progress = field(default_factory=Progress)
    heartbeat: Heartbeat | None = None
    timings: dict[str, float] = field(default_factory=dict)
    broken: list[quarantine.Broken] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream: Stream = self.run.stream
        self.dataset = self.stream.dataset
        self.terms = Terms.parse(self.stream.contract)

    def carry_out(self) -> None:
        connector = connector_of(self.stream.source)
        if self.dataset.is_discovered and not self.dataset.fields.exists():
            with self._stage("discover"):
                self._take_fields(connector)
        relation = ensure_relation(self.dataset)
        is_new = is_first(self.dataset, relation, self.stream.mode)  # type: ignore[arg-type]
        into = Staging(f"r{self.run.pk.hex}_{self.run.fence}", contract_of(self.dataset), is_new)
        try:
            self._load(connector, into)
        except NotDirect:
            self.progress.rows_read = self.progress.bytes = self.progress.rejected = 0
            self.broken.clear()
            self._load(connector, replace(into, is_direct=False))
        finally:
            staging.drop(into)

    def _load(self, connector: Connector, into: Staging) -> None:
        staging.create(into)
        with self._stage("extract"):
            self._extract(connector, into)
        with self._stage("check"):
            self.progress.rejected += quarantine.check(into, self.dataset, self.run.pk)
            self._check_rejects()
        with self._stage("publish"):
            outcome = self._publish(into, time.monotonic())
        log.info("%s is at version %s: %s rows", self.dataset.key, outcome.version, outcome.rows)
        drop_generations(self.dataset)

    def _take_fields(self, connector: Connector) -> None:
        """The fields of a dataset that leaves them to its source, from what the source has now."""
        found = connector.describe(self.stream.select)
        if not self.dataset.primary_key and found.primary_key:
            self.dataset.primary_key = list(found.primary_key)
            self.dataset.save(update_fields=["primary_key"])
        fields = [
            {"name": column.name, "type": column.type, "title": column.title, "required": column.required}
            for column in found.columns
        ]
        set_fields(actor=HUB, dataset=self.dataset, fields=fields)
        self.dataset.refresh_from_db()

    def _extract(self, connector: Connector, into: Staging) -> None:
        names = tuple(field.name for field in into.fields)
        is_incremental = bool(self.stream.cursor) and connector.is_incremental(self.stream.select)
        extract = Extract(
            select=self.stream.select,
            columns=names,
            cursor=self.stream.cursor if is_incremental else None,
            since=(self.stream.cursor_value or None) if is_incremental else None,
        )
        quarantine.forget_broken(self.run.pk)
        batches = connector.read(extract)
        try:
            first = next(batches, Batch((), b"", 0))
            chunks = self._counted(chain([first], batches))
            staging.copy_in(into, chunks, positioned=first.positioned, types=first.types)
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                with suppress(ValueError):  # at work on a last batch, after which it lets go by itself
                    close()

    def _counted(self, batches: Iterator[Batch]) -> Iterator[bytes]:
        """The lines of each batch, counted; what was no row goes to the quarantine."""
        for batch in batches:
            assert self.heartbeat is not None
            self.heartbeat.check()
            self.progress.rows_read += batch.count + len(batch.rejects)
            self.progress.bytes += len(batch.copy)
            self.progress.rejected += len(batch.rejects)
            if len(self.broken) < quarantine.MAX_KEPT:
                self.broken += [quarantine.Broken(r.position, r.code, r.message) for r in batch.rejects]
            yield batch.copy

    def _check_rejects(self) -> None:
        assert self.heartbeat is not None
        self.heartbeat.check()
        quarantine.keep_broken(self.dataset, self.run.pk, self.broken)
        rejected, read = self.progress.rejected, self.progress.rows_read
        if rejected > self.terms.max_rejects * read:
            raise Held(
                f"{rejected} of {read} rows break the dataset's contract, more than {self.terms.max_rejects:.1%}.",
                code="too-many-rejects",
                hint="Nothing was changed. Look at the run's rejects: correct the source, the field's contract, or the "
                "stream's max_rejects, and sync again.",
            )

    @transaction.atomic
    def _publish(self, into: Staging, since: float) -> Outcome:
        """Data, change log, version, cursor and counters move together, if the lease still holds at the end."""
        outcome = publish(into, self.dataset, self.stream.mode, self.run.pk)  # type: ignore[arg-type]
        if self.stream.mode == Stream.Mode.REPLACE:
            self._check_shrinkage(outcome)
        rejected = self.progress.rejected + outcome.rejected
        self._advance_cursor(into)
        self.timings["publish"] = time.monotonic() - since
        status = Run.Status.PARTIAL if rejected else Run.Status.SUCCEEDED
        record(
            actor=HUB,
            kind="run.published",
            dataset=self.dataset.key,
            subject=str(self.run.pk),
            version=outcome.version,
            inserted=outcome.inserted,
            updated=outcome.updated,
            deleted=outcome.deleted,
            rejected=rejected,
        )
        self._end(
            status,
            rejected=rejected,
            inserted=outcome.inserted,
            updated=outcome.updated,
            deleted=outcome.deleted,
            unchanged=outcome.unchanged,
            version=outcome.version,
        )
        return outcome

    def _check_shrinkage(self, outcome: Outcome) -> None:
        lost = outcome.before - outcome.rows
        if outcome.before and lost > self.terms.max_shrink * outcome.before:
            raise Held(
                f"The dataset would go from {outcome.before} rows to {outcome.rows}.",
                code="shrinks-too-much",
                hint="Nothing was changed. If the source is right, raise the stream's max_shrink for one run.",
            )

    def _advance_cursor(self, into: Staging) -> None:
        greatest = staging.greatest(into, self.stream.cursor) if self.stream.cursor else None
        if greatest is not None:
            Stream.objects.filter(pk=self.stream.pk).update(cursor_value=greatest)

    def end(self, status: Run.Status, error: HubError) -> None:
        """Write down how the run ended without a change to the data."""
        try:
            self._end(
                status,
                rejected=self.progress.rejected,
                error_code=error.code,
                error_message=error.message,
                error_hint=error.hint,
            )
        except LeaseLost:
            log.warning("run %s was taken over; its end is the other worker's to tell", self.run.pk)

    def give_up(self) -> None:
        """Of a run that was cancelled, say so; one that another worker has is left alone."""
        if self.heartbeat is not None and self.heartbeat.is_cancelled:
            self.end(Run.Status.CANCELLED, Conflict("The run was cancelled; nothing was changed.", code="cancelled"))

    def _end(self, status: Run.Status, **values: object) -> None:
        """The last word on the run; raises ``LeaseLost`` where the fence has grown, which undoes the transaction."""
        ended = Run.objects.filter(pk=self.run.pk, fence=self.run.fence, status=Run.Status.RUNNING).update(
            status=status,
            stage=self.progress.stage if status in (Run.Status.FAILED, Run.Status.HELD) else "",
            finished_at=now(),
            lease_until=None,
            rows_read=self.progress.rows_read,
            bytes=self.progress.bytes,
            timings={name: round(seconds, 3) for name, seconds in self.timings.items()},
            **values,
        )
        if not ended:
            raise LeaseLost

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress.stage = name
        started = time.monotonic()
        try:
            yield
        finally:
            self.timings[name] = time.monotonic() - started


def _poisonous() -> HubError:
    return HubError(
        f"The worker died {MAX_ATTEMPTS} times over this run; it is not tried again.",
        code="worker-died",
        hint="Look into the worker's log for what happened, and at the source for rows of unusual size.",
    )


def _internal(error: Exception) -> HubError:
    if isinstance(error, DatabaseError):
        return HubError(
            "The hub's own database failed while it loaded the rows.",
            code="hub-database",
            hint="Nothing was changed. Look at its disk and log; the next run starts anew.",
        )
    return HubError(
        f"The hub failed with {type(error).__name__}.",
        code="internal",
        hint="Nothing was changed. The worker's log has more.",
    )
