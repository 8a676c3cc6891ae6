"""Every decision is the one that the policy's text gives, and what must always hold of decisions holds."""

import datetime as dt
from dataclasses import replace
from random import Random

import pytest

from hub.accounts.caller import Caller
from policies.access import Access
from policies.decision import Decision
from policies.facts import DatasetFacts, FieldFacts, RuleFacts, Target
from policies.pdp import decide
from tests.proofs.generated import AT, DAYS, how_many, rule, worlds
from tests.proofs.naive import STRICTNESS, Answer, answer, merged
from tests.proofs.values import ROUNDINGS, UNREADABLE, VALUES, access
from tests.proofs.world import World


def decided(world: World) -> Decision:
    return decide(
        world.caller,
        world.dataset,
        world.rules,
        world.grant,
        world.mode,
        world.at,
        agreements=world.agreements,
        manages=world.manages,
    )


def told(decision: Decision, world: World) -> Answer:
    """A decision in the terms of the naive one."""
    assert decision.permit == (decision.code == "ok")
    assert decision.exists == (decision.code != "not-found")
    return Answer(
        code=decision.code,
        own=decision.own,
        visible=tuple(decision.rows.admits(row) for row in world.rows),
        accesses={field.name: field.access for field in decision.fields},
        agreements=decision.agreements,
    )


def is_no_wider(new: Access, old: Access) -> bool:
    """Whether ``new`` shows nothing that ``old`` does not."""
    if new.kind != old.kind:
        return STRICTNESS.index(new.kind) > STRICTNESS.index(old.kind)
    if new.kind == "partial":
        return new.head <= old.head and new.tail <= old.tail
    if new.kind == "round" and isinstance(new.to, str):
        return ROUNDINGS["moments"].index(new.to) >= ROUNDINGS["moments"].index(str(old.to))
    return True


def shows_no_more(new: Answer, old: Answer) -> bool:
    """Of rows and of fields."""
    rows = all(before or not now for now, before in zip(new.visible, old.visible, strict=True))
    return rows and all(is_no_wider(form, old.accesses[name]) for name, form in new.accesses.items())


@pytest.mark.parametrize("seed", range(10, 16))
def test_every_decision_is_the_policys(seed: int) -> None:
    for world in worlds(seed, 1000):
        assert told(decided(world), world) == answer(world), world


def test_the_strictest_of_several_accesses_is_the_policys() -> None:
    random = Random(20)
    for type_ in VALUES:
        dataset = DatasetFacts("aa.d1", "aa", fields=(FieldFacts("cell", type_),))
        for _ in range(how_many(300)):
            several = [access(random, type_) for _ in range(random.randrange(1, 5))]
            rules = [RuleFacts(f"r{n}", Target("aa", "aa.d1", "cell"), access=form) for n, form in enumerate(several)]

            found = decide(Caller("bb"), dataset, rules, None, "rows", AT).fields[0].access

            assert found == merged(several, type_), several
            assert all(is_no_wider(found, form) for form in several if form.fits(type_)), several


def test_one_more_prohibit_or_firm_access_never_shows_more() -> None:
    random = Random(30)
    for world in worlds(31, 1500):
        added = rule(random, world.dataset, world.at)
        added = replace(added, is_firm=True) if added.target.field else replace(added, effect="prohibit")

        limited = replace(world, rules=(*world.rules, added))

        assert shows_no_more(told(decided(limited), world), told(decided(world), world)), (world, added)


def test_a_tokens_scopes_never_grant() -> None:
    for world in worlds(40, 1500):
        free = replace(world, caller=replace(world.caller, scopes=frozenset()))
        narrowed = replace(world, caller=replace(world.caller, scopes=frozenset({"read:aa.d1", "write"})))

        for scoped in (world, narrowed):
            found = told(decided(scoped), world)
            assert found.code == "not-found" or found == told(decided(free), world), world


def test_the_order_of_rules_and_agreements_does_not_matter() -> None:
    random = Random(50)
    for world in worlds(51, 1000):
        shuffled = replace(
            world,
            rules=tuple(random.sample(world.rules, len(world.rules))),
            agreements=tuple(random.sample(world.agreements, len(world.agreements))),
        )

        one, other = decided(world), decided(shuffled)

        assert (one.essence(), one.until, one.told_until) == (other.essence(), other.until, other.told_until)
        assert told(one, world) == told(other, world)


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_read_denies(text: str) -> None:
    for world in worlds(60, 150):
        dataset = replace(world.dataset, sharing_class="unconditional", status="published")
        world = replace(world, caller=Caller("bb", "bb/app"), dataset=dataset, grant=None)
        whole, field = Target(dataset.agency, dataset.key), dataset.fields[0]
        permit = RuleFacts("x", whole, effect="permit", filter=text)
        prohibit = RuleFacts("x", whole, effect="prohibit", filter=text)
        access = RuleFacts("x", Target(dataset.agency, dataset.key, field.name), is_firm=True)

        only = decided(replace(world, rules=(permit,)))
        taken = decided(replace(world, rules=(*world.rules, prohibit)))
        hidden = decided(replace(world, rules=(*world.rules, access)))

        assert (only.permit, any(told(only, world).visible)) == (True, False)
        assert [because.is_readable for because in only.because] == [False]
        assert not any(told(taken, world).visible)
        assert hidden.fields[0].access.kind == "hidden"
        assert not hidden.permit or not hidden.fields[0].because[-1].is_readable


def test_a_decision_holds_until_it_says_and_no_longer() -> None:
    changes = 0
    for world in worlds(70, 1500):
        decision = decided(world)
        later = [world.at + dt.timedelta(days=days) for days in DAYS if days > 0]
        essences = [(moment, decided(replace(world, at=moment)).essence()) for moment in later]

        different = [moment for moment, essence in essences if essence != decision.essence()]

        assert decision.until == (different[0] if different else None), world
        before = [moment for moment in later if not different or moment < different[0]]
        assert all(answer(replace(world, at=moment)) == answer(world) for moment in before), world
        changes += bool(different)
    assert changes >= 100


def test_the_reader_is_told_of_no_change_to_a_secret_field_alone() -> None:
    withheld = 0
    for world in worlds(80, 2500):
        decision = decided(world)
        secret = frozenset(field.name for field in decision.fields if field.is_secret)
        later = [world.at + dt.timedelta(days=days) for days in DAYS if days > 0]

        known = [(moment, decided(replace(world, at=moment)).essence(without=secret)) for moment in later]

        different = [moment for moment, essence in known if essence != decision.essence(without=secret)]
        assert decision.told_until == (different[0] if different else None), world
        withheld += decision.told_until != decision.until
    assert withheld >= 3
