"""Changes to agencies, groups, members, clients and tokens: who may, and what they leave behind."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import (
    approve_group,
    create_agency,
    create_client,
    edit_agency,
    edit_client,
    issue_token,
    remove_member,
    revoke_token,
    rotate_token,
    set_group,
    set_member,
    switch_agency,
    switch_client,
)
from hub.accounts.models import Agency, AgencyGroup, Client, Membership, Token, User
from hub.accounts.queries import caller_for_token
from hub.errors import FieldError, Invalid
from tests.cast import agency, faults, member, refusal, traces

pytestmark = pytest.mark.django_db


@pytest.fixture
def system() -> Caller:
    return member("hub", "system")


@pytest.fixture
def reviewer() -> Caller:
    return member("dot", "reviewer")


def _client(roles: tuple[str, ...] = (), code: str = "dot", name: str = "app") -> Client:
    return create_client(actor=HUB, agency=agency(code), name=name, roles=roles)


def test_system_makes_agencies_and_nobody_else(system: Caller, reviewer: Caller) -> None:
    made = create_agency(actor=system, code="met", name="Weather", name_zh="气象", parent="dot")

    assert (made.code, made.name, made.name_zh, made.parent) == ("met", "Weather", "气象", agency("dot"))
    for other in (reviewer, member("hub", "authority"), member("hub", "auditor")):
        assert refusal(create_agency, actor=other, code="ops", name="Ops") == "forbidden"
    assert not Agency.objects.filter(code="ops").exists()


@pytest.mark.parametrize("code", ["", "m", "Met", "1met", "met.x", "met\n", "气象", "a" * 32, "met_x"])
def test_agency_code_is_refused(code: str) -> None:
    assert faults(create_agency, actor=HUB, code=code, name="Met") == [("code", "invalid")]


def test_agency_needs_a_free_code_a_name_and_a_parent_that_is_there() -> None:
    agency("met")

    assert refusal(create_agency, actor=HUB, code="met", name="Met") == "exists"
    assert faults(create_agency, actor=HUB, code="ops", name=" ") == [("name", "invalid")]
    assert faults(create_agency, actor=HUB, code="ops", name="a\0b") == [("name", "invalid")]
    assert faults(create_agency, actor=HUB, code="ops", name="Ops", parent="none") == [("parent", "invalid")]


def test_agency_is_edited_but_never_above_itself(system: Caller) -> None:
    top, below = agency("top"), agency("below")
    edit_agency(actor=system, agency=below, name="New", parent="top")

    assert Agency.objects.get(code="below").parent == top
    assert Agency.objects.get(code="below").name == "New"
    assert faults(edit_agency, actor=system, agency=top, parent="below") == [("parent", "invalid")]
    assert faults(edit_agency, actor=system, agency=top, code="other") == [("code", "invalid")]
    assert refusal(edit_agency, actor=member("top", "reviewer"), agency=top, name="Mine") == "forbidden"


def test_agency_is_switched_by_system_alone(system: Caller, reviewer: Caller) -> None:
    assert refusal(switch_agency, actor=reviewer, agency=agency("dot"), is_active=False) == "forbidden"

    assert traces(lambda: switch_agency(actor=system, agency=agency("dot"), is_active=False)) == (
        ["agency.switched"],
        True,
    )


def test_group_has_exactly_the_agencies_said(system: Caller) -> None:
    for code in ("dot", "met", "ops"):
        agency(code)
    set_group(actor=member("hub", "authority"), key="emergency", agencies=["dot", "met"])
    authority, group = member("hub", "authority"), AgencyGroup.objects.get(key="emergency")
    approve_group(actor=system, group=group)
    set_group(actor=system, key="emergency", agencies=["met", "ops"])

    assert refusal(approve_group, actor=system, group=group) == "second-person"
    assert sorted(group.agencies.values_list("code", flat=True)) == ["dot", "met"]
    approve_group(actor=authority, group=group)
    assert sorted(group.agencies.values_list("code", flat=True)) == ["met", "ops"]
    assert refusal(approve_group, actor=authority, group=group) == "conflict"
    assert faults(set_group, actor=HUB, key="emergency", agencies=["met", "none"]) == [("agencies", "invalid")]
    assert faults(set_group, actor=HUB, key="Emergency!", agencies=[]) == [("key", "invalid")]
    outsider = member("ops", "publisher", "reviewer")
    assert refusal(set_group, actor=outsider, key="emergency", agencies=["ops"]) == "forbidden"


def test_reviewer_makes_clients_of_the_own_agency_only(reviewer: Caller) -> None:
    made = create_client(actor=reviewer, agency=agency("dot"), name="app", roles=["requester"], is_external=True)

    assert (str(made), made.roles, made.is_external) == ("dot/app", ["requester"], True)
    assert refusal(create_client, actor=reviewer, agency=agency("met"), name="app") == "forbidden"
    publisher = member("dot", "publisher")
    assert refusal(create_client, actor=publisher, agency=agency("dot"), name="other") == "forbidden"


@pytest.mark.parametrize("role", ["publisher", "reviewer", "system", "authority", "auditor"])
def test_reviewer_gives_and_takes_no_role_that_decides(reviewer: Caller, system: Caller, role: str) -> None:
    dot = agency("dot")
    holder = create_client(actor=system, agency=dot, name="holder", roles=[role])
    colleague = member("dot", role, email="colleague@dot.example")
    place = Membership.objects.get(user__email=colleague.email)

    refused = [
        refusal(create_client, actor=reviewer, agency=dot, name="app", roles=[role]),
        refusal(edit_client, actor=reviewer, client=holder, roles=[]),
        refusal(edit_client, actor=reviewer, client=_client(), roles=[role]),
        refusal(set_member, actor=reviewer, agency=dot, email="new@dot.example", roles=[role]),
        refusal(set_member, actor=reviewer, agency=dot, email=colleague.email, roles=[]),
        refusal(remove_member, actor=reviewer, membership=place),
    ]

    assert refused == ["forbidden"] * 6
    assert Client.objects.get(name="holder").roles == [role]
    assert Membership.objects.get(pk=place.pk).roles == [role]


@pytest.mark.parametrize("role", ["publisher", "reviewer", "system", "authority", "auditor"])
def test_reviewer_gets_no_token_to_act_with_a_role_that_decides(reviewer: Caller, role: str) -> None:
    holder = _client((role,))
    token, _ = issue_token(actor=HUB, client=holder)

    assert refusal(issue_token, actor=reviewer, client=holder) == "forbidden"
    assert refusal(rotate_token, actor=reviewer, token=token) == "forbidden"
    assert Token.objects.count() == 1
    revoke_token(actor=reviewer, token=token)
    assert Token.objects.get().revoked_at is not None


def test_client_is_refused_for_its_name_and_roles() -> None:
    dot = agency("dot")
    _client()

    assert refusal(create_client, actor=HUB, agency=dot, name="app") == "exists"
    for name in ("", "a b", "a/b", "-a", "a" * 61, "a\n"):
        assert faults(create_client, actor=HUB, agency=dot, name=name) == [("name", "invalid")]
    assert faults(create_client, actor=HUB, agency=dot, name="x", roles=["king"]) == [("roles", "invalid")]


def test_client_is_edited_and_switched_by_its_own_reviewers(reviewer: Caller) -> None:
    mine, foreign = _client(), _client(code="met")

    edit_client(actor=reviewer, client=mine, roles=["requester"], is_external=True)
    assert traces(lambda: switch_client(actor=reviewer, client=mine, is_active=False)) == (["client.switched"], True)

    kept = Client.objects.get(pk=mine.pk)
    assert (kept.roles, kept.is_external, kept.is_active) == (["requester"], True, False)
    assert faults(edit_client, actor=reviewer, client=mine, name="x") == [("name", "invalid")]
    assert refusal(edit_client, actor=reviewer, client=foreign, roles=[]) == "forbidden"
    assert refusal(switch_client, actor=reviewer, client=foreign, is_active=False) == "forbidden"


def test_reviewer_issues_tokens_of_the_own_agency_only(reviewer: Caller) -> None:
    token, secret = issue_token(actor=reviewer, client=_client(), scopes=["read"], lifetime=timedelta(days=1))

    caller = caller_for_token(secret)
    assert caller is not None
    assert (caller.client, caller.scopes) == ("dot/app", {"read"})
    assert timedelta(hours=23) < token.expires_at - now() <= timedelta(days=1)
    assert refusal(issue_token, actor=reviewer, client=_client(code="met")) == "forbidden"
    assert refusal(revoke_token, actor=member("met", "reviewer"), token=token) == "forbidden"
    assert caller_for_token(secret) is not None


@pytest.mark.parametrize("scope", ["", "write", "read:", "read:dot", "read:*.x", "read dot.x", "manage:x", "read\n"])
def test_scope_that_says_nothing_is_refused(scope: str) -> None:
    assert faults(issue_token, actor=HUB, client=_client(), scopes=["read", scope]) == [("scopes", "invalid")]


@pytest.mark.parametrize("scope", ["read", "manage", "read:*", "read:dot.*", "read:dot.flights"])
def test_scope_that_means_something_is_taken(scope: str) -> None:
    assert issue_token(actor=HUB, client=_client(), scopes=[scope])[0].scopes == [scope]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lifetime": timedelta(0)}, "expires"),
        ({"lifetime": timedelta(days=-1)}, "expires"),
        ({"lifetime": timedelta(days=3651)}, "expires"),
        ({"agreement": "no key"}, "agreement"),
    ],
)
def test_token_is_refused_for_its_lifetime_and_agreement(values: dict[str, Any], field: str) -> None:
    assert faults(issue_token, actor=HUB, client=_client(), **values) == [(field, "invalid")]


def test_revoking_is_said_once_and_decides_anew() -> None:
    token, _ = issue_token(actor=HUB, client=_client())

    assert traces(lambda: revoke_token(actor=HUB, token=token)) == (["token.revoked"], True)
    assert traces(lambda: revoke_token(actor=HUB, token=Token.objects.get(pk=token.pk))) == ([], False)


def test_rotated_token_goes_on_for_a_day_beside_its_successor() -> None:
    client = _client()
    token, secret = issue_token(actor=HUB, client=client, scopes=["read"], agreement="a-1", lifetime=timedelta(days=90))

    successor, new_secret = rotate_token(actor=HUB, token=token)

    kept = Token.objects.get(pk=token.pk)
    assert timedelta(hours=23) < kept.expires_at - now() <= timedelta(hours=24)
    assert (successor.scopes, successor.agreement) == (["read"], "a-1")
    assert timedelta(days=89) < successor.expires_at - now() <= timedelta(days=90)
    assert caller_for_token(secret) is not None
    assert caller_for_token(new_secret) is not None


def test_rotation_never_lengthens_the_old_token_nor_wakes_an_ended_one() -> None:
    client = _client()
    short, _ = issue_token(actor=HUB, client=client, lifetime=timedelta(hours=1))
    ends = short.expires_at
    ended, _ = issue_token(actor=HUB, client=client)
    stale = Token.objects.get(pk=ended.pk)
    revoke_token(actor=HUB, token=ended)

    rotate_token(actor=HUB, token=short, lifetime=timedelta(days=7))

    assert Token.objects.get(pk=short.pk).expires_at == ends
    assert refusal(rotate_token, actor=HUB, token=stale) == "conflict"


def test_reading_token_carries_none_of_its_clients_rights() -> None:
    secret = issue_token(actor=HUB, client=_client(("reviewer", "system")), scopes=["read"])[1]
    reading = caller_for_token(secret)
    assert reading is not None

    assert refusal(create_agency, actor=reading, code="new", name="New") == "forbidden"
    assert refusal(issue_token, actor=reading, client=Client.objects.get()) == "forbidden"


def test_member_without_a_password_gets_a_link_and_a_mail(
    mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        membership, path = set_member(actor=HUB, agency=agency("dot"), email=" New@Dot.Example ", roles=["publisher"])

    assert (membership.user.email, membership.roles) == ("new@dot.example", ["publisher"])
    assert path is not None
    assert path.startswith("/invitations/")
    assert [mail.to for mail in mailoutbox] == [["new@dot.example"]]
    assert path in mailoutbox[0].body


def test_member_with_a_password_gets_no_link() -> None:
    person = member("dot", "publisher")

    membership, path = set_member(actor=HUB, agency=agency("met"), email=person.email, roles=["reviewer"])

    assert (membership.agency.code, membership.roles, path) == ("met", ["reviewer"], None)


def test_reviewer_invites_whomever_and_gets_nobodys_link(
    reviewer: Caller, mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    dot = agency("dot")
    set_member(actor=HUB, agency=agency("hub"), email="pending@hub.example", roles=["system"])
    set_member(actor=HUB, agency=dot, email="pending@dot.example", roles=["reviewer"])
    member("met", "publisher", email="known@met.example")
    invited = ("new@dot.example", "pending@hub.example", "pending@dot.example", "known@met.example")

    with django_capture_on_commit_callbacks(execute=True):
        links = [set_member(actor=reviewer, agency=dot, email=email, roles=_roles(email))[1] for email in invited]

    assert links == [None] * 4
    assert [mail.to for mail in mailoutbox] == [[email] for email in invited[:3]]
    assert all("/invitations/" in mail.body for mail in mailoutbox)


def _roles(email: str) -> list[str]:
    """A requester's, beside what the administrators gave."""
    return ["requester", *(["reviewer"] if email == "pending@dot.example" else [])]


