"""What others have is told by no refusal: keys are each owner's own, and programs are known to who writes rules."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from connectors.commands import register_source, register_stream
from connectors.models import Source, Stream
from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import create_client, issue_token, make_team
from hub.accounts.keys import keyed
from hub.accounts.models import Token
from hub.accounts.queries import caller_for_token
from hub.accounts.stewardship import held_by
from hub.audit.models import Event
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.errors import Conflict, Forbidden, HubError
from hub.query.catalogue import readable_datasets
from hub.query.explaining import explained, explained_as
from policies.commands import announce, draft_rule, edit_rule, make_agreement
from policies.facts import Party
from policies.lists import agreements_for, rules_for
from policies.models import Agreement, Rule
from tests.cast import agency, member

pytestmark = pytest.mark.django_db
FIELDS = [{"name": "id", "type": "integer", "sensitivity": "public"}]
BASIS = [{"title": "Statistics Act", "article": "7", "url": ""}]
END = datetime(2127, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def hub() -> None:
    """``dot`` and ``met``, each with a dataset, and everything of ``met``'s is called ``k``."""
    for key in ("dot.flights", "met.air"):
        owner = agency(key.partition(".")[0])
        dataset = register_dataset(actor=HUB, agency=owner, key=key, title=key, fields=FIELDS, primary_key=["id"])
        publish_dataset(actor=HUB, dataset=dataset)
    agency("ops")
    register_source(actor=HUB, key="files", agency=agency("dot"), kind="file", config={"url": "file:///srv/"})
    for make in MAKERS:
        make(HUB, "k", of="met.air")


def _rule(actor: Caller, key: str, of: str, **values: Any) -> Rule:
    said = {"target": of, "party": "everyone", "effect": "permit", "reason": "Because", **values}
    return draft_rule(actor=actor, key=key, **said)


def _agreement(actor: Caller, key: str, of: str, **values: Any) -> Agreement:
    said = {"agency": agency("ops"), "fields": {"id": "clear"}, "purpose": "Statistics", "legal_basis": BASIS, **values}
    return make_agreement(actor=actor, key=key, dataset=Dataset.objects.get(key=of), valid_to=END, **said)


def _source(actor: Caller, key: str, of: str) -> Source:
    owner = agency(of.partition(".")[0])
    return register_source(actor=actor, key=key, agency=owner, kind="file", config={"url": "file:///srv/"})


def _stream(actor: Caller, key: str, of: str) -> Stream:
    dataset = Dataset.objects.get(key=of)
    source = Source.objects.filter(agency=dataset.agency).order_by("created_at")[0]
    return register_stream(actor=actor, key=key, source=source, dataset=dataset, select={"path": "x"}, mode="append")


MAKERS = (_rule, _agreement, _source, _stream)


@pytest.mark.parametrize("make", MAKERS)
def test_key_that_another_agency_has_is_free_and_ones_own_is_taken(make: Callable[..., Any]) -> None:
    actor = member("dot", "publisher", "reviewer")

    thing = make(actor, "k", of="dot.flights")

    assert thing.key == "k"
    with pytest.raises(HubError, match=r"taken|already"):
        make(actor, "k", of="dot.flights")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("key", ["flights-tail-hash", "r1", "a.b.c", "met.k", "K_2"])
def test_any_well_formed_key_is_the_publisher_s_to_choose(make: Callable[..., Any], key: str) -> None:
    assert make(member("dot", "publisher", "reviewer"), key, of="dot.flights").key == key


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("key", ["dot::k", "::k", "k:1", "k::", ""])
def test_what_parts_owner_and_key_is_in_no_key(make: Callable[..., Any], key: str) -> None:
    with pytest.raises(HubError, match="is no key"):
        make(HUB, key, of="dot.flights")


@pytest.mark.parametrize("make", MAKERS)
def test_database_itself_refuses_a_second_one_of_an_owner(make: Callable[..., Any]) -> None:
    other = make(HUB, "other", of="met.air")
    other.key = "k"

    with pytest.raises(IntegrityError), transaction.atomic():
        other.save()


def test_catalogue_has_its_own_keys_each_once() -> None:
    authority = member("hub", "authority")

    rule = _rule(authority, "k", of="*")

    assert rule.full_key == "::k"
    with pytest.raises(Conflict, match="taken"):
        _rule(authority, "k", of="*")


def test_rule_whose_target_becomes_another_owner_s_is_that_one_s_from_then_on() -> None:
    rule = _rule(HUB, "mine", of="dot.flights")
    _rule(HUB, "k", of="dot.flights")

    edit_rule(actor=HUB, rule=rule, target="met.air")

    assert Rule.objects.get(key="mine").owner == agency("met")
    with pytest.raises(Conflict, match="taken"):
        edit_rule(actor=HUB, rule=Rule.objects.get(key="k", owner=agency("dot")), target="met.*")


def test_bare_key_means_the_one_that_the_asker_sees() -> None:
    _rule(HUB, "k", of="dot.flights")
    dot, met, auditor = member("dot", "publisher"), member("met", "publisher"), member("hub", "auditor")

    assert [getattr(keyed(rules_for(who), "k"), "full_key", None) for who in (dot, met)] == ["dot::k", "met::k"]
    assert keyed(rules_for(dot), "met::k") is None
    assert [getattr(keyed(rules_for(auditor), f"{code}::k"), "full_key", None) for code in ("dot", "met", "ops")] == [
        "dot::k",
        "met::k",
        None,
    ]
    with pytest.raises(Conflict) as refused:
        keyed(rules_for(auditor), "k")
    assert (refused.value.code, refused.value.hint) == ("key-ambiguous", "Name it in full: dot::k, met::k.")


