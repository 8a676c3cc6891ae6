"""Shapes of subscriptions, and of the notices that they bring."""

from typing import Any

from rest_framework import serializers

from hub.subscriptions.models import EVENTS, PERIODS, Delivery, Subscription


class SubscriptionChange(serializers.Serializer[Any]):
    """What of a subscription may change; a webhook takes `url`, a digest `mail` and `period`."""

    target = serializers.CharField(
        max_length=93, required=False, help_text="A dataset's key, `agency.*` for all of an agency's, `*` for all."
    )
    events = serializers.ListField(child=serializers.ChoiceField(choices=EVENTS), required=False)
    url = serializers.CharField(max_length=2000, required=False)
    mail = serializers.ListField(
        child=serializers.EmailField(), required=False, help_text="Addresses of people of your agency."
    )
    period = serializers.ChoiceField(choices=PERIODS, required=False)
    state = serializers.ChoiceField(
        choices=[Subscription.State.ACTIVE.value, Subscription.State.PAUSED.value], required=False
    )


class NewSubscription(SubscriptionChange):
    """What to be told of, and where: `url` for a webhook, or `mail`."""

    target = serializers.CharField(
        max_length=93, help_text="A dataset's key, `agency.*` for all of an agency's, `*` for all."
    )
    state = None  # type: ignore[assignment]


class SubscriptionShown(serializers.ModelSerializer[Subscription]):
    """A subscription; `reason` says why it is not active, `failing_since` since when every try has failed."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=EVENTS))
    mail = serializers.ListField(child=serializers.EmailField())
    period = serializers.ChoiceField(choices=PERIODS)
    state = serializers.ChoiceField(choices=Subscription.State.values)

    class Meta:
        model = Subscription
        fields = (
            *("id", "target", "events", "url", "mail", "period", "state", "reason"),
            *("failing_since", "created_at"),
        )


class SubscriptionMade(SubscriptionShown):
    """A subscription with the secret of its webhook, which is shown this once; empty for mails."""

    secret = serializers.CharField()

    class Meta:
        model = Subscription
        fields = (*SubscriptionShown.Meta.fields, "secret")


class DeliveryShown(serializers.ModelSerializer[Delivery]):
    """One notice and how it fares; `id` is its `webhook-id`."""

    dataset = serializers.CharField(source="dataset.key", default=None, allow_null=True)
    status = serializers.ChoiceField(choices=Delivery.Status.values)

    class Meta:
        model = Delivery
        fields = (
            *("id", "type", "dataset", "version", "at", "status", "attempts"),
            *("tried_at", "next_try", "response_status", "error"),
        )


class Replayed(serializers.Serializer[Any]):
    """How many notices are sent again."""

    replayed = serializers.IntegerField()


class NewSecret(serializers.Serializer[Any]):
    """A secret that is shown this once; until `previous_until` the one before signs too."""

    secret = serializers.CharField()
    previous_until = serializers.DateTimeField()
