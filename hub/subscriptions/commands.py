"""Subscribing, and changing, pausing, replaying or ending what was subscribed to: each by its own subscriber alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
from django.db import transaction
from django.utils.timezone import now

from connectors.secrets import seal, unseal
from hub.accounts.caller import Caller
from hub.accounts.models import Agency, User
from hub.audit.commands import record
from hub.errors import Conflict, FieldError, Invalid
from hub.subscriptions.models import EVENTS, PERIODS, TEST, Delivery, Subscription
from hub.subscriptions.parties import datasets_in_sight, deliveries_in_sight, subscriptions_of
from hub.subscriptions.signing import new_secret
from hub.subscriptions.watching import look

MOST: Final = 100
"""Subscriptions of one party."""
MOST_SCHEMAS: Final = 500
"""Datasets that one subscription may follow the schemas of: each is worked out anew at each change of the rules."""
BOTH_HOLD: Final = timedelta(hours=24)
"""For how long a secret that was replaced signs too."""
_MOST_ADDRESSES: Final = 20
_ENDED: Final = "The subscription is broken: its receiver or subscriber is gone."


@transaction.atomic
def subscribe(
    *,
    actor: Caller,
    target: str,
    events: Sequence[str] = EVENTS,
    url: str = "",
    mail: Sequence[str] = (),
    period: str = "daily",
) -> tuple[Subscription, str]:
    """A subscription to what changes from now on, and a webhook's secret, which is shown this once (else empty)."""
    if subscriptions_of(actor).count() >= MOST:
        raise Conflict(
            f"There are {MOST} subscriptions of yours.", code="too-many-subscriptions", hint="End some first."
        )
    addresses = sorted({address.strip().lower() for address in mail})
    _refuse(_faults(actor, target, events, url, addresses, period))
    secret = new_secret() if url else ""
    subscription = Subscription(
        agency=actor.agency,
        actor=actor.name,
        is_client=bool(actor.client),
        scopes=sorted(actor.scopes),
        agreement=actor.agreement,
        target=target,
        events=_in_order(events),
        url=url,
        mail=addresses,
        period=period,
    )
    subscription.sealed = seal({"secret": secret} if secret else {}, subscription.pk)
    subscription.save()
    look(subscription.pk, is_first=True)
    _record(actor, subscription, "made")
    subscription.refresh_from_db()
    return subscription, secret


@transaction.atomic
def change(
    *,
    actor: Caller,
    subscription: Subscription,
    target: str | None = None,
    events: Sequence[str] | None = None,
    url: str | None = None,
    mail: Sequence[str] | None = None,
    period: str | None = None,
    state: str | None = None,
) -> Subscription:
    """Change what was given.

    Whoever makes it active again is told what has changed meanwhile, and what waits is sent.
    """
    _lock(subscription)
    is_elsewhere = target is not None and target != subscription.target
    was_active = subscription.state == Subscription.State.ACTIVE
    subscription.target = subscription.target if target is None else target
    subscription.events = subscription.events if events is None else _in_order(events)
    subscription.url = subscription.url if url is None else url
    subscription.mail = subscription.mail if mail is None else sorted({a.strip().lower() for a in mail})
    subscription.period = period or subscription.period
    said = (subscription.target, subscription.events, subscription.url, subscription.mail, subscription.period)
    _refuse(_faults(actor, *said))
    if bool(subscription.url) != bool(subscription.sealed):
        raise Conflict("A webhook does not become a mail, nor a mail a webhook.", hint="Make another subscription.")
    if state is not None:
        _set_state(subscription, state)
    subscription.epoch = 0
    subscription.save()
    if is_elsewhere:
        subscription.noted.all().delete()
    look(subscription.pk, is_first=is_elsewhere)
    if subscription.state == Subscription.State.ACTIVE and not was_active:
        waiting = subscription.deliveries.filter(status=Delivery.Status.PENDING)
        waiting.update(next_try=now(), attempts=0, sent_at=None)
    _record(actor, subscription, "changed")
    subscription.refresh_from_db()
    return subscription


@transaction.atomic
def end(*, actor: Caller, subscription: Subscription) -> None:
    """End it, and forget its notices."""
    _record(actor, subscription, "ended")
    subscription.delete()


@transaction.atomic
def rotate_secret(*, actor: Caller, subscription: Subscription) -> str:
    """A new secret, shown this once; for a day both sign, so that the receiver can change over."""
    _lock(subscription)
    if not subscription.url:
        raise Conflict("Mails are not signed.", code="no-secret")
    secret = new_secret()
    subscription.sealed = seal(
        {"secret": secret, "previous": unseal(subscription.sealed, subscription.pk)["secret"]}, subscription.pk
    )
    subscription.rotated_until = now() + BOTH_HOLD
    subscription.save(update_fields=["sealed", "rotated_until"])
    _record(actor, subscription, "rotated")
    return secret


