"""What is listed is what would be decided, dataset by dataset."""

import os
import random
from datetime import timedelta
from itertools import product

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.utils.timezone import now
from guardian.shortcuts import assign_perm

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, AgencyGroup, Client, Membership, Team, User
from hub.catalog.models import Dataset, Wording
from hub.errors import NotFound
from hub.query.catalogue import (
    having_access,
    readable_datasets,
    visible_datasets,
    visible_parts,
    visible_wordings,
    with_access,
)
from hub.query.decisions import decision_for
from policies.explain import availability
from policies.models import Agreement, Rule

AGENCIES = ("dot", "ops", "met")
PAST, SOON = timedelta(days=-1), timedelta(days=1)


def _caller(agency: str, **values: object) -> Caller:
    groups = frozenset({"emergency"} if agency == "ops" else ())
    return Caller(agency=agency, groups=groups, **values)  # type: ignore[arg-type]


CALLERS = {
    "reader": _caller("ops", client="ops/app"),
    "other": _caller("met", email="a@met.example"),
    "owner": _caller("dot", client="dot/app"),
    "publisher": _caller("dot", email="p@dot.example", roles=frozenset({"publisher"})),
    "steward": _caller("dot", email="s@dot.example"),
    "public": _caller("dot", client="dot/site", is_external=True),
    "authority": _caller("met", email="b@met.example", roles=frozenset({"authority"})),
    "auditor": _caller("met", email="c@met.example", roles=frozenset({"auditor"})),
    "scoped": _caller("ops", client="ops/app", scopes=frozenset({"read:dot.*", "read:met.d7", "manage"})),
    "narrow": _caller("ops", client="ops/app", scopes=frozenset({"manage"})),
    "bound": _caller("ops", client="ops/app", agreement="agreement-0"),
    "misbound": _caller("ops", client="ops/app", agreement="nobodys"),
}


@pytest.fixture(params=range(12 if os.environ.get("HUB_PROOF") == "long" else 1))
def world(request: pytest.FixtureRequest, db: None) -> None:
    """Datasets of every class and status under random rules and agreements."""
    dice = random.Random(request.param)
    agencies = {code: Agency.objects.create(code=code, name=code) for code in AGENCIES}
    group = AgencyGroup.objects.create(key="emergency")
    group.agencies.add(agencies["ops"])
    client = Client.objects.create(agency=agencies["ops"], name="app")
    user = User.objects.create_user("s@dot.example")
    Membership.objects.create(user=user, agency=agencies["dot"])
    team = Group.objects.create(name="dot/desk")
    Team.objects.create(agency=agencies["dot"], name="desk", group=team)
    user.groups.add(team)
    kinds = list(
        product(
            ("unconditional", "conditional", "closed"), (False, True), ("published", "published", "draft", "retired")
        )
    )
    datasets = [
        Dataset.objects.create(
            agency=agencies[dice.choice(("dot", "dot", "met"))],
            key=f"k{index}",
            title="t",
            sharing_class=kind,
            is_secret=is_secret,
            status=status,
            reason="because",
        )
        for index, (kind, is_secret, status) in enumerate(kinds)
    ]
    for index, dataset in enumerate(datasets):
        dataset.key = f"{dataset.agency.code}.d{index}"
        dataset.save()
        if dataset.agency.code == "dot" and dice.random() < 0.3:
            assign_perm("load_dataset", team, dataset)
    for index in range(90):
        _rule(dice, index, datasets, agencies, group, client)
    for index in range(24):
        _agreement(
            dice, index, dice.choice([d for d in datasets if d.sharing_class != "closed"]), agencies["ops"], client
        )


def _rule(
    dice: random.Random,
    index: int,
    datasets: list[Dataset],
    agencies: dict[str, Agency],
    group: AgencyGroup,
    client: Client,
) -> None:
    dataset = dice.choice([dataset for dataset in datasets if dataset.status == "published"])
    target = dice.choice([{"target_dataset": dataset}] * 6 + [{"target_agency": dataset.agency}] + [{}] * (index == 0))
    party = dice.choice([{"party_agency": agencies["ops"]}, {"party_client": client}, {"party_group": group}, {}])
    has_filter = "target_dataset" in target and dice.random() < 0.2
    effect = dice.choice(("permit", "permit", "prohibit"))
    Rule.objects.create(
        key=f"r{index}",
        status=dice.choice(("approved",) * 4 + ("draft", "retired")),
        effect=effect,
        is_firm=effect == "prohibit" and dice.random() < 0.3,
        filter="id = 1" if has_filter else "",
        modes=dice.choice(([], [], ["aggregate"], ["rows"])) if effect == "permit" else [],
        valid_from=dice.choice((None, None, now() + PAST * 2, now() + SOON)) if index % 4 else None,
        valid_to=dice.choice((None, None, now() + SOON * 2)) if index % 4 else now() + PAST,
        reason="because",
        author="a",
        approver="b",
        **target,
        **party,
    )


def _agreement(dice: random.Random, index: int, dataset: Dataset, agency: Agency, client: Client) -> None:
    agreement = Agreement.objects.create(
        key=f"agreement-{index}",
        owner=dataset.agency,
        dataset=dataset,
        agency=agency,
        modes=dice.choice(([], ["aggregate"])),
        purpose="p",
        valid_from=now() + PAST * 2,
        valid_to=now() + dice.choice((SOON, SOON, PAST)),
        ended_at=dice.choice((None, None, now())),
        agreed_by="a",
    )
    if dice.random() < 0.3:
        agreement.clients.add(client)
    elif dice.random() < 0.2:
        agreement.clients.add(Client.objects.create(agency=agency, name=f"other{index}"))


