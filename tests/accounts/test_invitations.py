"""Links that work once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from hub.accounts.caller import HUB
from hub.accounts.commands import set_member
from hub.accounts.invitations import (
    accept_invitation,
    first_administrator_link,
    open_invitation,
    request_password_reset,
)
from hub.accounts.models import Invitation, Membership, User
from hub.accounts.queries import caller_for_user
from tests.cast import agency, faults, member, refusal

pytestmark = pytest.mark.django_db
PASSWORD = "a long and unusual sentence"


def _secret(path: str | None) -> str:
    assert path is not None
    return path.removeprefix("/invitations/")


def _invited(email: str = "new@dot.example") -> str:
    return _secret(set_member(actor=HUB, agency=agency("dot"), email=email, roles=["publisher"])[1])


def test_invited_person_sets_a_password_once() -> None:
    secret = _invited()
    invitation = open_invitation(secret)
    assert invitation is not None
    assert invitation.user == User.objects.get(email="new@dot.example")

    user = accept_invitation(secret, PASSWORD)

    assert user.check_password(PASSWORD)
    assert open_invitation(secret) is None
    assert refusal(accept_invitation, secret=secret, password="another long sentence") == "not-found"
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_secret_of_a_link_is_kept_nowhere() -> None:
    secret = _invited()

    assert not any(secret in str(value) for value in Invitation.objects.values_list().get())


def test_newer_link_voids_the_older_and_nobody_elses() -> None:
    first, other = _invited(), _invited("other@dot.example")

    second = _invited()

    assert open_invitation(first) is None
    assert open_invitation(second) is not None
    assert open_invitation(other) is not None


@pytest.mark.parametrize("secret", ["", "unknown", "\udcff"])
def test_unknown_link_opens_nothing(secret: str) -> None:
    _invited()

    assert open_invitation(secret) is None
    assert refusal(accept_invitation, secret=secret, password=PASSWORD) == "not-found"


def test_old_link_and_that_of_an_inactive_person_open_nothing() -> None:
    old, inactive = _invited(), _invited("gone@dot.example")
    Invitation.objects.filter(user__email="new@dot.example").update(expires_at=now())
    User.objects.filter(email="gone@dot.example").update(is_active=False)

    for secret in (old, inactive):
        assert open_invitation(secret) is None
        assert refusal(accept_invitation, secret=secret, password=PASSWORD) == "not-found"


def test_weak_password_leaves_the_link_good() -> None:
    secret = _invited()

    assert {field for field, _ in faults(accept_invitation, secret=secret, password="12345")} == {"password"}

    assert open_invitation(secret) is not None
    assert not User.objects.get(email="new@dot.example").has_usable_password()


def test_first_administrator_gets_the_hubs_own_agency() -> None:
    secret = _secret(first_administrator_link())

    user = accept_invitation(secret, PASSWORD, email="Administrator@Hub.Example")

    caller = caller_for_user(user)
    assert caller is not None
    assert (caller.name, caller.agency) == ("administrator@hub.example", "hub")
    assert caller.roles == {"system", "authority", "auditor"}
    assert agency("hub").name == "Hub administration"
    assert first_administrator_link() is None


def test_each_start_voids_the_link_of_the_one_before() -> None:
    first, second = _secret(first_administrator_link()), _secret(first_administrator_link())

    assert open_invitation(first) is None
    assert open_invitation(second) is not None


def test_printed_link_opens_nothing_once_somebody_runs_the_hub() -> None:
    secret = _secret(first_administrator_link())
    member("hub", "system")

    assert open_invitation(secret) is None
    assert refusal(accept_invitation, secret=secret, password=PASSWORD, email="thief@hub.example") == "not-found"
    assert not User.objects.filter(email="thief@hub.example").exists()


@pytest.mark.parametrize("email", ["", "nobody"])
def test_first_administrator_needs_an_address(email: str) -> None:
    secret = _secret(first_administrator_link())

    assert faults(accept_invitation, secret=secret, password=PASSWORD, email=email) == [("email", "invalid")]

    assert not Membership.objects.exists()
    assert open_invitation(secret) is not None


def test_reset_is_mailed_to_whoever_is_here_and_told_to_nobody(
    mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    member("dot", "publisher")

    with django_capture_on_commit_callbacks(execute=True):
        request_password_reset(" Publisher@dot.example ")
        request_password_reset("stranger@dot.example")

    assert [mail.to for mail in mailoutbox] == [["publisher@dot.example"]]
    invitation = Invitation.objects.get()
    assert invitation.expires_at - now() <= timedelta(hours=2)
