"""The hub's one clock: what is due in any of its parts is done at its tick."""

from celery import shared_task

from connectors.runs import dispatch
from hub.accounts import mail
from policies.commands import announce

_SELDOM = 20
"""Ticks between two looks at what changes by the day."""


@shared_task(name="hub.operations.tasks.tick")
def tick() -> None:
    """Send what is due or waits; safe to run any number of times at once."""
    count = dispatch.tick()
    mail.send_waiting()
    if count % _SELDOM == 0:
        announce()
