"""What Celery runs: load and call."""

from uuid import UUID

from celery import shared_task

from hub.subscriptions import dispatch, sending
from hub.subscriptions.digests import send_digests
from hub.subscriptions.watching import watch as look_for_changes


@shared_task(name="hub.subscriptions.tasks.watch")
def watch() -> None:
    """Notice what has changed, write the mails that are due, and send the webhooks on their way."""
    look_for_changes()
    send_digests()
    dispatch.send_waiting()
    dispatch.forget_old()


@shared_task(name="hub.subscriptions.tasks.deliver")
def deliver(delivery: str) -> None:
    """Try to deliver one notice."""
    sending.deliver(UUID(delivery))
