"""What Celery runs: load and call."""

from uuid import UUID

from celery import shared_task

from connectors import dispatch, runner


@shared_task(name="connectors.tasks.carry_out")
def carry_out(run: str) -> None:
    """Work on one run."""
    runner.carry_out(UUID(run))


@shared_task(name="connectors.tasks.tick")
def tick() -> None:
    """Send what is due or waits."""
    dispatch.tick()
