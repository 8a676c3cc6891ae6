"""Delivers one notice to a webhook: decided at this moment, signed, and tried again over about a day."""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from connectors.fetching.calling import Called, call
from connectors.secrets import unseal
from hub.errors import HubError, Unauthenticated
from hub.subscriptions.models import Delivery, Subscription
from hub.subscriptions.owners import give_up
from hub.subscriptions.parties import may_be_told, party_of
from hub.subscriptions.signing import headers_of

WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 28_800, 36_000))
"""Between one try and the next: 26 hours in all. What failed once more after the last of them has failed."""
JITTER: Final = 0.2
_LEASE: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = 24 * 3600.0
_GONE: Final = 410


def deliver(pk: UUID) -> None:
    """Try the notice if it is due and nobody else has it. At least once: a kill after the call makes another try."""
    delivery = _claim(pk)
    if delivery is None:
        return
    if delivery.attempts > len(WAITS) + 1:
        _try_again(delivery, None, "The call ended the hub's worker each time.")
        return
    try:
        is_told = may_be_told(party_of(delivery.subscription), delivery)
    except Unauthenticated:
        is_told = False
    if not is_told:
        _write(delivery, status=Delivery.Status.WITHHELD, next_try=None)
        return
    try:
        called = _called(delivery)
    except HubError as error:
        _try_again(delivery, None, f"{error.message} {error.hint}".strip())
        return
    _settle(delivery, called)


def _claim(pk: UUID) -> Delivery | None:
    """The notice with one more attempt, which is its fence; it comes back by itself when the lease is over."""
    free = Delivery.objects.filter(
        pk=pk,
        status=Delivery.Status.PENDING,
        next_try__lte=now(),
        subscription__state=Subscription.State.ACTIVE,
        subscription__mail=[],
    )
    moment = now()
    if not free.update(attempts=F("attempts") + 1, next_try=moment + _LEASE, tried_at=moment):
        return None
    return Delivery.objects.select_related("subscription", "dataset").get(pk=pk)


def _called(delivery: Delivery) -> Called:
    subscription = delivery.subscription
    body = json.dumps(payload(delivery), separators=(",", ":")).encode()
    signed = headers_of(secrets_of(subscription), str(delivery.pk), int(time.time()), body)
    headers = {"Content-Type": "application/json", **signed}
    return call(subscription.url, body, headers, settings.HUB_WEBHOOK_HOSTS)


def payload(delivery: Delivery) -> dict[str, Any]:
    """What is sent, the same at each try: what happened to which dataset when, and where to read more; no row."""
    told: dict[str, Any] = {"type": delivery.type, "timestamp": _text(delivery.at)}
    told["data"] = {"subscription": str(delivery.subscription_id)}
    if delivery.dataset is not None:
        at = f"{settings.HUB_URL}/api/v1/datasets/{delivery.dataset.key}"
        links = {"dataset": at, "rows": f"{at}/rows", "changes": f"{at}/changes", "schema": f"{at}/schema"}
        told["data"] |= {"dataset": delivery.dataset.key, "version": delivery.version, "links": links}
    return told


def secrets_of(subscription: Subscription) -> list[str]:
    """The secrets to sign with: the present one, and the one before for as long as both hold."""
    kept = unseal(subscription.sealed, subscription.pk)
    is_double = subscription.rotated_until is not None and subscription.rotated_until > now()
    return [kept["secret"], *([kept["previous"]] if is_double and "previous" in kept else [])]


def _settle(delivery: Delivery, called: Called) -> None:
    if 200 <= called.status < 300:
        done = {"status": Delivery.Status.DELIVERED, "next_try": None, "error": "", "response_status": called.status}
        with transaction.atomic():
            if _write(delivery, **done):
                Subscription.objects.filter(pk=delivery.subscription_id).update(failing_since=None)
    elif called.status == _GONE:
        with transaction.atomic():
            if _write(delivery, status=Delivery.Status.FAILED, next_try=None, response_status=called.status):
                give_up(
                    delivery.subscription, Subscription.State.BROKEN, "The receiver says that it is gone (HTTP 410)."
                )
    else:
        is_redirect = 300 <= called.status < 400
        said = f"The receiver answered with HTTP {called.status}" + (
            "; redirects are not followed." if is_redirect else "."
        )
        _try_again(delivery, called, said)


@transaction.atomic
def _try_again(delivery: Delivery, called: Called | None, error: str) -> None:
    """Later, ever more so, and no sooner than the receiver asks; after the last try the subscription pauses."""
    told = {"response_status": called.status if called else None, "error": error[:300]}
    if delivery.attempts > len(WAITS):
        if _write(delivery, status=Delivery.Status.FAILED, next_try=None, **told):
            give_up(delivery.subscription, Subscription.State.PAUSED, f"No delivery for about a day. {error}")
        return
    wait = WAITS[delivery.attempts - 1].total_seconds() * random.uniform(1.0, 1.0 + JITTER)
    asked = called.retry_after if called and called.retry_after is not None else 0.0
    next_try = now() + timedelta(seconds=max(wait, min(asked, _LONGEST_WAIT)))
    if _write(delivery, next_try=next_try, **told):
        failing = Subscription.objects.filter(pk=delivery.subscription_id, failing_since=None)
        failing.update(failing_since=now())


def _write(delivery: Delivery, **values: Any) -> bool:
    """Write the end of this try, unless a later one has begun or the notice was replayed since."""
    mine = Delivery.objects.filter(pk=delivery.pk, status=Delivery.Status.PENDING, attempts=delivery.attempts)
    return bool(mine.update(**values))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