def test_catalogue_s_rule_is_named_in_full_too() -> None:
    _rule(HUB, "k", of="*")

    assert getattr(keyed(rules_for(HUB), "::k"), "full_key", None) == "::k"
    with pytest.raises(Conflict) as refused:
        keyed(rules_for(HUB), "k")
    assert refused.value.hint == "Name it in full: met::k, ::k."


def test_consumer_with_two_owners_agreements_of_one_key_names_either() -> None:
    _agreement(HUB, "k", of="dot.flights")
    ops = member("ops", "requester")

    assert getattr(keyed(agreements_for(ops), "met::k"), "full_key", None) == "met::k"
    with pytest.raises(Conflict, match="several agreements k"):
        keyed(agreements_for(ops), "k")


def test_header_names_the_agreement_on_the_dataset_at_hand_bare_or_in_full() -> None:
    _agreement(HUB, "k", of="dot.flights")
    ops = member("ops", "requester")

    told = {named: explained(ops, "met.air", named)["agreement"] for named in ("k", "met::k", "dot::k", "none")}

    assert (told["k"], told["met::k"]) == ("k", "k")
    assert told["dot::k"] == told["none"]


def test_token_is_bound_to_one_owner_s_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    create_client(actor=HUB, agency=agency("ops"), name="app")
    bare = _token(capsys, "k")
    _agreement(HUB, "k", of="dot.flights")

    with pytest.raises(Conflict) as refused:
        call_command("token", "create", "--agency", "ops", "--client", "app", "--agreement", "k")
    full = _token(capsys, "dot::k")

    assert refused.value.hint == "Name it in full: dot::k, met::k."
    callers = [caller for caller in map(caller_for_token, (bare, full)) if caller]
    assert [caller.agreement for caller in callers] == ["met::k", "dot::k"]
    assert [[dataset.key for dataset in readable_datasets(caller)] for caller in callers] == [
        ["met.air"],
        ["dot.flights"],
    ]


def _token(capsys: pytest.CaptureFixture[str], agreement: str) -> str:
    call_command("token", "create", "--agency", "ops", "--client", "app", "--agreement", agreement)
    return capsys.readouterr().out.strip()


def test_token_may_name_an_agreement_that_is_yet_to_be_made() -> None:
    client = create_client(actor=HUB, agency=agency("ops"), name="app")

    issue_token(actor=HUB, client=client, agreement="later")

    assert Token.objects.get().agreement == "later"


def test_sync_of_a_key_that_several_owners_have_names_them() -> None:
    _stream(HUB, "k", of="dot.flights")

    with pytest.raises(Conflict) as refused:
        call_command("sync", "k")
    call_command("sync", "dot::k")

    assert refused.value.hint == "Name it in full: dot::k, met::k."
    assert [str(stream.owner) for stream in Stream.objects.filter(runs__isnull=False)] == [str(agency("dot"))]


def test_team_looks_after_its_own_agency_s_rule() -> None:
    mine = _rule(HUB, "k", of="dot.flights")

    team = make_team(actor=HUB, agency=agency("dot"), name="desk", stewardships=[{"rule": "k", "acts": ["edit"]}])

    assert list(held_by(team)) == [mine]


def test_ends_of_one_key_and_moment_are_announced_to_each_owner() -> None:
    _agreement(HUB, "k", of="dot.flights")
    Agreement.objects.update(valid_to=now() + timedelta(days=5))

    assert (announce(), announce()) == (2, 0)
    assert {event.about for event in Event.objects.filter(kind="agreement.ends")} == {"dot", "met", "ops"}


def _naming(actor: Caller, program: str) -> list[Callable[[], object]]:
    """The ways in which somebody names a program where ``dot.flights`` is concerned."""
    dataset = Dataset.objects.get(key="dot.flights")
    return [
        lambda: _rule(actor, f"rule-{Rule.objects.count()}", of="dot.flights", party=f"client:{program}"),
        lambda: _agreement(actor, f"deal-{Agreement.objects.count()}", of="dot.flights", clients=[program]),
        lambda: explained_as(actor, dataset, Party.parse(f"client:{program}")),
    ]


def test_whoever_writes_rules_names_any_program_that_exists() -> None:
    create_client(actor=HUB, agency=agency("ops"), name="map")
    owner = member("dot", "publisher", "reviewer")

    assert all(name() for name in _naming(owner, "ops/map"))
    for name in _naming(owner, "ops/none"):
        with pytest.raises(HubError, match="no client"):
            name()


@pytest.mark.parametrize(("code", "roles"), [("met", ("publisher", "reviewer")), ("ops", ("requester",)), ("dot", ())])
def test_nobody_else_learns_whether_a_program_exists(code: str, roles: tuple[str, ...]) -> None:
    create_client(actor=HUB, agency=agency("ops"), name="map")
    outsider = member(code, *roles)

    for there, none in zip(_naming(outsider, "ops/map"), _naming(outsider, "ops/none"), strict=True):
        said = []
        for name in (there, none):
            with pytest.raises(Forbidden) as refused:
                name()
            said.append((refused.value.message, refused.value.hint))
        assert said[0] == said[1]
