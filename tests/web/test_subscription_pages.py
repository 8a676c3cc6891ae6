"""Members subscribe on the portal, look at their notices, and see nobody else's."""

import re

from hub.catalog.models import Dataset
from hub.subscriptions.models import Delivery, Subscription
from tests.web.conftest import SignedIn


def test_member_subscribes_looks_pauses_and_ends(wells: Dataset, signed_in: SignedIn) -> None:
    browser = signed_in("city", "requester")
    form = {"target": "water.wells", "url": "https://city.example/hook", "events": ["dataset.version"]}

    made = browser.post("/subscriptions", form)
    (secret,) = re.findall(r"whsec_[\w+/=]+", made.content.decode())
    subscription = Subscription.objects.get()
    page = f"/subscriptions/{subscription.pk}"
    assert secret not in browser.get(page).content.decode()
    assert "water.wells" in browser.get("/subscriptions").content.decode()

    browser.post(f"{page}/test")
    delivery = Delivery.objects.get()
    Delivery.objects.update(status="failed", error="There was no answer in time.")
    assert "There was no answer in time." in browser.get(page).content.decode()
    browser.post(f"{page}/replay", {"delivery": str(delivery.pk)})
    assert Delivery.objects.get().status == "pending"
    browser.post(f"{page}/pause")
    assert Subscription.objects.get().state == "paused"
    browser.post(f"{page}/resume")
    assert Subscription.objects.get().state == "active"
    assert re.findall(r"whsec_[\w+/=]+", browser.post(f"{page}/rotate").content.decode()) != [secret]
    assert browser.post(f"{page}/end").status_code == 302
    assert not Subscription.objects.exists()


def test_page_of_somebody_elses_subscription_is_not_there(wells: Dataset, signed_in: SignedIn) -> None:
    owner, stranger = signed_in("water", "publisher"), signed_in("city", "requester")
    owner.post("/subscriptions", {"target": "*", "mail": "publisher@water.example", "events": ["dataset.version"]})
    page = f"/subscriptions/{Subscription.objects.get().pk}"

    assert owner.get(page).status_code == 200
    assert stranger.get(page).status_code == 404
    assert stranger.post(f"{page}/end").status_code == 404
    assert "water.example" not in stranger.get("/subscriptions").content.decode()
    assert stranger.get("/subscriptions", HTTP_ACCEPT_LANGUAGE="zh-hans").content.decode().count("订阅") > 1


def test_form_that_is_refused_keeps_what_was_typed(wells: Dataset, signed_in: SignedIn) -> None:
    browser = signed_in("city", "requester")

    refused = browser.post(
        "/subscriptions", {"target": "water.never", "url": "ftp://city.example", "events": ["dataset.version"]}
    )

    assert refused.status_code == 400
    assert "There is no dataset water.never." in refused.content.decode()
    assert "ftp://city.example" in refused.content.decode()
