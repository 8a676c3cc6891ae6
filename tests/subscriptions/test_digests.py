"""A digest is one mail for each address and period, with what has changed and what its reader may see; else none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.utils.timezone import now

from hub.accounts import commands as accounts
from hub.accounts import mail
from hub.accounts.caller import HUB
from hub.accounts.models import Membership
from hub.catalog.models import Dataset
from hub.subscriptions.digests import slot_after
from hub.subscriptions.models import Delivery
from tests.api.conftest import Api
from tests.cast import member
from tests.subscriptions.conftest import later, load, subscribed, tick

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "requester@ops.example"


@pytest.fixture
def person(db: None, reader: Api) -> None:
    member("ops", "requester")


def sent() -> list[tuple[list[str], str, str]]:
    """The mails on changes that went out since this was asked last, which leaves out invitations."""
    mail.send_waiting()
    written = [(letter.to, letter.subject, letter.body) for letter in outbox.outbox]
    letters = [letter for letter in written if "/invitations/" not in letter[2]]
    outbox.outbox.clear()
    return letters


@pytest.mark.parametrize(("period", "slot"), [("at-once", "10:20:30"), ("hourly", "11:00:00"), ("daily", "00:00:00")])
def test_mails_go_out_at_the_full_hour_and_at_midnight(period: str, slot: str) -> None:
    moment = datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)

    due = slot_after(moment, period)

    assert f"{due:%H:%M:%S}" == slot
    assert timedelta(0) <= due - moment < timedelta(days=1)


def test_one_mail_has_all_that_has_changed(
    flights: Dataset, dataset: Callable[..., Dataset], reader: Api, person: None
) -> None:
    dataset("trains")
    subscribed(reader, mail=[ADDRESS], period="hourly", events=["dataset.version"])
    subscribed(reader, target="dot.*", mail=[ADDRESS], period="hourly", events=["dataset.version"])
    load(flights)
    tick()
    load(flights)
    load(Dataset.objects.get(key="dot.trains"))
    tick()
    assert sent() == []

    later(hours=1)
    tick()
    ((to, subject, text),) = sent()

    assert (to, subject) == ([ADDRESS], "Changes to datasets: 2")
    assert (text.count("dot.flights: new version"), text.count("dot.trains: new version")) == (1, 1)
    later(hours=1)
    tick()
    assert sent() == []


def test_mail_is_in_the_hubs_language(flights: Dataset, reader: Api, person: None, settings: Any) -> None:
    settings.HUB_MAIL_LANGUAGE = "zh-hans"
    subscribed(reader, mail=[ADDRESS], period="at-once", events=["dataset.version"])
    load(flights)
    tick()

    ((_, subject, text),) = sent()
    assert "数据集" in subject
    assert "新版本" in text


def test_what_is_out_of_sight_by_then_is_in_no_mail(flights: Dataset, reader: Api, person: None) -> None:
    subscribed(reader, mail=[ADDRESS], period="daily")
    load(flights)
    tick()
    Dataset.objects.filter(pk=flights.pk).update(is_secret=True, sharing_class="closed", reason="Secret")
    accounts.bump_epoch()

    later(days=1)
    tick()

    assert sent() == []
    assert set(Delivery.objects.values_list("status", flat=True)) == {"withheld"}


def test_only_people_of_the_agency_are_written_to(flights: Dataset, reader: Api, person: None) -> None:
    member("spy", "requester")
    for address in ("requester@spy.example", "nobody@else.example"):
        response = reader.post("subscriptions", {"target": "dot.flights", "mail": [address]})
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "unknown")

    subscribed(reader, mail=[ADDRESS], period="at-once")
    accounts.remove_member(actor=HUB, membership=Membership.objects.get(user__email=ADDRESS))
    load(flights)
    tick()
    assert sent() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://ops.example/"}, "url"),
        ({"url": "https://user:word@ops.example/"}, "url"),
        ({"url": "https://ops.example/", "mail": [ADDRESS]}, "url"),
        ({"url": "https://ops.example/", "events": []}, "events"),
        ({"url": "https://ops.example/", "target": "none.*"}, "target"),
    ],
)
def test_what_cannot_be_is_refused(
    flights: Dataset, reader: Api, person: None, body: dict[str, Any], field: str
) -> None:
    response = reader.post("subscriptions", {"target": "dot.flights", **body})

    assert response.status_code == 400
    assert field in [fault["field"] for fault in response.json()["errors"]]


def test_paused_subscription_waits_and_then_tells(flights: Dataset, reader: Api, person: None) -> None:
    subscription, _ = subscribed(reader, mail=[ADDRESS], period="at-once", events=["dataset.version"])
    path = f"subscriptions/{subscription.pk}"
    reader.patch(path, {"state": "paused"})
    load(flights)
    load(flights)
    tick()
    assert sent() == []

    assert reader.patch(path, {"state": "active", "period": "at-once"}).json()["state"] == "active"
    tick()
    assert len(sent()) == 1
    assert Delivery.objects.get().at <= now()
    assert reader._sent("delete", path, {}, {}).status_code == 204
    assert reader.get(path).status_code == 404
