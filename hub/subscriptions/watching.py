"""Notices what has changed in each subscriber's own view, and writes the notices in the same transaction.

What is compared is what the subscriber would read, with what it was last told: a kill in between leaves both as they
were, two watchers at once take turns, and what is hidden cannot differ.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset
from hub.errors import Forbidden, NotFound, Unauthenticated
from hub.operations.freshness import with_freshness
from hub.query.catalogue import view_schema
from hub.query.decisions import decided
from hub.subscriptions.digests import slot_after
from hub.subscriptions.models import Delivery, Noted, Subscription
from hub.subscriptions.parties import datasets_in_sight, party_of

_CHANGED: Final = ("version", "freshness", "sharing_class", "schema", "until")
_BATCH: Final = 1_000
log = logging.getLogger(__name__)


def watch() -> None:
    """Look at every subscriber whose view may have changed since it was last looked at."""
    moved = _moved(Noted.objects.filter(subscription__state=Subscription.State.ACTIVE))
    due = Q(epoch__lt=current_epoch()) | Q(pk__in=moved.values("subscription"))
    active = Subscription.objects.filter(due, state=Subscription.State.ACTIVE)
    for pk in list(active.order_by("created_at").values_list("pk", flat=True)):
        try:
            look(pk)
        except Exception as error:  # one subscriber's trouble is not the others'
            log.error("the look for subscription %s failed", pk, exc_info=error)


@transaction.atomic
def look(pk: Any, *, is_first: bool = False) -> None:
    """Write notices of what has changed for one subscriber; the first look only notes how things are.

    A subscriber whose client or membership has ended is told nothing more.
    """
    mine = Subscription.objects.filter(pk=pk, state=Subscription.State.ACTIVE)
    subscription = mine.select_for_update().first()
    if subscription is None:
        return
    try:
        caller = party_of(subscription)
    except Unauthenticated:
        mine.update(state=Subscription.State.BROKEN, reason="The subscriber's client or membership has ended.")
        return
    in_sight = datasets_in_sight(caller, subscription.target)
    if caller.epoch == subscription.epoch:
        in_sight = in_sight.filter(pk__in=_moved(subscription.noted.all()).values("dataset"))
    _compare(subscription, caller, with_freshness(in_sight), is_first=is_first)
    mine.update(epoch=caller.epoch)


def _compare(subscription: Subscription, caller: Caller, datasets: QuerySet[Dataset], *, is_first: bool) -> None:
    datasets = datasets.annotate(seen_version=Coalesce("relation__version", 0))
    known = {noted.dataset_id: noted for noted in subscription.noted.filter(dataset__in=datasets.values("pk"))}
    moment = now()
    deliveries: list[Delivery] = []
    noted: list[Noted] = []
    for dataset in datasets:
        before, after = known.get(dataset.pk), _noted(subscription, caller, dataset)
        if before is None and not is_first:  # come into sight since: its rows are news, how it stands is not
            before = Noted(version=0, freshness=after.freshness, sharing_class=after.sharing_class, schema=after.schema)
        if before is not None:
            after.schema = after.schema or before.schema  # while it may not read, the last schema that it saw stands
            deliveries.extend(_notices(subscription, dataset, before, after, moment))
        if known.get(dataset.pk) is None or any(getattr(before, part) != getattr(after, part) for part in _CHANGED):
            noted.append(after)
    Noted.objects.bulk_create(
        noted,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["subscription", "dataset"],
        update_fields=list(_CHANGED),
    )
    Delivery.objects.bulk_create(deliveries, batch_size=_BATCH)


def _notices(
    subscription: Subscription, dataset: Dataset, before: Noted, after: Noted, moment: datetime
) -> Iterator[Delivery]:
    due = slot_after(moment, subscription.period) if subscription.mail else moment
    for type in _differences(before, after):
        if type in subscription.events:
            yield Delivery(
                subscription=subscription,
                dataset=dataset,
                type=type,
                version=after.version,
                at=moment,
                next_try=due,
            )


def _differences(before: Noted, after: Noted) -> Iterable[str]:
    if before.version != after.version:
        yield "dataset.version"
    if before.schema and before.schema != after.schema:
        yield "dataset.schema"
    if before.freshness != after.freshness:
        yield "dataset.freshness"
    if before.sharing_class != after.sharing_class:
        yield "dataset.class"


def _noted(subscription: Subscription, caller: Caller, dataset: Any) -> Noted:
    """How the dataset, annotated with ``seen_version`` and ``freshness``, is to the caller now."""
    schema, until = "", None
    if "dataset.schema" in subscription.events:
        schema, until = _schema(caller, dataset.key)
    return Noted(
        subscription=subscription,
        dataset=dataset,
        version=dataset.seen_version,
        freshness=dataset.freshness,
        sharing_class=dataset.sharing_class,
        schema=schema,
        until=until,
    )


def _schema(caller: Caller, key: str) -> tuple[str, datetime | None]:
    """The digest of the caller's JSON Schema, empty where it may not read, and until when that holds."""
    try:
        until = decided(caller, key).until
    except NotFound:
        return "", None
    try:
        text = json.dumps(view_schema(caller, key), sort_keys=True)
    except (Forbidden, NotFound):
        return "", until
    return hashlib.sha256(text.encode()).hexdigest(), until


def _moved(noted: QuerySet[Any]) -> QuerySet[Any]:
    """Those whose dataset has another version or freshness by now, or whose decision's time is over."""
    fresh: QuerySet[Any] = with_freshness(Dataset.objects.filter(pk=OuterRef("dataset")))
    noted = noted.annotate(
        now_version=Coalesce("dataset__relation__version", 0), now_freshness=Subquery(fresh.values("freshness")[:1])
    )
    return noted.filter(~Q(now_version=F("version")) | ~Q(now_freshness=F("freshness")) | Q(until__lte=now()))