@transaction.atomic
def send_test(*, actor: Caller, subscription: Subscription) -> Delivery:
    """A notice of nothing, to see whether it arrives."""
    delivery = Delivery.objects.create(subscription=subscription, type=TEST)
    _record(actor, subscription, "tested")
    return delivery


@transaction.atomic
def replay(
    *, actor: Caller, subscription: Subscription, delivery: UUID | None = None, since: datetime | None = None
) -> int:
    """Send notices again under their own ids: the one named, or all since a moment; answers how many.

    Those of datasets out of the subscriber's sight are none.
    """
    told = deliveries_in_sight(actor, subscription)
    told = told.filter(pk=delivery) if delivery is not None else told.filter(at__gte=since)
    again = Delivery.objects.filter(pk__in=list(told.values_list("pk", flat=True)))
    count = again.update(status=Delivery.Status.PENDING, attempts=0, next_try=now(), sent_at=None, error="")
    _record(actor, subscription, "replayed", count=count)
    return count


def _faults(
    actor: Caller, target: str, events: Sequence[str], url: str, mail: Sequence[str], period: str
) -> Iterable[FieldError]:
    if not _is_known(actor, target):
        yield FieldError("target", "unknown", f"There is no dataset {target}.")
    elif "dataset.schema" in events and datasets_in_sight(actor, target)[: MOST_SCHEMAS + 1].count() > MOST_SCHEMAS:
        message = f"dataset.schema is for at most {MOST_SCHEMAS} datasets: name an agency or a dataset."
        yield FieldError("events", "too-many", message)
    if not events:
        yield FieldError("events", "required", "Say what to tell of.")
    elif not set(events) <= set(EVENTS):
        yield FieldError("events", "unknown", f"events are of {', '.join(EVENTS)}.")
    if bool(url) == bool(mail):
        yield FieldError("url", "one-way", "Give either url or mail.")
    if url and not _is_address(url):
        yield FieldError("url", "invalid", "url is an http or https address without user and fragment.")
    if period not in PERIODS:
        yield FieldError("period", "unknown", f"period is one of {', '.join(PERIODS)}.")
    yield from _mail_faults(actor, mail)


def _mail_faults(actor: Caller, mail: Sequence[str]) -> Iterable[FieldError]:
    """Only the agency's own people are written to: nobody is written to by others' will."""
    people = User.objects.filter(is_active=True, memberships__agency__code=actor.agency, email__in=mail)
    if len(mail) > _MOST_ADDRESSES:
        yield FieldError("mail", "too-many", f"mail has at most {_MOST_ADDRESSES} addresses.")
    elif set(mail) - set(people.values_list("email", flat=True)):
        yield FieldError("mail", "unknown", f"Mails go to people of {actor.agency} alone.")


def _is_known(actor: Caller, target: str) -> bool:
    if target == "*":
        return True
    if target.endswith(".*"):
        return Agency.objects.filter(code=target.removesuffix(".*")).exists()
    return datasets_in_sight(actor, target).exists()


def _is_address(url: str) -> bool:
    try:
        parts = httpx.URL(url)
        is_plain = parts.scheme in ("http", "https") and not parts.userinfo and not parts.fragment
    except httpx.InvalidURL:
        return False
    return is_plain and bool(parts.host) and len(url) <= 2000


def _set_state(subscription: Subscription, state: str) -> None:
    if subscription.state == Subscription.State.BROKEN and state == Subscription.State.PAUSED:
        raise Conflict(_ENDED, hint="Set its url anew and its state to active, or end it.")
    subscription.state = state
    if state == Subscription.State.ACTIVE:
        subscription.reason, subscription.failing_since = "", None


def _in_order(events: Sequence[str]) -> list[str]:
    return sorted(set(events), key=lambda event: EVENTS.index(event) if event in EVENTS else 0)


def _lock(subscription: Subscription) -> None:
    subscription.refresh_from_db(from_queryset=Subscription.objects.select_for_update())


def _refuse(faults: Iterable[FieldError]) -> None:
    found = list(faults)
    if found:
        raise Invalid(found[0].message, errors=found)


def _record(actor: Caller, subscription: Subscription, act: str, **details: int) -> None:
    """Of a webhook's address only the host is recorded: the rest may be a secret of the receiver's."""
    where = httpx.URL(subscription.url).host if subscription.url else ", ".join(subscription.mail)
    told: dict[str, Any] = {"target": subscription.target, "events": subscription.events, "to": where, **details}
    record(actor=actor, kind=f"subscription.{act}", subject=str(subscription.pk), **told)
