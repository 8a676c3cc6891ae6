"""Mails of what has changed: one for each address and period, written with the mark that its notices are out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from hub.accounts import mail
from hub.accounts.caller import Caller
from hub.accounts.models import User
from hub.errors import Unauthenticated
from hub.subscriptions.models import Delivery, Subscription
from hub.subscriptions.parties import may_be_told, party_of

_PERIODS: Final[Mapping[str, timedelta]] = {
    "at-once": timedelta(0),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def slot_after(moment: datetime, period: str) -> datetime:
    """When a mail of this period goes out next: at the full hour, at midnight UTC, or at ``moment`` itself."""
    length = _PERIODS[period]
    return moment + (length - (moment - _EPOCH) % length) if length else moment


@transaction.atomic
def send_digests() -> None:
    """Write the mails that are due; where nothing is new there is none. Two at once take turns."""
    of_mail = Delivery.objects.filter(subscription__state=Subscription.State.ACTIVE).exclude(subscription__mail=[])
    due = of_mail.filter(status=Delivery.Status.PENDING, next_try__lte=now())
    locked = due.select_for_update(of=("self",)).select_related("subscription", "dataset__agency")
    told: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
    parties: dict[object, Caller | None] = {}
    for delivery in locked.order_by("at", "pk"):
        subscription = delivery.subscription
        if subscription.pk not in parties:
            parties[subscription.pk] = _party(subscription)
        caller = parties[subscription.pk]
        is_told = caller is not None and may_be_told(caller, delivery)
        for address in _own(subscription.agency, subscription.mail) if is_told else ():
            told[address, subscription.period].append(delivery)
        delivery.status = Delivery.Status.DELIVERED if is_told else Delivery.Status.WITHHELD
        delivery.attempts, delivery.tried_at, delivery.next_try = delivery.attempts + 1, now(), None
        delivery.save(update_fields=["status", "attempts", "tried_at", "next_try"])
    for (address, _), deliveries in sorted(told.items(), key=lambda pair: pair[0]):
        _write(address, deliveries)


def _party(subscription: Subscription) -> Caller | None:
    try:
        return party_of(subscription)
    except Unauthenticated:
        return None


def _own(agency: str, addresses: Iterable[str]) -> list[str]:
    """Those that are still addresses of the agency's people."""
    people = User.objects.filter(is_active=True, memberships__agency__code=agency, email__in=list(addresses))
    return list(people.order_by("email").values_list("email", flat=True).distinct())


def _write(address: str, deliveries: Iterable[Delivery]) -> None:
    """One mail; of several notices of one kind on one dataset it has the last."""
    last = {(d.dataset.key if d.dataset else "", d.type): d for d in deliveries}
    latest = [last[name] for name in sorted(last)]
    mail.post_to(to=[address], **mail.written("changes", deliveries=latest, hub=settings.HUB_URL))
