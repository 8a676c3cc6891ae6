"""Gets exports to workers: the row is the message, and what was lost on the way is sent again."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from kombu.exceptions import OperationalError as BrokerDown

from hub.exports.models import Export

RESENT_AFTER: Final = timedelta(seconds=30)
_MOST: Final = 100
log = logging.getLogger(__name__)


def announce(export: UUID) -> None:
    """Send one export on its way as soon as the transaction at hand stands; the next tick does it where this fails."""
    transaction.on_commit(lambda: _send([export]))


def send_waiting() -> None:
    """Send what was never sent, lost on the way, or begun by a worker gone silent; one sent twice is made once."""
    moment = now()
    unsent = Q(status=Export.Status.QUEUED) & (Q(sent_at=None) | Q(sent_at__lt=moment - RESENT_AFTER))
    silent = Q(status=Export.Status.RUNNING, lease_until__lt=moment)
    waiting = Export.objects.filter(unsent | silent).order_by("created_at").values_list("pk", flat=True)
    _send(list(waiting[:_MOST]))


def _send(exports: list[UUID]) -> None:
    try:
        for export in exports:
            Export.objects.filter(pk=export).update(sent_at=now())
            current_app.send_task("hub.exports.tasks.make", args=[str(export)])
    except BrokerDown:
        log.warning("the broker does not answer; %s exports wait for the next tick", len(exports))
        Export.objects.filter(pk__in=exports).update(sent_at=None)
