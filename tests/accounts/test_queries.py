"""Who is asking: one statement, and nobody whose time is over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import (
    bump_epoch,
    create_client,
    edit_client,
    issue_token,
    remove_member,
    revoke_token,
    set_group,
    switch_agency,
    switch_client,
)
from hub.accounts.models import Client, Epoch, Membership, Token, User
from hub.accounts.queries import caller_for_token, caller_for_user, current_epoch, refreshed
from hub.errors import Unauthenticated
from tests.cast import agency, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return create_client(actor=HUB, agency=agency("ops"), name="dashboard", roles=["requester"])


def test_token_tells_all_about_its_client_in_one_statement(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for key in ("emergency", "transport", "health"):
        set_group(actor=HUB, key=key, agencies=["ops"])
    agency("met")
    set_group(actor=HUB, key="weather", agencies=["met"])
    token, secret = issue_token(actor=HUB, client=client, scopes=["read:dot.*"], agreement="dot-planes")

    with django_assert_num_queries(1):
        caller = caller_for_token(secret)

    assert caller == Caller(
        agency="ops",
        client="ops/dashboard",
        groups=frozenset({"emergency", "transport", "health"}),
        roles=frozenset({"requester"}),
        token=token.pk,
        scopes=frozenset({"read:dot.*"}),
        agreement="dot-planes",
        epoch=current_epoch(),
    )


def test_secret_is_kept_nowhere(client: Client) -> None:
    token, secret = issue_token(actor=HUB, client=client)

    kept = [str(value) for value in Token.objects.values_list().get()]

    assert len(secret) == 47
    assert not any(secret in value for value in kept)
    assert bytes(Token.objects.get().digest) != secret.encode()
    assert token.prefix == secret[:12]


@pytest.mark.parametrize("secret", ["", "hub_", "hub_" + "A" * 43, "\udcff", "hub_\0"])
def test_unknown_secret_is_nobody(client: Client, secret: str) -> None:
    issue_token(actor=HUB, client=client)

    assert caller_for_token(secret) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda token: revoke_token(actor=HUB, token=token),
        lambda token: Token.objects.update(expires_at=now() - timedelta(seconds=1)),
        lambda token: switch_client(actor=HUB, client=token.client, is_active=False),
        lambda token: switch_agency(actor=HUB, agency=token.client.agency, is_active=False),
    ],
    ids=["revoked", "expired", "client off", "agency off"],
)
def test_token_that_has_ended_is_nobody(client: Client, end: Callable[[Token], object]) -> None:
    token, secret = issue_token(actor=HUB, client=client)
    caller = caller_for_token(secret)
    assert caller is not None

    end(token)

    assert caller_for_token(secret) is None
    with pytest.raises(Unauthenticated):
        refreshed(caller)


def test_member_speaks_for_one_agency_at_a_time(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    member("dot", "publisher", email="person@city.example")
    member("met", "reviewer", email="person@city.example")
    set_group(actor=HUB, key="weather", agencies=["met"])
    user = User.objects.get(email="person@city.example")

    with django_assert_num_queries(1):
        first = caller_for_user(user)
    chosen, foreign = caller_for_user(user, "met"), caller_for_user(user, "ops")

    assert first is not None
    assert (first.agency, first.roles, first.groups) == ("dot", {"publisher"}, frozenset())
    assert chosen is not None
    assert (chosen.agency, chosen.roles, chosen.groups) == ("met", {"reviewer"}, {"weather"})
    assert foreign is None


def test_member_of_nothing_and_inactive_user_are_nobody() -> None:
    stranger = User.objects.create_user("stranger@city.example")
    person = member("dot", "publisher")
    User.objects.filter(email=person.email).update(is_active=False)

    assert caller_for_user(stranger) is None
    assert caller_for_user(User.objects.get(email=person.email)) is None


def test_refreshed_caller_has_todays_roles_groups_and_epoch(client: Client) -> None:
    secret = issue_token(actor=HUB, client=client, scopes=["read"])[1]
    caller = caller_for_token(secret)
    assert caller is not None
    edit_client(actor=HUB, client=client, roles=[])
    set_group(actor=HUB, key="emergency", agencies=["ops"])

    renewed = refreshed(caller)

    assert renewed == replace(caller, roles=frozenset(), groups=frozenset({"emergency"}), epoch=current_epoch())
    assert renewed.epoch > caller.epoch


def test_refreshed_member_has_lost_the_place_that_was_taken() -> None:
    person = member("dot", "publisher")
    assert refreshed(person) == replace(person, epoch=current_epoch())

    remove_member(actor=HUB, membership=Membership.objects.get(user__email=person.email))

    with pytest.raises(Unauthenticated):
        refreshed(person)


def test_client_without_a_token_is_read_again_by_its_name(client: Client) -> None:
    told = Caller(agency="ops", client="ops/dashboard")

    assert refreshed(told) == Caller(
        agency="ops", client="ops/dashboard", roles=frozenset({"requester"}), epoch=current_epoch()
    )
    switch_client(actor=HUB, client=client, is_active=False)
    with pytest.raises(Unauthenticated):
        refreshed(told)


def test_hub_is_always_there() -> None:
    assert refreshed(HUB) == replace(HUB, epoch=current_epoch())


def test_epoch_counts_up_by_one() -> None:
    before = current_epoch()

    bump_epoch()

    assert current_epoch() == before + 1


def test_epoch_is_found_again_where_its_row_was_lost() -> None:
    Epoch.objects.all().delete()
    assert current_epoch() == 0

    bump_epoch()

    assert current_epoch() == 2
