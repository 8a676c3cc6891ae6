"""Carries a run out: read the source into staging, check, publish in one transaction, or say what went wrong."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from connectors.base import Batch, CannotResume, Connector, Extract, Limits
from connectors.columns import field_names
from connectors.models import Run, Stream, Upload
from connectors.queries import connector_for
from connectors.runs.aside import Aside
from connectors.runs.checkpoints import Checkpoints
from connectors.runs.deletions import mark_of
from connectors.runs.ending import LeaseLost, Progress, end_by, end_early, finish, supersede
from connectors.runs.fields import require_key, take_fields
from connectors.runs.flow import paced
from connectors.runs.holding import Bounds
from connectors.runs.lease import Heartbeat, claim
from connectors.runs.meeting import Meeting
from connectors.runs.overlap import since
from connectors.runs.pacing import note_answer
from hub.accounts.caller import HUB
from hub.audit.commands import record
from hub.errors import HubError, SourceLacks
from hub.store.intake import quarantine, records, staging
from hub.store.intake.contract import contract_of
from hub.store.intake.load import Outcome, is_first, publish
from hub.store.intake.staging import NotDirect, Staging
from hub.store.tables import drop_generations, ensure_relation

MAX_ATTEMPTS = 3
log = logging.getLogger(__name__)


class _Evolved(Exception):
    """The dataset has new fields: the source is read again, for all of them."""


def carry_out(run_id: UUID, interrupt: Callable[[], None] | None = None) -> None:
    """Work on the run if it is free; whatever happens, the run says how it ended.

    ``interrupt`` raises an exception in this thread, from another one that finds that the run is to end.
    """
    run = claim(run_id)
    if run is None:
        return
    work = _Work(run)
    try:
        if run.attempts > MAX_ATTEMPTS:
            raise _poisonous()
        with Heartbeat(run, work.progress, interrupt) as heartbeat:
            work.heartbeat = heartbeat
            work.carry_out()
        note_answer(run.stream)
    except Exception as error:
        with suppress(LeaseLost):  # its end is told by whoever has it now
            work.end_by(error)


@dataclass
class _Work:
    """One attempt of one run."""

    run: Run
    progress: Progress = field(default_factory=Progress)
    heartbeat: Heartbeat | None = None
    state: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.stream: Stream = self.run.stream
        self.dataset = self.stream.dataset
        self.bounds = Bounds.of(self.run)
        self.meeting = Meeting(self.run, self.bounds)
        self.aside = Aside(self.run)
        upload: Upload | None = getattr(self.run, "upload", None)
        self.mode = upload.mode if upload is not None else self.stream.mode
        self.select = upload.select if upload is not None else self.stream.select
        self.retries = upload.retries if upload is not None else None

    def carry_out(self) -> None:
        assert self.heartbeat is not None
        connector = connector_for(self.run)
        self.heartbeat.stop_reading = connector.stop
        if self.dataset.is_discovered and not self.dataset.fields.exists():
            with self._stage("discover"):
                take_fields(self.dataset, connector, self.select)
        try:
            self._bring_in(connector)
        except SourceLacks as error:
            if self.progress.rows_read:  # one file of several lacks what the others have
                raise
            self.meeting.meet(dict.fromkeys(field_names(error.offered), ""), error)
            self._begin_again()
            self._bring_in(connector)
        except _Evolved:
            self._begin_again()
            self._bring_in(connector)

    def _bring_in(self, connector: Connector) -> None:
        """Read, check and publish, by the shortest way that the rows allow."""
        relation = ensure_relation(self.dataset)
        is_new = is_first(self.dataset, relation, self.mode)  # type: ignore[arg-type]
        require_key(self.stream, self.mode)
        name = f"r{self.run.pk.hex}_{self.run.fence}"
        contract = contract_of(self.dataset, self.select.get("timezone", ""))
        fresh = Staging(name, contract, is_new, lacks=self.meeting.lacks, mark=mark_of(self.stream))
        try:
            self._load(connector, fresh)
        except CannotResume:
            self._begin_again()
            self._load(connector, fresh)
        except NotDirect:
            self._begin_again()
            self._load(connector, replace(fresh, name=f"{name}_text", is_direct=False))

    def _begin_again(self) -> None:
        self.progress.rows_read = self.progress.bytes = self.progress.rejected = 0
        self.aside.clear()
        self.state = None
        self.meeting.forget()

    def _load(self, connector: Connector, fresh: Staging) -> None:
        """Into tables of its own, or on with those that an earlier attempt has left."""
        extract, source = self._asked(connector), self.stream.source
        checkpoints = Checkpoints(self.run, self.progress)
        into = checkpoints.adopt(fresh, extract, self.mode, self.dataset.primary_key, source.kind, source.config)
        try:
            self._bring_on(connector, extract, into, checkpoints)
        finally:
            checkpoints.discard(into)

    def _bring_on(self, connector: Connector, extract: Extract, into: Staging, checkpoints: Checkpoints) -> None:
        """The stages that are not behind the run yet."""
        self.meeting.lacks = into.lacks
        if checkpoints.met is not None:
            self.meeting.go_on_from(checkpoints.met)
        self.state = checkpoints.state
        with self._stage("extract"):
            if not checkpoints.done:
                self._extract(connector, extract, into, checkpoints)
            if self.meeting.last(extract):
                raise _Evolved
            self.meeting.check_ends()
        with self._stage("check"):
            if checkpoints.done != "check":
                with transaction.atomic():
                    self.progress.rejected += quarantine.check(into, self.dataset, self.run.pk)
                    checkpoints.save_checked(into)
            self._check_rejects()
        with self._stage("publish"):
            outcome = self._publish(into, time.monotonic())
        log.info("%s is at version %s: %s rows", self.dataset.key, outcome.version, outcome.rows)
        drop_generations(self.dataset)

    def _asked(self, connector: Connector) -> Extract:
        """What is asked of the source, but for the columns."""
        is_incremental = bool(self.stream.cursor) and connector.is_incremental(self.select)
        return Extract(
            select=self.select,
            cursor=self.stream.cursor if is_incremental else None,
            since=self._since() if is_incremental and self.stream.cursor_value else None,
            state=None if self.mode == Stream.Mode.REPLACE else self.stream.state,
            most=Limits.of(self.stream.source.config).max_rows_per_second,
        )

    def _extract(self, connector: Connector, extract: Extract, into: Staging, checkpoints: Checkpoints) -> None:
        assert self.heartbeat is not None
        is_new, began = checkpoints.resume is None, time.monotonic()
        if is_new:
            quarantine.forget_broken(self.run.pk)
        names = tuple(field.name for field in into.given)
        batches = connector.read(replace(extract, columns=names, resume=checkpoints.resume))
        try:
            empty = Batch((), b"", 0, positioned=into.is_positioned and not is_new, types=into.types)
            first = next(batches, empty)
            if is_new and self.meeting.first(first):
                raise _Evolved
            checkpoints.check(first, into)
            in_time = paced(chain([first], batches), extract.most, self.heartbeat.check)
            for stretch in checkpoints.stretches(in_time):
                with transaction.atomic():
                    lines = self._counted(stretch, checkpoints.kept)
                    staging.copy_in(into, lines, positioned=first.positioned, types=first.types)
                    checkpoints.save_read(
                        into, self.meeting.kept(), self.state, self.aside.write_down, time.monotonic() - began
                    )
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                with suppress(ValueError):  # at work on a last batch, after which it lets go by itself
                    close()

    def _since(self) -> str:
        type_ = self.dataset.fields.get(name=self.stream.cursor).type
        return since(self.stream.cursor_value, self.stream.overlap, type_)

    def _counted(self, batches: Iterator[Batch], kept: int) -> Iterator[bytes]:
        """The lines of each batch, counted; what was no row goes to the quarantine."""
        for batch in batches:
            assert self.heartbeat is not None
            self.heartbeat.check()
            self.state = self.state if batch.state is None else batch.state
            self.progress.rows_read += batch.count + len(batch.rejects)
            self.progress.bytes += len(batch.copy)
            self.progress.rejected += len(batch.rejects)
            self.aside.take(batch.rejects, kept)
            self.meeting.note(batch)
            yield batch.copy

    def _check_rejects(self) -> None:
        assert self.heartbeat is not None
        self.heartbeat.check()
        self.aside.write_down()
        of_wrong_type = quarantine.count_kept(self.run.pk, rule="type")
        read = self.progress.rows_read
        self.bounds.check_rejects(self.progress.rejected, of_wrong_type, read, self.meeting.retyped)

    @transaction.atomic
    def _publish(self, into: Staging, since: float) -> Outcome:
        """Data, change log, version, cursor and counters move together, if the lease still holds at the end."""
        outcome = publish(into, self.dataset, self.mode, self.run.pk)  # type: ignore[arg-type]
        self.bounds.check_shrinkage(outcome.before, outcome.rows)
        rejected = self.progress.rejected + outcome.rejected
        self._advance_cursor(into)
        self.progress.timings["publish"] = time.monotonic() - since
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
        if self.retries is not None:
            records.let_go(self.dataset, self.retries)
        else:
            records.let_go_of_old(self.dataset, self.run.pk, is_replaced=self.mode == Stream.Mode.REPLACE)
        supersede(self.run)
        finish(
            self.run,
            status,
            self.progress,
            rejected=rejected,
            inserted=outcome.inserted,
            updated=outcome.updated,
            deleted=outcome.deleted,
            unchanged=outcome.unchanged,
            version=outcome.version,
        )
        return outcome

    def _advance_cursor(self, into: Staging) -> None:
        """From where the run set out, and from nowhere else: who had the stream begin again meanwhile is heard."""
        reached = self.stream.cursor_value or None
        greatest = staging.greatest(into, self.stream.cursor, reached) if self.stream.cursor else None
        met = {"columns": self.meeting.columns, "ends_lines": self.meeting.ends_lines}
        come = {"cursor_value": greatest, "state": self.state, **met}
        come = {name: value for name, value in come.items() if value is not None}
        told = ("select", "mode", "cursor", "deleted", "cursor_value", "state")
        as_it_was = Stream.objects.filter(pk=self.stream.pk, **{name: getattr(self.stream, name) for name in told})
        as_it_was.update(**come)

    def end_by(self, error: Exception) -> None:
        """Say how the run ended; where it was told to end, whatever came of that is no failure of its own."""
        if isinstance(error, LeaseLost) or (self.heartbeat is not None and self.heartbeat.is_over):
            connections.close_all()  # whatever was broken off within them
            if self.heartbeat is not None and self.heartbeat.ended_by is not None:
                end_early(self.run, self.progress, self.heartbeat.ended_by)
        else:
            end_by(self.run, self.progress, error)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress.stage = name
        started = time.monotonic()
        try:
            yield
        finally:
            self.progress.timings[name] = time.monotonic() - started


def _poisonous() -> HubError:
    return HubError(
        f"The worker died {MAX_ATTEMPTS} times over this run without getting further; it is not tried again.",
        code="worker-died",
        hint="Look into the worker's log for what happened, and at the source for rows of unusual size.",
    )