def test_member_is_refused_for_address_and_roles(reviewer: Caller) -> None:
    dot = agency("dot")
    for email in ("", "nobody", "a@b", "a@dot.example\nBcc: x@y.example", "a" * 250 + "@dot.example"):
        assert faults(set_member, actor=HUB, agency=dot, email=email, roles=[]) == [("email", "invalid")]
    assert faults(set_member, actor=HUB, agency=dot, email="a@dot.example", roles=["king"]) == [("roles", "invalid")]
    assert refusal(set_member, actor=reviewer, agency=agency("met"), email="a@met.example", roles=[]) == "forbidden"


def test_removed_member_keeps_the_account_and_loses_the_place(reviewer: Caller) -> None:
    person = member("dot", "requester")
    place = Membership.objects.get(user__email=person.email)
    assert refusal(remove_member, actor=member("met", "reviewer"), membership=place) == "forbidden"

    assert traces(lambda: remove_member(actor=reviewer, membership=place)) == (["member.removed"], True)

    assert User.objects.filter(email=person.email).exists()
    assert not Membership.objects.filter(user__email=person.email).exists()


def test_fault_names_its_place_and_what_is_right() -> None:
    with pytest.raises(Invalid) as refused:
        create_client(actor=HUB, agency=agency("dot"), name="app", roles=["king"])

    message = "There is no role king; there are publisher, reviewer, requester, system, authority, auditor."
    assert refused.value.errors == (FieldError("roles", "invalid", message),)
