"""What an administrator is told of a decision is enough to reach the same decision again, from its JSON alone."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hub.predicates import FieldType
from policies.access import Access
from policies.explain import explanation
from tests.proofs.generated import worlds
from tests.proofs.naive import Answer, is_visible, merged
from tests.proofs.test_decisions import decided, told
from tests.proofs.world import Row

UNREADABLE = "?"
"""Stands for the filter of what is said to have a problem."""


def again(said: Mapping[str, Any], rows: Sequence[Row]) -> Answer:
    """The decision that follows from an explanation; nothing else is known."""
    types: dict[str, FieldType] = {field["name"]: field["stored_type"] for field in said["fields"]}
    gate = [item for item in said["because"] if item["step"] == "gate"]
    takers = [_filter(item) for item in said["because"] if item["step"] == "rows"]
    own = any(item["step"] == "own" for item in said["because"])
    permits = own or (bool(gate) and all(item["effect"] == "permit" for item in gate))
    admitting = [None] if own else [_filter(item) for item in gate if permits]
    return Answer(
        code=said["code"] if not permits else "ok",
        own=own,
        visible=tuple(is_visible(admitting, [text or "" for text in takers], types, row) for row in rows),
        accesses={field["name"]: _access(field) for field in said["fields"]},
        agreements=tuple(said["agreements"]),
    )


def by_its_filter(said: Mapping[str, Any], rows: Sequence[Row]) -> tuple[bool, ...]:
    """The visible rows by the one filter that the explanation gives."""
    types: dict[str, FieldType] = {field["name"]: field["stored_type"] for field in said["fields"]}
    match said["rows"]["visible"]:
        case "all":
            assert said["rows"]["filter"] is None
            return (True,) * len(rows)
        case "none":
            assert said["rows"]["filter"] is None
            return (False,) * len(rows)
    return tuple(is_visible([said["rows"]["filter"]], [], types, row) for row in rows)


@pytest.mark.parametrize("seed", range(100, 103))
def test_an_explanation_is_enough_to_decide_again(seed: int) -> None:
    for world in worlds(seed, 1000):
        decision = decided(world)

        said = json.loads(json.dumps(explanation(decision, full=True)))

        assert again(said, world.rows) == told(decision, world), (world, said)
        assert by_its_filter(said, world.rows) == told(decision, world).visible, (world, said)
        assert said["decision"] == ("permit" if decision.permit else "deny")
        assert [Access.parse(field["access"]) for field in said["fields"]] == [f.access for f in decision.fields]


def _filter(item: Mapping[str, Any]) -> str | None:
    return UNREADABLE if "problem" in item else item.get("filter")


def _access(field: Mapping[str, Any]) -> Access:
    """The strictest of what took part; hidden where nothing did."""
    accesses = [Access.parse(item.get("access", "clear")) for item in field["because"]]
    return merged(accesses or [Access("hidden")], field["stored_type"])
