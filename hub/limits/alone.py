"""Rates and concurrency of this process alone, for as long as there is no Valkey to count for all."""

import time
from collections import defaultdict
from collections.abc import Sequence
from threading import Lock
from typing import Final

from hub.limits.parties import Party
from hub.limits.verdict import LEASE, SECOND, Verdict

_MOST: Final = 10_000
_Name = tuple[str, str]


class Alone:
    """The same as the script, with a lock for its one thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[_Name, int] = {}
        self._leases: defaultdict[_Name, dict[str, int]] = defaultdict(dict)

    def admit(self, parties: Sequence[Party], lease: str) -> Verdict:
        now = _now()
        with self._lock:
            self._forget_rested(now)
            kind, which, wait = self._refusal(parties, lease, now)
            if not kind:
                self._spend(parties, lease, now)
            rests = [self._rest(party, now) for party in parties]
        return Verdict.of(parties, (kind, which, wait, *rests))

    def keep(self, parties: Sequence[Party], lease: str) -> None:
        with self._lock:
            for party in parties:
                if lease in self._leases[_name(party)]:
                    self._leases[_name(party)][lease] = _end(_now())

    def release(self, parties: Sequence[Party], lease: str) -> None:
        with self._lock:
            for party in parties:
                leases = self._leases.get(_name(party), {})
                leases.pop(lease, None)
                if not leases:
                    self._leases.pop(_name(party), None)

    def forget(self) -> None:
        with self._lock:
            self._due.clear()
            self._leases.clear()

    def _refusal(self, parties: Sequence[Party], lease: str, now: int) -> tuple[int, int, int]:
        kind, which, wait = 0, 0, 0
        for number, party in enumerate(parties, 1):
            limits = party.limits
            early = self._rest(party, now) - limits.interval * (limits.at_once - 1)
            if limits.interval and early > wait:
                kind, which, wait = 1, number, early
            elif not kind and lease and limits.concurrent and self._held(party, now) >= limits.concurrent:
                kind, which = 2, number
        return kind, which, wait

    def _rest(self, party: Party, now: int) -> int:
        """Microseconds until the party is at rest: never more than its present limits lead to."""
        name, furthest = _name(party), now + party.limits.interval * party.limits.at_once
        if self._due.get(name, 0) > furthest:
            self._due[name] = furthest
        return max(0, self._due.get(name, 0) - now)

    def _held(self, party: Party, now: int) -> int:
        leases = self._leases[_name(party)]
        for lease in [lease for lease, end in leases.items() if end <= now]:
            del leases[lease]
        return len(leases)

    def _spend(self, parties: Sequence[Party], lease: str, now: int) -> None:
        for party in parties:
            name = _name(party)
            if party.limits.interval:
                self._due[name] = now + self._rest(party, now) + party.limits.interval
            if lease:
                self._leases[name][lease] = _end(now)

    def _forget_rested(self, now: int) -> None:
        if len(self._due) > _MOST:
            self._due = {name: due for name, due in self._due.items() if due > now}


def _name(party: Party) -> _Name:
    return party.agency, party.actor


def _now() -> int:
    return int(time.monotonic() * SECOND)


def _end(now: int) -> int:
    return now + int(LEASE * SECOND)
