"""Subscriptions: being told of changes by webhook or mail, and looking at how the notices fare."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.base import ApiView, ListView, found
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.subscriptions import (
    DeliveryShown,
    NewSecret,
    NewSubscription,
    Replayed,
    SubscriptionChange,
    SubscriptionMade,
    SubscriptionShown,
)
from hub.errors import FieldError, Invalid
from hub.subscriptions import commands
from hub.subscriptions.models import EVENTS, TEST, Delivery, Subscription
from hub.subscriptions.parties import deliveries_in_sight, subscriptions_of

_SHOWN = tuple(status.value for status in Delivery.Status if status != Delivery.Status.WITHHELD)


class Subscriptions(ListView):
    """The caller's subscriptions."""

    filters = (
        Parameter("target", "What it is to.", lookup="target"),
        Parameter("state", "How it stands.", choices=tuple(Subscription.State.values), lookup="state"),
    )

    @operation("List your subscriptions", list_of(SubscriptionShown), problems=(403,))
    def get(self, request: Request) -> Response:
        return self.page(subscriptions_of(self.caller), SubscriptionShown, ("created_at", "id"))

    @operation(
        "Subscribe to changes, by webhook or mail", SubscriptionMade, status=201, body=NewSubscription, problems=(409,)
    )
    def post(self, request: Request) -> Response:
        subscription, secret = commands.subscribe(actor=self.caller, **self.body(NewSubscription))
        told = {**SubscriptionShown(subscription).data, "secret": secret}
        headers = {"Location": f"/api/v1/subscriptions/{subscription.pk}"}
        return Response(told, status=201, headers=headers)


class Ours(ApiView):
    """One of the caller's subscriptions, or something of it."""

    def ours(self, id: UUID) -> Subscription:
        return found(subscriptions_of(self.caller), "subscription", pk=id)


class OneSubscription(Ours):
    """One subscription."""

    @operation("Describe a subscription of yours", SubscriptionShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(self.ours(id), SubscriptionShown)

    @operation("Change, pause or resume a subscription", SubscriptionShown, body=SubscriptionChange, problems=(409,))
    def patch(self, request: Request, id: UUID) -> Response:
        body: dict[str, Any] = self.body(SubscriptionChange)
        changed = commands.change(actor=self.caller, subscription=self.ours(id), **body)
        return self.one(changed, SubscriptionShown)

    @operation("End a subscription, and forget its notices", status=204)
    def delete(self, request: Request, id: UUID) -> Response:
        commands.end(actor=self.caller, subscription=self.ours(id))
        return Response(status=204)


class Deliveries(ListView, Ours):
    """The notices of a subscription."""

    filters = (
        Parameter("type", "Of what.", choices=(*EVENTS, TEST), lookup="type"),
        Parameter("dataset", "Key of the dataset.", lookup="dataset__key"),
        Parameter("status", "How it fares.", choices=_SHOWN, lookup="status"),
        Parameter("since", "From this moment on.", kind="moment", lookup="at__gte"),
    )

    @operation("List the notices of a subscription, newest first, for 30 days", list_of(DeliveryShown))
    def get(self, request: Request, id: UUID) -> Response:
        return self.page(deliveries_in_sight(self.caller, self.ours(id)), DeliveryShown, ("-at", "type", "id"))


class ReplayOne(Ours):
    """One notice again."""

    @operation("Send one notice again, under its own id", Replayed, status=202)
    def post(self, request: Request, id: UUID, delivery: UUID) -> Response:
        subscription = self.ours(id)
        found(deliveries_in_sight(self.caller, subscription), "delivery", pk=delivery)
        count = commands.replay(actor=self.caller, subscription=subscription, delivery=delivery)
        return Response({"replayed": count}, status=202)


class Replay(Ours):
    """All notices since a moment again."""

    posted = (Parameter("since", "From this moment on.", kind="moment"),)

    @operation("Send all notices since a moment again, under their own ids", Replayed, status=202)
    def post(self, request: Request, id: UUID) -> Response:
        subscription, since = self.ours(id), self.asked.get("since")
        if since is None:
            message = "since is missing."
            raise Invalid(message, errors=[FieldError("since", "required", message)])
        count = commands.replay(actor=self.caller, subscription=subscription, since=since)
        return Response({"replayed": count}, status=202)


class Rotate(Ours):
    """A new secret."""

    @operation("Change a webhook's secret; for 24 hours both sign", NewSecret, problems=(409,))
    def post(self, request: Request, id: UUID) -> Response:
        subscription = self.ours(id)
        secret = commands.rotate_secret(actor=self.caller, subscription=subscription)
        return Response(NewSecret({"secret": secret, "previous_until": subscription.rotated_until}).data)


class Test(Ours):
    """A notice of nothing."""

    @operation("Send a notice of nothing, to see whether it arrives", DeliveryShown, status=202)
    def post(self, request: Request, id: UUID) -> Response:
        delivery = commands.send_test(actor=self.caller, subscription=self.ours(id))
        return self.one(delivery, DeliveryShown, status=202)
