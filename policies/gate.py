"""Step 3 of a decision: whether the dataset is open to the caller at all, and by which rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.facts import PARTY_RANK, TARGET_RANK, DatasetFacts, GrantFacts, Mode, RuleFacts


@dataclass(frozen=True, slots=True)
class Implied:
    """What the sharing class says by itself, to everyone: a permit, or a prohibit."""

    is_permit: bool


Source = RuleFacts | GrantFacts | Implied


@dataclass(frozen=True, slots=True)
class Gate:
    """``by`` holds what decided, of a denial the prohibits alone; no rule below ``specificity`` could have."""

    permit: bool
    by: tuple[Source, ...]
    specificity: tuple[int, int]


ANY = (-1, -1)
"""Below the specificity of any rule."""
_BEYOND = (len(TARGET_RANK), 0)
"""Above it."""


def pass_gate(dataset: DatasetFacts, rules: Sequence[RuleFacts], grant: GrantFacts | None, mode: Mode | None) -> Gate:
    """The gate for rules that are in force and match the caller; ``mode`` None asks for any mode at all."""
    if dataset.sharing_class not in ("unconditional", "conditional"):
        return Gate(False, (Implied(False),), _BEYOND)
    firm = tuple(rule for rule in rules if rule.is_firm and rule.is_prohibit and rule.filter is None)
    if firm:
        return Gate(False, firm, _BEYOND)
    candidates = list(_candidates(dataset, rules, grant, mode))
    best = max(specificity for specificity, _, _ in candidates)
    winners = [(is_permit, source) for specificity, is_permit, source in candidates if specificity == best]
    prohibits = tuple(source for is_permit, source in winners if not is_permit)
    return Gate(not prohibits, prohibits or tuple(source for _, source in winners), best)


def _candidates(
    dataset: DatasetFacts, rules: Sequence[RuleFacts], grant: GrantFacts | None, mode: Mode | None
) -> Iterator[tuple[tuple[int, int], bool, Source]]:
    """Each with its specificity and whether it permits. What the class implies is always among them."""
    is_conditional = dataset.sharing_class == "conditional"
    implied_target = TARGET_RANK["dataset" if is_conditional else "catalogue"]
    yield (implied_target, PARTY_RANK["everyone"]), not is_conditional, Implied(not is_conditional)
    granted = grant if is_conditional else None
    if granted is not None and granted.serves(mode):
        yield (TARGET_RANK["dataset"], PARTY_RANK["agency"]), True, granted
    for rule in rules:
        if rule.is_permit and granted is None and rule.serves(mode):
            yield rule.specificity, True, rule
        elif rule.is_prohibit and rule.filter is None and not rule.is_firm:
            yield rule.specificity, False, rule
