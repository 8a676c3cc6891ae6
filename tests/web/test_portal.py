"""The portal's pages, with people who may and people who may not."""

import re
from typing import Any

import pytest
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.commands import create_agency, set_member
from hub.accounts.invitations import first_administrator_link
from hub.accounts.models import Agency, Membership, Token, User
from hub.accounts.queries import caller_for_token
from hub.catalog.models import Dataset
from policies.commands import classify_dataset
from tests.web.conftest import PASSWORD, SignedIn


@pytest.mark.parametrize("path", ["/", "/datasets/water.wells", "/runs", "/tokens", "/people", "/agencies", "/profile"])
def test_nothing_is_shown_without_signing_in(wells: Dataset, path: str) -> None:
    answer = Browser().get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


def test_catalogue_lists_and_narrows(signed_in: SignedIn) -> None:
    browser = signed_in("city")

    assert "water.wells" in browser.get("/").content.decode()
    assert "water.wells" in browser.get("/", {"q": "水井"}).content.decode()
    assert "water.wells" not in browser.get("/", {"q": "rivers"}).content.decode()
    part = browser.get("/", {"q": "wells"}, headers={"HX-Request": "true"}).content.decode()
    assert "water.wells" in part
    assert "<html" not in part


def test_dataset_page_shows_rows_as_the_visitor_may_see_them(signed_in: SignedIn) -> None:
    theirs = signed_in("city").get("/datasets/water.wells").content.decode()
    own = signed_in("water").get("/datasets/water.wells").content.decode()

    assert "&lt;b&gt;deep&lt;/b&gt;" in theirs
    assert "phone-555" not in theirs
    assert "withheld" in theirs
    assert "phone-555" in own


def test_denied_dataset_says_why_and_what_to_do_and_shows_no_row(signed_in: SignedIn, wells: Dataset) -> None:
    law = [{"title": "Water Act", "article": "12"}]
    classify_dataset(
        actor=HUB, dataset=wells, sharing_class="conditional", reason="Safety", legal_basis=law, conditions="A purpose"
    )

    page = signed_in("city").get("/datasets/water.wells").content.decode()

    assert "You cannot read this yet" in page
    assert "Water Act, 12" in page
    assert "Apply to Water Board" in page
    assert "deep" not in page


def test_dataset_that_is_not_there_for_the_visitor_is_not_found(signed_in: SignedIn, wells: Dataset) -> None:
    Dataset.objects.update(status="draft")

    assert signed_in("city").get("/datasets/water.wells").status_code == 404
    assert signed_in("water", "publisher").get("/datasets/water.wells").status_code == 200


def test_pages_speak_chinese(signed_in: SignedIn) -> None:
    browser = signed_in("city")
    browser.post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})

    page = browser.get("/datasets/water.wells").content.decode()

    assert '<html lang="zh-hans">' in page
    assert "水井" in page
    assert "编号" in page
    assert "不提供" in page


def test_token_is_shown_once_and_works_until_it_is_revoked(signed_in: SignedIn) -> None:
    browser = signed_in("city", "reviewer")

    made = browser.post("/tokens", {"client": "map", "scopes": "", "days": "30"}).content.decode()
    secret = made.partition('<pre id="secret"><code>')[2].partition("<")[0]
    listed = browser.get("/tokens").content.decode()
    caller = caller_for_token(secret)
    token = Token.objects.get()
    browser.post(f"/tokens/{token.pk}/revoke")

    assert caller is not None
    assert caller.client == "city/map"
    assert secret not in listed
    assert token.prefix in listed
    assert caller_for_token(secret) is None


def test_who_may_not_make_tokens_is_told_and_gets_none(signed_in: SignedIn) -> None:
    answer = signed_in("city").post("/tokens", {"client": "map", "days": "30"})

    assert answer.status_code == 403
    assert "This was not done" in answer.content.decode()
    assert not Token.objects.exists()


