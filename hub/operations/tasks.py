"""The hub's one clock: what is due in any of its parts is done at its tick."""

import logging
from contextlib import suppress

from celery import current_app, shared_task
from kombu.exceptions import OperationalError as BrokerDown

from connectors.runs import dispatch
from hub.accounts import mail
from hub.catalog.commands import sweep_marks
from hub.exports import dispatch as exports
from hub.exports.commands import expire_exports
from hub.query.files import kept
from hub.store.indexing import building
from hub.store.indexing.measuring import note_uses, want_measured
from policies.commands import announce

log = logging.getLogger(__name__)
_SELDOM = 20
"""Ticks between two looks at what changes by the day."""

_NOTICED_WITHIN = 10
"""Seconds after which a look for changes that nobody began is left to a later one."""


@shared_task(name="hub.operations.tasks.tick")
def tick() -> None:
    """Send what is due or waits; safe to run any number of times at once."""
    count = dispatch.tick()
    exports.send_waiting()
    mail.send_waiting()
    with suppress(BrokerDown):  # the next tick asks again
        current_app.send_task("hub.subscriptions.tasks.watch", expires=_NOTICED_WITHIN)
    if count % _SELDOM == 0:
        announce()
        expire_exports()
        kept.sweep()
        sweep_marks()
        want_measured()
        note_uses()
        _send_for_indexes()


@shared_task(name="hub.operations.tasks.keep_indexes")
def keep_indexes() -> None:
    """Build and drop indexes until nothing waits, unless another worker is at it."""
    building.keep_indexes()


def _send_for_indexes() -> None:
    """One builder is enough, and one too many finds nothing to do; without a broker the next time will do."""
    if building.has_work():
        try:
            keep_indexes.apply_async(expires=60)
        except BrokerDown:
            log.warning("the broker does not answer; indexes wait for the next tick")
