"""What Celery runs: load and call."""

from uuid import UUID

from celery import shared_task

from connectors import runner


@shared_task(name="connectors.tasks.carry_out")
def carry_out(run: str) -> None:
    """Work on one run."""
    runner.carry_out(UUID(run))
