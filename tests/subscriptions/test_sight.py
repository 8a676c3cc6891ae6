"""A notice says only what its subscriber may see at that moment: what is hidden neither notifies nor is told of."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.models import Client
from hub.catalog import commands as catalog
from hub.catalog.models import Dataset, Field
from hub.store.models import Relation
from hub.subscriptions.models import Delivery, Subscription
from hub.subscriptions.watching import watch
from policies import commands as policies
from tests.api.conftest import Api
from tests.subscriptions.conftest import Receiver, load, rule, subscribed, tick

pytestmark = pytest.mark.django_db(transaction=True)


def describe(dataset: Dataset, field: str, text: str) -> None:
    """Another description of one field, as its owner would set it."""
    Field.objects.filter(dataset=dataset, name=field).update(description=text)
    accounts.bump_epoch()


def test_schema_is_told_of_when_the_subscribers_own_one_changes(
    flights: Dataset, reader: Api, owner: Api, receiver: Receiver
) -> None:
    subscribed(reader, url=receiver.url, events=["dataset.schema"])
    subscribed(owner, url=receiver.url, events=["dataset.schema"])

    describe(flights, "ssn", "Hidden from ops")
    tick()
    assert len(receiver.told()) == 1  # the owner's

    describe(flights, "delay", "Seen by both")
    tick()
    assert len(receiver.told()) == 3

    rule("no-delay", "dot.flights#delay", access="hidden")
    tick()
    assert receiver.types() == [("dataset.schema", "dot.flights")] * 4


def test_class_and_freshness_are_told_of(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    Dataset.objects.update(update_frequency="hourly")
    load(flights)
    subscribed(reader, url=receiver.url)

    Relation.objects.update(synced_at=now() - timedelta(hours=5))
    tick()
    assert receiver.types() == [("dataset.freshness", "dot.flights")]

    basis = [{"title": "Act", "article": "1", "kind": "law"}]
    policies.classify_dataset(
        actor=HUB, dataset=flights, sharing_class="conditional", reason="Why", conditions="If", legal_basis=basis
    )
    tick()
    assert receiver.types()[1:] == [("dataset.class", "dot.flights")]


def test_dataset_out_of_sight_is_silent_and_its_notices_are_unknown(
    flights: Dataset, reader: Api, owner: Api, receiver: Receiver
) -> None:
    subscription, _ = subscribed(reader, url=receiver.url)
    subscribed(owner, url=receiver.url, events=["dataset.version"])
    load(flights)
    tick()
    told = len(receiver.told())
    notice = subscription.deliveries.first()

    Dataset.objects.filter(pk=flights.pk).update(is_secret=True, sharing_class="closed", reason="Secret")
    accounts.bump_epoch()
    load(flights)
    tick()

    assert [one["data"]["version"] for one in receiver.told()[told:]] == [5]  # the owner's
    path = f"subscriptions/{subscription.pk}"
    assert reader.get(f"{path}/deliveries").json()["data"] == []
    assert notice is not None
    assert reader.post(f"{path}/deliveries/{notice.pk}/replay").status_code == 404
    assert reader.post(f"{path}/replay?since=2020-01-01T00:00:00Z").json() == {"replayed": 0}


def test_notice_on_its_way_is_withheld_once_its_dataset_is_out_of_sight(
    flights: Dataset, reader: Api, receiver: Receiver
) -> None:
    subscription, _ = subscribed(reader, url=receiver.url)
    load(flights)
    watch()
    Dataset.objects.filter(pk=flights.pk).update(is_secret=True, sharing_class="closed", reason="Secret")
    accounts.bump_epoch()

    tick()

    assert receiver.told() == []
    assert set(Delivery.objects.values_list("status", flat=True)) == {"withheld"}
    Dataset.objects.filter(pk=flights.pk).update(is_secret=False, sharing_class="unconditional")
    accounts.bump_epoch()
    assert reader.get(f"subscriptions/{subscription.pk}/deliveries").json()["data"] == []


def test_secret_dataset_is_refused_like_an_unknown_one(
    dataset: Callable[..., Dataset], reader: Api, owner: Api
) -> None:
    dataset("vault", is_secret=True, sharing_class="closed", reason="Secret")

    answers = []
    for key in ("dot.vault", "dot.never"):
        response = reader.post("subscriptions", {"target": key, "url": "https://ops.example/"})
        answers.append(json.dumps(response.json()).replace(key, ""))
        assert response.status_code == 400
    assert answers[0] == answers[1]
    assert owner.post("subscriptions", {"target": "dot.vault", "url": "https://dot.example/"}).status_code == 201


def test_dataset_that_comes_into_sight_is_told_of(
    flights: Dataset, dataset: Callable[..., Dataset], reader: Api, receiver: Receiver
) -> None:
    subscribed(reader, target="dot.*", url=receiver.url)
    trains = dataset("trains")
    tick()
    assert receiver.told() == []

    load(trains)
    tick()
    assert sorted(receiver.types()) == [("dataset.freshness", "dot.trains"), ("dataset.version", "dot.trains")]


def test_subscriber_that_has_ended_is_told_nothing(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    subscribed(reader, url=receiver.url)
    accounts.switch_client(actor=HUB, client=Client.objects.get(agency__code="ops"), is_active=False)

    load(flights)
    tick()

    assert receiver.told() == []
    assert Subscription.objects.get().state == "broken"


def test_subscriptions_are_their_subscribers_alone(
    flights: Dataset, reader: Api, as_agency: Callable[..., Api], receiver: Receiver
) -> None:
    subscription, _ = subscribed(reader, url=receiver.url)
    stranger, path = as_agency("spy"), f"subscriptions/{subscription.pk}"

    assert reader.get(path).status_code == 200
    assert [row["id"] for row in reader.get("subscriptions").json()["data"]] == [str(subscription.pk)]
    assert stranger.get("subscriptions").json()["data"] == []
    asked: list[tuple[str, Any]] = [("", None), ("/deliveries", None), ("/test", {}), ("/rotate", {})]
    for more, body in asked:
        response = stranger.get(path + more) if body is None else stranger.post(path + more, body)
        assert response.status_code == 404
    assert stranger.patch(path, {"state": "paused"}).status_code == 404


def test_quiet_ticks_cost_the_same_for_one_dataset_and_for_three(
    flights: Dataset, dataset: Callable[..., Dataset], reader: Api, receiver: Receiver
) -> None:
    subscribed(reader, target="*", url=receiver.url)
    counts = []
    for name in ("", "trains", "ships"):
        if name:
            dataset(name)
        watch()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            watch()
        counts.append(len(queries))

    assert counts == [2, 2, 2]


def test_unpublished_dataset_is_unknown(owner: Api, flights: Dataset, reader: Api, receiver: Receiver) -> None:
    agency = flights.agency
    fields = [{"name": "id", "type": "integer", "sensitivity": "public"}]
    catalog.register_dataset(
        actor=HUB, agency=agency, key="dot.draft", title="Draft", fields=fields, primary_key=["id"]
    )

    response = reader.post("subscriptions", {"target": "dot.draft", "url": receiver.url})
    assert response.status_code == 400
    assert owner.post("subscriptions", {"target": "dot.draft", "url": receiver.url}).status_code == 201
