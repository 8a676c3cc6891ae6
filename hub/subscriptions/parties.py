"""The one to be told, as it is by now, and what of the datasets is in its sight: the same decision as for its reads."""

from django.db.models import Q, QuerySet

from hub.accounts.caller import Caller
from hub.accounts.queries import refreshed
from hub.catalog.models import Dataset
from hub.errors import Forbidden, NotFound
from hub.query.catalogue import visible_datasets
from hub.query.views import open_view
from hub.subscriptions.models import Delivery, Subscription


def party_of(subscription: Subscription) -> Caller:
    """The subscriber; raises ``Unauthenticated`` where its client or membership has ended."""
    then = Caller(
        agency=subscription.agency,
        client=subscription.actor if subscription.is_client else "",
        email="" if subscription.is_client else subscription.actor,
        scopes=frozenset(subscription.scopes),
        agreement=subscription.agreement,
    )
    return refreshed(then)


def subscriptions_of(caller: Caller) -> QuerySet[Subscription]:
    """Those that the caller made; nobody else's."""
    return Subscription.objects.filter(agency=caller.agency, actor=caller.name, is_client=bool(caller.client))


def datasets_in_sight(caller: Caller, target: str) -> QuerySet[Dataset]:
    """The datasets of ``target`` that exist for ``caller``."""
    visible = visible_datasets(caller)
    if target == "*":
        return visible
    owner = target.removesuffix(".*")
    return visible.filter(key=target) if owner == target else visible.filter(agency__code=owner)


def deliveries_in_sight(caller: Caller, subscription: Subscription) -> QuerySet[Delivery]:
    """The notices of ``subscription``, but for those of datasets that do not exist for the caller any more.

    Those that were withheld were never told of, and are not told of here either.
    """
    is_shown = Q(dataset=None) | Q(dataset__in=visible_datasets(caller).values("pk"))
    told = subscription.deliveries.exclude(status=Delivery.Status.WITHHELD)
    return told.filter(is_shown).select_related("dataset")


def may_be_told(caller: Caller, delivery: Delivery) -> bool:
    """Whether the notice says nothing that the caller could not read at this moment."""
    if delivery.dataset is None:
        return True
    if not datasets_in_sight(caller, delivery.subscription.target).filter(pk=delivery.dataset.pk).exists():
        return False
    if delivery.type != "dataset.schema":
        return True
    try:
        open_view(caller, delivery.dataset.key)
    except (Forbidden, NotFound):
        return False
    return True
