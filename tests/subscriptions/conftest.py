"""The cast of the API, a receiver of webhooks on loopback, and the hub's clock turned by hand."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from standardwebhooks import Webhook

from connectors.testing import Reply, Served, serving
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.models import Relation
from hub.store.tables import ensure_relation
from hub.subscriptions import sending
from hub.subscriptions.digests import send_digests
from hub.subscriptions.models import Delivery, Subscription
from hub.subscriptions.watching import watch
from policies import commands as policies
from tests.api.conftest import (  # noqa: F401
    Api,
    as_agency,
    dataset,
    flights,
    no_limits_left_over,
    owner,
    reader,
    token_of,
)


class Receiver:
    """A program that is told: ``answers`` are what it says next, 200 once they are used up."""

    def __init__(self, served: Served, answers: list[Reply | Callable[[], Reply]]) -> None:
        self.served, self.answers = served, answers

    @property
    def url(self) -> str:
        return f"{self.served.url}hook"

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(asked.body) for asked in self.served.asked]

    def types(self) -> list[tuple[str, str]]:
        return [(told["type"], told["data"].get("dataset", "")) for told in self.told()]

    def verified(self, secret: str) -> list[Any]:
        """What came, as somebody else's library lets it in; raises where a signature does not hold."""
        headers = [{name.lower(): value for name, value in a.headers.items()} for a in self.served.asked]
        return [Webhook(secret).verify(a.body, h) for a, h in zip(self.served.asked, headers, strict=True)]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.HUB_WEBHOOK_HOSTS = ("127.0.0.0/8",)
    answers: list[Reply | Callable[[], Reply]] = []

    def answer(asked: object) -> Reply:
        reply = answers.pop(0) if answers else Reply()
        return reply() if callable(reply) else reply

    with serving(answer) as served:
        yield Receiver(served, answers)


def subscribed(api: Api, **values: Any) -> tuple[Subscription, str]:
    response = api.post("subscriptions", {"target": "dot.flights", **values})
    assert response.status_code == 201, response.content
    return Subscription.objects.get(pk=response.json()["id"]), response.json()["secret"]


def tick() -> None:
    """What the worker does at each tick, and with each message of it."""
    watch()
    send_digests()
    due = Delivery.objects.filter(status="pending", next_try__lte=now())
    for pk in due.order_by("at", "type").values_list("pk", flat=True):
        sending.deliver(pk)


def load(loaded: Dataset) -> None:
    """A completed run: another version, of this moment."""
    relation = ensure_relation(loaded)
    Relation.objects.filter(pk=relation.pk).update(version=relation.version + 1, synced_at=now())


def later(**ago: float) -> None:
    """Let so much time pass for what is on its way."""
    for delivery in Delivery.objects.filter(status="pending"):
        Delivery.objects.filter(pk=delivery.pk).update(next_try=delivery.next_try - timedelta(**ago))


def rule(key: str, target: str, **words: Any) -> Any:
    words = {"reason": "Enough", "party": "agency:ops", **words}
    return policies.approve_rule(actor=HUB, rule=policies.draft_rule(actor=HUB, key=key, target=target, **words))
