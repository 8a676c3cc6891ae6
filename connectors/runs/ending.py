"""The last word on a run, said once: by the worker that has it, or by its heartbeat where that does not answer."""

import logging
from dataclasses import dataclass, field

from django.db import DatabaseError, transaction
from django.utils.timezone import now

from connectors.models import Run
from connectors.runs.holding import Held
from connectors.runs.pacing import note_answer, note_down
from hub.accounts import mail
from hub.accounts.caller import HUB
from hub.audit.commands import record
from hub.errors import HubError, SourceDown

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has the run by now, or it was ended: stop, and write nothing more."""


@dataclass
class Progress:
    """What a run has done so far, as it is shown while it works; ``timings`` are seconds by stage."""

    stage: str = "starting"
    rows_read: int = 0
    bytes: int = 0
    rejected: int = 0
    timings: dict[str, float] = field(default_factory=dict)


def finish(run: Run, status: str, progress: Progress, **values: object) -> None:
    """Write the end down; raises ``LeaseLost`` where the fence has grown or the run is over: the caller's work is void.

    ``values`` are further columns, and stand before what the progress says.
    """
    told: dict[str, object] = {
        "stage": progress.stage if status in (Run.Status.FAILED, Run.Status.HELD) else "",
        "rows_read": progress.rows_read,
        "bytes": progress.bytes,
        "rejected": progress.rejected,
        "timings": {name: round(seconds, 3) for name, seconds in progress.timings.items()},
    }
    mine = Run.objects.filter(pk=run.pk, fence=run.fence, status=Run.Status.RUNNING)
    if not mine.update(status=status, finished_at=now(), lease_until=None, **{**told, **values}):
        raise LeaseLost


def end_early(run: Run, progress: Progress, reason: HubError) -> None:
    """End a run that was cancelled or took too long; raises ``LeaseLost``."""
    finish(run, Run.Status.CANCELLED if reason.code == "cancelled" else Run.Status.FAILED, progress, **_told(reason))


def end_by(run: Run, progress: Progress, error: Exception) -> None:
    """End a run without a change to the data, by what came of it; raises ``LeaseLost``."""
    if isinstance(error, Held):
        _hold(run, progress, error)
    elif isinstance(error, HubError):
        finish(run, Run.Status.FAILED, progress, **_told(error))
    else:
        log.error("run %s of %s failed", run.pk, run.stream.key, exc_info=error)
        finish(run, Run.Status.FAILED, progress, **_told(_internal(error)))
    if isinstance(error, SourceDown):
        note_down(run.stream, error)
    else:
        note_answer(run.stream)


def supersede(run: Run) -> None:
    """What waits for a person of the same stream has nothing more to say, as ``run`` has come to its end."""
    waiting = Run.objects.filter(stream=run.stream_id, status=Run.Status.HELD).exclude(pk=run.pk)
    waiting.update(
        status=Run.Status.CANCELLED,
        error_code="superseded",
        error_message="A later run of the stream has come to its end.",
        error_hint="Look at that one.",
    )


@transaction.atomic
def _hold(run: Run, progress: Progress, error: Held) -> None:
    """Let the run wait for a person, and write to those who may decide."""
    finish(run, Run.Status.HELD, progress, difference=error.difference, **_told(error))
    supersede(run)
    dataset = run.stream.dataset
    record(
        actor=HUB,
        kind="run.held",
        dataset=dataset.key,
        subject=str(run.pk),
        code=error.code,
        difference=error.difference,
    )
    mail.post(
        agency=dataset.agency.code,
        roles=("publisher",),
        **mail.written("held", stream=run.stream.key, error=error, address=mail.address(f"/runs/{run.pk}")),
    )


def _told(error: HubError) -> dict[str, str]:
    told = {"error_code": error.code, "error_message": error.message, "error_hint": error.hint}
    return {name: _storable(text) for name, text in told.items()}


def _storable(text: str) -> str:
    """Without what PostgreSQL takes in no text: a source's names may hold it, and errors name them."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


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
