"""What Celery runs: load and call."""

from uuid import UUID

from celery import shared_task

from hub.exports import making


@shared_task(name="hub.exports.tasks.make")
def make(export: str) -> None:
    """Make the file of one export."""
    making.make(UUID(export))
