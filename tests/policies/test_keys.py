"""What others have is told by no refusal: neither that a key is taken, nor that a program is there."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.commands import register_source, register_stream
from connectors.models import Source
from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import create_client
from hub.audit.commands import record
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.errors import HubError, Invalid
from hub.query.explaining import explained_as
from policies.commands import agree_to, apply_for, draft_rule, edit_rule, make_agreement
from policies.facts import Party
from policies.models import Agreement, Rule
from tests.cast import agency, faults, member, refusal

pytestmark = pytest.mark.django_db
FIELDS = [{"name": "id", "type": "integer", "sensitivity": "public"}]
BASIS = [{"title": "Statistics Act", "article": "7", "url": ""}]
END = datetime(2127, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def hub() -> None:
    """``dot`` and ``met``, each with a dataset and, as ``plain`` and as ``met.taken``, everything of ``met``'s."""
    for key in ("dot.flights", "met.air"):
        owner = agency(key.partition(".")[0])
        dataset = register_dataset(actor=HUB, agency=owner, key=key, title=key, fields=FIELDS, primary_key=["id"])
        publish_dataset(actor=HUB, dataset=dataset)
    agency("ops")
    register_source(actor=HUB, key="dot-files", agency=agency("dot"), kind="file", config={"url": "file:///srv/"})
    for key in ("plain", "met.taken"):
        for make in (_rule, _agreement, _source):
            make(HUB, key, of="met.air")
    _stream(HUB, "plain", of="met.air")
    _stream(HUB, "met.taken", of="met.air", mode="append")


def _rule(actor: Caller, key: str, of: str, **values: Any) -> Rule:
    said = {"target": of, "party": "everyone", "effect": "permit", "reason": "Because", **values}
    return draft_rule(actor=actor, key=key, **said)


def _agreement(actor: Caller, key: str, of: str, **values: Any) -> Agreement:
    said = {"agency": agency("ops"), "fields": {"id": "clear"}, "purpose": "Statistics", "legal_basis": BASIS, **values}
    return make_agreement(actor=actor, key=key, dataset=Dataset.objects.get(key=of), valid_to=END, **said)


def _source(actor: Caller, key: str, of: str) -> Source:
    owner = agency(of.partition(".")[0])
    return register_source(actor=actor, key=key, agency=owner, kind="file", config={"url": "file:///srv/"})


def _stream(actor: Caller, key: str, of: str, mode: str = "append") -> object:
    dataset = Dataset.objects.get(key=of)
    source = Source.objects.filter(agency=dataset.agency).order_by("created_at")[0]
    return register_stream(actor=actor, key=key, source=source, dataset=dataset, select={"path": "x.csv"}, mode=mode)


MAKERS = (_rule, _agreement, _source, _stream)


def _said(act: Callable[..., object], *args: Any, **values: Any) -> str:
    with pytest.raises(Invalid) as refused:
        act(*args, **values)
    return f"{refused.value} {refused.value.hint} {refused.value.errors}"


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("taken", "free"), [("plain", "other"), ("met.taken", "met.other"), ("met.taken", "no.other")])
def test_key_that_another_agency_has_is_refused_as_one_that_nobody_has(
    make: Callable[..., object], taken: str, free: str
) -> None:
    actor = member("dot", "publisher", "reviewer")

    of_taken, of_free = (_said(make, actor, key, of="dot.flights") for key in (taken, free))

    assert of_taken.replace(taken, free).replace("dot.taken", "dot.other") == of_free


@pytest.mark.parametrize("make", MAKERS)
def test_agency_names_its_things_after_its_code_each_once(make: Callable[..., object]) -> None:
    actor = member("dot", "publisher", "reviewer")

    make(actor, "dot.new", of="dot.flights")

    with pytest.raises(HubError, match=r"taken|already"):
        make(actor, "dot.new", of="dot.flights")


@pytest.mark.parametrize("make", MAKERS)
def test_hub_chooses_plain_keys_but_none_in_another_name_space(make: Callable[..., object]) -> None:
    make(HUB, "free", of="dot.flights")

    assert faults(make, actor=HUB, key="met.more", of="dot.flights") == [("key", "invalid")]


def test_rules_on_the_catalogue_have_plain_keys() -> None:
    authority = member("hub", "authority")

    assert _rule(authority, "all", of="*").key == "all"
    assert faults(_rule, actor=authority, key="hub.all", of="*") == [("key", "invalid")]


def test_rule_does_not_move_out_of_its_name_space() -> None:
    rule = _rule(HUB, "met.moved", of="met.air")

    assert faults(edit_rule, actor=HUB, rule=rule, target="dot.flights") == [("key", "invalid")]
    assert edit_rule(actor=HUB, rule=rule, target="met.*").key == "met.moved"


def test_agreement_of_an_application_is_called_after_the_owner_and_the_consumer() -> None:
    dataset = Dataset.objects.get(key="dot.flights")
    words = {"purpose": "Statistics", "legal_basis": BASIS, "fields": {"id": "clear"}, "valid_to": END}
    application = apply_for(actor=member("ops", "requester"), dataset=dataset, **words)

    agreement = agree_to(actor=member("dot", "reviewer"), application=application)

    assert agreement.key.startswith("dot.ops-")


def _naming(party: str) -> list[Callable[[], object]]:
    """The ways in which the owner of ``dot.flights`` names a program."""
    actor, name = member("dot", "publisher", "reviewer"), party.partition(":")[2]
    return [
        lambda: _rule(actor, f"dot.rule-{Rule.objects.count()}", of="dot.flights", party=party),
        lambda: _agreement(actor, f"dot.deal-{Agreement.objects.count()}", of="dot.flights", clients=[name]),
        lambda: explained_as(actor, Dataset.objects.get(key="dot.flights"), Party.parse(party)),
    ]


def test_program_of_another_agency_that_has_not_come_is_refused_as_one_that_is_not_there() -> None:
    create_client(actor=HUB, agency=agency("ops"), name="map")
    record(actor=Caller(agency="ops", client="ops/map"), kind="rows.read", dataset="met.air")

    for there, none in zip(_naming("client:ops/map"), _naming("client:ops/none"), strict=True):
        assert _said(there) == _said(none).replace("none", "map")


@pytest.mark.parametrize("kind", ["rows.read", "rows.refused"])
def test_program_is_known_once_it_has_come_to_the_data(kind: str) -> None:
    create_client(actor=HUB, agency=agency("ops"), name="map")
    record(actor=Caller(agency="ops", client="ops/map"), kind=kind, dataset="dot.flights")

    assert all(name() for name in _naming("client:ops/map"))


def test_program_is_known_once_it_is_named_in_an_application() -> None:
    create_client(actor=HUB, agency=agency("ops"), name="map")
    dataset = Dataset.objects.get(key="dot.flights")
    words = {"purpose": "Statistics", "legal_basis": BASIS, "fields": {"id": "clear"}, "valid_to": END}
    apply_for(actor=member("ops", "requester"), dataset=dataset, clients=["ops/map"], **words)

    assert all(name() for name in _naming("client:ops/map"))


def test_own_programs_and_those_that_the_hub_names_are_known() -> None:
    create_client(actor=HUB, agency=agency("ops"), name="map")
    create_client(actor=HUB, agency=agency("dot"), name="site", is_external=True)

    assert _naming("client:dot/site")[0]()
    assert _rule(HUB, "named", of="dot.flights", party="client:ops/map")
    assert refusal(_rule, actor=member("ops", "publisher"), key="ops.x", of="dot.flights") == "forbidden"
