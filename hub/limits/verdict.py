"""What is said to a request, and how long what it holds is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from hub.limits.parties import Party

LEASE: Final = 60.0
"""Seconds for which the place of a read is held without a word from it."""
SECOND: Final = 1_000_000

Kind = Literal["admitted", "rate", "concurrent"]
_KINDS: Final[tuple[Kind, ...]] = ("admitted", "rate", "concurrent")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a party is from its rate: requests that it may make now, and microseconds until it may make all."""

    limit: int
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """``party`` is whose limit refuses, ``wait`` the microseconds until its rate would not."""

    kind: Kind
    party: Party | None
    wait: int
    standings: tuple[Standing, ...]

    @classmethod
    def of(cls, parties: Sequence[Party], figures: Sequence[int | bytes]) -> "Verdict":
        """From ``kind, which party (from 1), wait`` and for each party the microseconds until it is at rest."""
        kind, which, wait, *rests = map(int, figures)
        standings = tuple(map(_standing, parties, rests))
        return cls(_KINDS[kind], parties[which - 1] if which else None, wait, standings)

    @property
    def tightest(self) -> Standing | None:
        """The one that refuses first; None where no party has a rate."""
        rated = [standing for standing in self.standings if standing.limit]
        return min(rated, key=lambda standing: standing.remaining, default=None)


def _standing(party: Party, rest: int) -> Standing:
    limits = party.limits
    if not limits.interval:
        return Standing(0, 0, 0)
    remaining = max(0, limits.at_once - ceil(rest / limits.interval))
    return Standing(limits.requests_per_minute or 0, remaining, rest)
