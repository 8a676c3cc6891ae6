"""The generated worlds reach everything that the policy speaks of, or the proofs over them prove little."""

from collections import Counter

from policies.access import KINDS
from tests.proofs.generated import worlds
from tests.proofs.naive import answer

CODES = ("ok", "not-found", "denied", "closed", "retired", "agreement-required", "agreement-invalid")


def test_the_worlds_reach_every_code_and_every_access() -> None:
    answers = [answer(world) for world in worlds(1, 2000)]

    codes = Counter(found.code for found in answers)
    kinds = Counter(access.kind for found in answers if found.code == "ok" for access in found.accesses.values())
    assert set(codes) == set(CODES)
    assert set(kinds) == set(KINDS)
    assert min(codes.values()) >= 20
    assert min(kinds.values()) >= 20


def test_the_worlds_tie_and_conflict() -> None:
    found = [(world, answer(world)) for world in worlds(2, 2000)]

    partly = sum(len(set(told.visible)) == 2 for _, told in found)
    masked = sum({"clear", "hidden"} < {access.kind for access in told.accesses.values()} for _, told in found)
    granted = sum(world.grant is not None and told.code == "ok" and not told.own for world, told in found)
    both = sum(
        {"permit", "prohibit"} <= {rule.effect for rule in world.rules if rule.target.dataset == world.dataset.key}
        for world, _ in found
    )
    assert min(partly, masked, granted) >= 40
    assert both >= 300


def test_the_same_seed_gives_the_same_worlds() -> None:
    assert list(worlds(3, 5)) == list(worlds(3, 5))
    assert list(worlds(3, 5)) != list(worlds(4, 5))