@pytest.mark.usefixtures("world")
def test_lists_agree_with_decisions() -> None:
    told: set[tuple[str, bool, str]] = set()
    for name, caller in CALLERS.items():
        listed = dict(with_access(visible_datasets(caller), caller).values_list("key", "access"))
        readable = set(readable_datasets(caller).values_list("key", flat=True))
        for dataset in Dataset.objects.all():
            try:
                decision = decision_for(caller, dataset.key)
            except NotFound:
                assert dataset.key not in listed, (name, dataset.key)
                continue
            assert dataset.key in listed, (name, dataset.key)
            assert (dataset.key in readable) == decision.permit, (name, dataset.key, decision.code)
            assert listed[dataset.key] == availability(decision), (name, dataset.key)
            told.add((dataset.sharing_class, dataset.is_secret, decision.code))
        for word in ("open", "on-request", "closed"):
            having = set(having_access(visible_datasets(caller), caller, word).values_list("key", flat=True))  # type: ignore[arg-type]
            assert having == {key for key, access in listed.items() if access == word}, (name, word)
    assert len(told) > 6


@pytest.mark.usefixtures("world")
def test_wordings_are_visible_as_their_datasets_are() -> None:
    for name, caller in CALLERS.items():
        datasets, wordings = visible_datasets(caller), visible_wordings(caller)
        assert set(wordings.values_list("key", flat=True)) == set(datasets.values_list("key", flat=True)), name
        for word in ("open", "on-request", "closed"):
            having = [
                set(having_access(things, caller, word).values_list("key", flat=True))
                for things in (datasets, wordings)
            ]  # type: ignore[arg-type]
            assert having[0] == having[1], (name, word)


def test_wording_follows_what_it_is_narrowed_and_counted_by(planes: Dataset) -> None:
    def told() -> tuple[object, ...]:
        columns = ("key", "agency__code", "theme", "sharing_class", "status", "is_secret", "is_plain")
        return Wording.objects.values_list(*columns).get(dataset=planes)

    def change(**values: object) -> None:
        Dataset.objects.filter(pk=planes.pk).update(**values)

    assert told() == ("dot.planes", "dot", "", "conditional", "published", False, True)
    change(theme="air", sharing_class="unconditional", status="draft")
    assert told() == ("dot.planes", "dot", "air", "unconditional", "draft", False, False)
    change(status="retired")
    assert told()[4:] == ("retired", False, True)
    change(is_secret=True)
    assert told()[4:] == ("retired", True, False)
    change(key="dot.jets")
    assert told()[0] == "dot.jets"


@pytest.mark.usefixtures("world")
def test_counting_reads_those_that_exist_for_everyone_from_one_index() -> None:
    plain, _ = visible_parts(CALLERS["reader"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; ANALYZE catalog_dataset")
    plan = plain.order_by().values("agency_id", "theme", "sharing_class").explain()
    assert "Index Only Scan using dataset_plain" in plan
    assert "SubPlan" not in plan


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("mode", ["aggregate"])
def test_readable_in_another_mode_agrees_with_decisions(mode: str) -> None:
    for name, caller in CALLERS.items():
        readable = set(readable_datasets(caller, mode).values_list("key", flat=True))  # type: ignore[arg-type]
        for key in visible_datasets(caller).values_list("key", flat=True):
            permit = decision_for(caller, key, mode).permit  # type: ignore[arg-type]
            assert (key in readable) == permit, (name, key)


@pytest.fixture
def planes(db: None) -> Dataset:
    """Conditional, and granted to ``ops`` under ``agreement-0``."""
    owner, reader = (Agency.objects.create(code=code, name=code) for code in ("dot", "ops"))
    group = AgencyGroup.objects.create(key="emergency")
    group.agencies.add(reader)
    planes = Dataset.objects.create(
        agency=owner, key="dot.planes", title="t", sharing_class="conditional", status="published", reason="because"
    )
    valid_to = now() + SOON
    Agreement.objects.create(
        key="agreement-0",
        owner=owner,
        dataset=planes,
        agency=reader,
        purpose="p",
        valid_to=valid_to,
        agreed_by="a",
    )
    return planes


def _prohibit(dataset: Dataset, **values: object) -> None:
    Rule.objects.create(
        key="no",
        status="approved",
        target_dataset=dataset,
        effect="prohibit",
        reason="because",
        author="a",
        approver="b",
        **values,
    )


@pytest.mark.parametrize(("party", "expected"), [("group", ["dot.planes"]), ("agency", [])])
def test_only_a_prohibit_on_the_agency_itself_outweighs_its_agreement(
    planes: Dataset, party: str, expected: list[str]
) -> None:
    of = {"party_group": AgencyGroup.objects.get()} if party == "group" else {"party_agency_id": _ops()}
    _prohibit(planes, **of)
    assert list(readable_datasets(CALLERS["bound"]).values_list("key", flat=True)) == expected


@pytest.mark.parametrize(("is_firm", "expected"), [(False, ["dot.planes"]), (True, [])])
def test_a_firm_prohibit_does_not_end_by_itself(planes: Dataset, is_firm: bool, expected: list[str]) -> None:
    _prohibit(planes, is_firm=is_firm, valid_to=now() + PAST, party_agency_id=_ops())
    assert list(readable_datasets(CALLERS["bound"]).values_list("key", flat=True)) == expected


def _ops() -> object:
    return Agency.objects.get(code="ops").pk
