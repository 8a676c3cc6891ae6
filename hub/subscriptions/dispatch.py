"""Gets notices to workers: the row is the message, and what was lost on the way is sent again."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from celery import current_app
from django.db.models import F, Q
from django.utils.timezone import now
from kombu.exceptions import OperationalError as BrokerDown

from hub.subscriptions.models import Delivery, Subscription

KEPT: Final = timedelta(days=30)
"""For how long a notice that is over stays, to be looked at and replayed."""
_RESENT_AFTER: Final = timedelta(minutes=1)
_MOST: Final = 200
log = logging.getLogger(__name__)


def send_waiting() -> None:
    """Send the webhooks that are due; one sent twice is tried once."""
    moment = now()
    unsent = Q(sent_at=None) | Q(sent_at__lt=F("next_try")) | Q(sent_at__lt=moment - _RESENT_AFTER)
    by_webhook = Delivery.objects.filter(subscription__state=Subscription.State.ACTIVE, subscription__mail=[])
    due = by_webhook.filter(unsent, status=Delivery.Status.PENDING, next_try__lte=moment)
    _send(list(due.order_by("next_try").values_list("pk", flat=True)[:_MOST]))


def forget_old() -> None:
    """Let go of notices that were over long ago."""
    Delivery.objects.filter(at__lt=now() - KEPT).exclude(status=Delivery.Status.PENDING).delete()


def _send(deliveries: list[UUID]) -> None:
    try:
        for delivery in deliveries:
            Delivery.objects.filter(pk=delivery).update(sent_at=now())
            current_app.send_task("hub.subscriptions.tasks.deliver", args=[str(delivery)])
    except BrokerDown:
        log.warning("the broker does not answer; %s notices wait for the next tick", len(deliveries))
        Delivery.objects.filter(pk__in=deliveries).update(sent_at=None)
