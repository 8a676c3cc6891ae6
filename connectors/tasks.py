"""What Celery runs: load and call."""

import os
import signal
from uuid import UUID

from celery import shared_task

from connectors.models import Source
from connectors.runs import dispatch, runner


@shared_task(name="connectors.tasks.carry_out")
def carry_out(run: str) -> None:
    """Work on one run, then make place for the next of its source."""
    runner.carry_out(UUID(run), interrupt=_interrupt)
    source = Source.objects.filter(streams__runs=UUID(run)).first()
    if source is not None:
        dispatch.send_waiting(source)


def _interrupt() -> None:
    """Raise ``SoftTimeLimitExceeded`` in the main thread: the signal with which Celery itself ends what takes long."""
    os.kill(os.getpid(), signal.SIGUSR1)