def test_token_of_another_agency_cannot_be_revoked(signed_in: SignedIn) -> None:
    signed_in("water", "reviewer").post("/tokens", {"client": "pump", "days": "30"})
    token = Token.objects.get()

    answer = signed_in("city", "reviewer").post(f"/tokens/{token.pk}/revoke")

    token.refresh_from_db()
    assert answer.status_code == 404
    assert token.revoked_at is None


def test_people_are_invited_and_removed_by_their_reviewer(
    signed_in: SignedIn, mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    browser = signed_in("city", "reviewer")

    with django_capture_on_commit_callbacks(execute=True):
        invited = browser.post("/people", {"email": "new@city.example", "roles": ["requester"]}).content.decode()
    membership = Membership.objects.get(user__email="new@city.example")
    refused = signed_in("water", "reviewer").post("/people/new@city.example/remove", {"agency": "city"})
    removed = browser.post("/people/new@city.example/remove")

    assert "is sent a link by mail" in invited
    assert "/invitations/" in mailoutbox[0].body
    assert membership.roles == ["requester"]
    assert refused.status_code == 404
    assert removed.status_code == 302
    assert not Membership.objects.filter(pk=membership.pk).exists()


def test_page_tells_a_reviewer_nothing_of_the_person_elsewhere(signed_in: SignedIn) -> None:
    signed_in("water", "publisher")
    set_member(actor=HUB, agency=Agency.objects.get(code="water"), email="pending@water.example", roles=[])
    browser = signed_in("city", "reviewer")

    def told(email: str) -> str:
        page = browser.post("/people", {"email": email, "roles": ["requester"]}).content.decode()
        browser.post(f"/people/{email}/remove")
        return re.sub(r'value="[A-Za-z0-9]{64}"|nonce="[^"]*"', "", page).replace(email, "<address>")

    known, waiting, new = map(told, ("publisher@water.example", "pending@water.example", "nobody@water.example"))

    assert "&lt;address&gt;" not in new
    assert "<address> is a member now" in new
    assert known == waiting == new


def test_administrator_is_shown_the_link(signed_in: SignedIn) -> None:
    create_agency(actor=HUB, code="hub", name="Administration")

    browser = signed_in("hub", "system")

    page = browser.post("/people", {"agency": "city", "email": "new@city.example"})
    removed = browser.post("/people/new@city.example/remove", {"agency": "city"})

    assert "/invitations/" in page.content.decode()
    assert removed.status_code == 302
    assert not Membership.objects.filter(user__email="new@city.example").exists()


def test_first_administrator_comes_by_a_link_that_works_once(db: None) -> None:
    link = first_administrator_link()
    assert link is not None
    browser = Browser()

    weak = browser.post(link, {"email": "administrator@hub.example", "password": "password"})
    done = browser.post(link, {"email": "administrator@hub.example", "password": PASSWORD})
    again = Browser().post(link, {"email": "other@hub.example", "password": PASSWORD})

    assert weak.status_code == 400
    assert done.status_code == 302
    assert again.status_code == 404
    assert list(User.objects.values_list("email", flat=True)) == ["administrator@hub.example"]
    assert first_administrator_link() is None
    assert "administrator@hub.example" in browser.get("/").content.decode()


def test_forgotten_password_answers_alike_for_known_and_unknown(signed_in: SignedIn) -> None:
    signed_in("city")
    known = Browser().post("/password", {"email": "nobody@city.example"}, follow=True).content.decode()
    unknown = Browser().post("/password", {"email": "stranger@city.example"}, follow=True).content.decode()

    note = "If this address is known here, a link is on its way to it."
    assert note in known
    assert note in unknown


def test_agency_switched_off_lets_nobody_in(signed_in: SignedIn) -> None:
    browser, administrator = signed_in("city"), signed_in("water", "system")

    administrator.post("/agencies/city/switch")

    assert browser.get("/").status_code == 403


def test_page_carries_no_inline_script_or_style(signed_in: SignedIn) -> None:
    answer = signed_in("city").get("/datasets/water.wells")
    page = answer.content.decode()

    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert " style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=")
