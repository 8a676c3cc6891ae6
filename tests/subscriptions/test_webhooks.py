"""A webhook is signed, tried again, replayed and given up as its receiver deserves, and reaches no inner address."""

import logging
import os
import signal
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils.timezone import now
from standardwebhooks import WebhookVerificationError

from connectors.fetching.calling import call
from connectors.testing import Reply
from hub.accounts.models import Mail
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import SourceDown, SourceRefused
from hub.subscriptions import sending, watching
from hub.subscriptions.models import Delivery, Subscription
from hub.subscriptions.signing import new_secret
from tests.api.conftest import Api
from tests.cast import member
from tests.subscriptions.conftest import Receiver, later, load, subscribed, tick

pytestmark = pytest.mark.django_db(transaction=True)


def test_new_version_is_told_once_thin_and_signed(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    _, secret = subscribed(reader, url=receiver.url, events=["dataset.version"])

    tick()
    load(flights)
    tick()
    tick()

    (told,) = receiver.verified(secret)
    assert receiver.types() == [("dataset.version", "dot.flights")]
    assert told["data"]["version"] == 4
    assert set(told) == {"type", "timestamp", "data"}
    assert set(told["data"]) == {"subscription", "dataset", "version", "links"}
    with pytest.raises(WebhookVerificationError):
        receiver.verified(new_secret())


def test_both_secrets_sign_while_the_receiver_changes_over(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    subscription, first = subscribed(reader, url=receiver.url, events=["dataset.version"])
    second = reader.post(f"subscriptions/{subscription.pk}/rotate").json()["secret"]

    load(flights)
    tick()
    assert receiver.verified(first) == receiver.verified(second)

    Subscription.objects.update(rotated_until=now())
    receiver.served.asked.clear()
    load(flights)
    tick()
    assert len(receiver.verified(second)) == 1
    with pytest.raises(WebhookVerificationError):
        receiver.verified(first)


def test_what_fails_is_tried_again_under_the_same_id(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    subscription, _ = subscribed(reader, url=receiver.url, events=["dataset.version"])
    receiver.answers += [Reply(status=500), Reply(status=302, headers={"Location": "/elsewhere"})]

    load(flights)
    tick()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("pending", 1, 500)
    assert timedelta(seconds=4) < delivery.next_try - now() < timedelta(seconds=7)
    tick()
    assert len(receiver.told()) == 1  # not before its time
    later(seconds=10)
    tick()
    assert "redirects are not followed" in Delivery.objects.get().error
    assert Subscription.objects.get().failing_since is not None
    later(seconds=400)
    tick()

    assert [asked.path for asked in receiver.served.asked] == ["/hook"] * 3
    assert {asked.headers["webhook-id"] for asked in receiver.served.asked} == {str(delivery.pk)}
    assert receiver.told()[0] == receiver.told()[2]
    shown = reader.get(f"subscriptions/{subscription.pk}/deliveries").json()["data"]
    assert [(one["status"], one["attempts"], one["error"]) for one in shown] == [("delivered", 3, "")]
    assert Subscription.objects.get().failing_since is None


def test_receiver_is_left_alone_for_as_long_as_it_asks(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    subscribed(reader, url=receiver.url, events=["dataset.version"])
    receiver.answers.append(Reply(status=429, headers={"Retry-After": "3600"}))

    load(flights)
    tick()

    assert timedelta(seconds=3590) < Delivery.objects.get().next_try - now() <= timedelta(seconds=3600)


def test_receiver_that_says_gone_ends_the_subscription(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    member("ops", "requester")
    subscribed(reader, url=receiver.url)
    receiver.answers.append(Reply(status=410))

    load(flights)
    tick()
    load(flights)
    tick()

    assert len(receiver.told()) == 1
    assert Subscription.objects.get().state == "broken"
    letter = Mail.objects.get()
    assert (letter.to, letter.subject) == (["requester@ops.example"], "The subscription to dot.flights is broken")
    assert "The receiver says that it is gone (HTTP 410)." in letter.text


def test_an_ended_subscription_is_told_in_the_hubs_language(
    flights: Dataset, reader: Api, receiver: Receiver, settings: Any
) -> None:
    settings.HUB_MAIL_LANGUAGE = "zh-hans"
    member("ops", "requester")
    subscribed(reader, url=receiver.url)
    receiver.answers.append(Reply(status=410))

    load(flights)
    tick()

    letter = Mail.objects.get()
    assert letter.subject == "对 dot.flights 的订阅状态为：已失效"
    assert "接收方表示已不存在（HTTP 410）。" in letter.text


def test_receiver_that_never_answers_pauses_the_subscription(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    member("ops", "requester")
    subscription, _ = subscribed(reader, url=receiver.url, events=["dataset.version"])
    receiver.answers += [Reply(status=503)] * (len(sending.WAITS) + 1)
    load(flights)
    waited = timedelta(0)
    for _ in range(len(sending.WAITS) + 1):
        tick()
        waited += (Delivery.objects.get().next_try or now()) - now()
        later(hours=48)

    assert timedelta(hours=24) < waited < timedelta(hours=33)
    assert (Delivery.objects.get().status, Subscription.objects.get().state) == ("failed", "paused")
    assert "paused" in Mail.objects.get().subject

    load(flights)
    tick()
    assert Delivery.objects.count() == 1
    reader.patch(f"subscriptions/{subscription.pk}", {"state": "active"})
    reader.post(f"subscriptions/{subscription.pk}/replay?since=2020-01-01T00:00:00Z")
    tick()
    assert [told["data"]["version"] for told in receiver.told()[-2:]] == [4, 5]


def test_replay_sends_the_same_again(flights: Dataset, reader: Api, receiver: Receiver, owner: Api) -> None:
    subscription, secret = subscribed(reader, url=receiver.url, events=["dataset.version"])
    load(flights)
    tick()
    delivery, moment = Delivery.objects.get(), now()

    path = f"subscriptions/{subscription.pk}"
    assert reader.post(f"{path}/deliveries/{delivery.pk}/replay").json() == {"replayed": 1}
    tick()
    assert reader.post(f"{path}/replay?since=2020-01-01T00:00:00Z").json() == {"replayed": 1}
    tick()
    assert reader.post(f"{path}/replay?since={moment:%Y-%m-%dT%H:%M:%SZ}".replace("Z", ".999999Z")).status_code == 202
    tick()

    first, *more = receiver.verified(secret)
    assert more[:2] == [first, first]
    assert reader.post(f"{path}/replay").status_code == 400
    assert reader.post(f"{path}/replay?until=now").status_code == 400
    assert owner.post(f"{path}/deliveries/{delivery.pk}/replay").status_code == 404


def test_test_arrives(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    subscription, secret = subscribed(reader, url=receiver.url)

    assert reader.post(f"subscriptions/{subscription.pk}/test").status_code == 202
    tick()

    assert [told["type"] for told in receiver.verified(secret)] == ["subscription.test"]


def test_worker_killed_in_its_call_leaves_the_notice_to_the_next(
    flights: Dataset, reader: Api, receiver: Receiver
) -> None:
    subscribed(reader, url=receiver.url, events=["dataset.version"])
    called, goes_on = threading.Event(), threading.Event()

    def held() -> Reply:
        called.set()
        goes_on.wait(20)
        return Reply()

    receiver.answers.append(held)
    load(flights)
    watching.watch()
    pk = Delivery.objects.get().pk
    child = _forked(lambda: sending.deliver(pk))
    assert called.wait(20)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    goes_on.set()

    tick()
    assert len(receiver.told()) == 1  # the lease of the one that was killed still holds
    later(minutes=2)
    tick()
    assert Delivery.objects.get().status == "delivered"
    assert [asked.headers["webhook-id"] for asked in receiver.served.asked] == [str(pk)] * 2


def test_watcher_killed_in_between_neither_loses_nor_doubles_a_notice(
    flights: Dataset, reader: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed(reader, url=receiver.url, events=["dataset.version"])
    load(flights)
    compared = watching._compare

    def killed(*args: Any, **values: Any) -> None:
        compared(*args, **values)
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(watching, "_compare", killed)
        os.waitpid(_forked(watching.watch), 0)
    assert Delivery.objects.count() == 0

    threads = [threading.Thread(target=_watched) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Delivery.objects.count() == 1


def test_receiver_that_hangs_or_dribbles_is_let_go(receiver: Receiver) -> None:
    over = threading.Event()
    receiver.answers.append(lambda: Reply(body=b"late") if over.wait(10) else Reply())
    begun = time.monotonic()

    with pytest.raises(SourceDown):
        call(receiver.url, b"{}", {}, ("127.0.0.1",), deadline=0.5)

    assert time.monotonic() - begun < 3
    over.set()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_inner_addresses_are_out_of_reach_unless_named(host: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        call(f"http://{host}:9/", b"{}", {}, (), deadline=2)

    assert refused.value.code == "address-refused"
    assert "10.0.0.1" not in refused.value.message + refused.value.hint


def test_secrets_show_up_nowhere(
    flights: Dataset, reader: Api, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    subscription, secret = subscribed(reader, url=f"{receiver.url}?key=canary")
    second = reader.post(f"subscriptions/{subscription.pk}/rotate").json()["secret"]
    receiver.answers.append(Reply(status=500))
    load(flights)
    tick()

    path = f"subscriptions/{subscription.pk}"
    seen = [reader.get(path), reader.get("subscriptions"), reader.get(f"{path}/deliveries"), reader.get("events")]
    texts = [response.content.decode() for response in seen]
    texts += [str(list(Event.objects.values())), str(list(Delivery.objects.values())), caplog.text]
    texts.append(str(bytes(Subscription.objects.get().sealed)))
    texts += [str(dict(asked.headers)) + asked.body.decode() for asked in receiver.served.asked]
    bare = [word.removeprefix("whsec_") for word in (secret, second)]
    assert [word for word in bare for text in texts if word in text] == []
    assert "canary" not in texts[2] + texts[3] + texts[4] + texts[6]


def _watched() -> None:
    watching.watch()
    connections.close_all()


def _forked(act: Any) -> int:
    """Do ``act`` in a process of its own, on connections of its own; its id."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    return child
