"""Whether a request is let in now; what it takes is put down to its client and its agency until it ends."""

import itertools
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Final

from django.conf import settings
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.errors import TooMany
from hub.limits.days import Days
from hub.limits.parties import Party, parties_of
from hub.limits.rates import Rates
from hub.limits.tab import Spent, Tab, Taken
from hub.limits.verdict import LEASE, SECOND, Standing, Verdict
from hub.waiting import aside

_KEPT_EVERY: Final = LEASE / 4
_HINT: Final = "GET /api/v1/limits tells your limits and what is left of them."
_rates = Rates()
_days = Days()
_names = itertools.count()
_process = ""


class RateLimited(TooMany):
    """More requests than the rate allows."""

    code = "rate-limited"


class TooManyAtOnce(TooMany):
    """More reads at the same time than allowed."""

    code = "too-many-at-once"


class QuotaUsedUp(TooMany):
    """All that a day allows was taken."""

    code = "quota-used-up"


@dataclass(slots=True)
class Admission:
    """One request that was let in. ``standing`` is that of whoever comes to the end of its rate first."""

    parties: tuple[Party, ...] = ()
    tabs: list[Tab] = field(default_factory=list)
    lease: str = ""
    standing: Standing | None = None
    rows: int = 0
    bytes: int = 0
    is_handed_on: bool = False
    _kept_at: float = field(default_factory=time.monotonic)

    def keep(self) -> None:
        """Say that the read goes on; cheap enough to be said with every piece."""
        if self.lease and time.monotonic() - self._kept_at > _KEPT_EVERY:
            self._kept_at = time.monotonic()
            _rates.keep(self.parties, self.lease)

    def end(self) -> None:
        """Put down what was taken and let the next one in; any number of times."""
        parties, self.parties = self.parties, ()
        if not parties:
            return
        if self.lease:
            _rates.release(parties, self.lease)
        try:
            for party, tab in zip(parties, self.tabs, strict=True):
                _add(tab, party, self.rows, self.bytes)
        finally:
            _days.close(self.tabs)


@contextmanager
def admitted(caller: Caller) -> Iterator[Admission]:
    """A read that was let in and ends with this block, or later where ``is_handed_on`` says so; raises ``TooMany``."""
    admission = admit(caller)
    try:
        yield admission
    finally:
        if not admission.is_handed_on:
            admission.end()


def admit(caller: Caller, *, is_read: bool = True) -> Admission:
    """Spend one request of the caller and of its agency, or raise ``TooMany``; one that is no read is over at once."""
    if not settings.HUB_RATE_LIMITS or not caller.agency:
        return Admission()
    parties = parties_of(caller)
    lease = _lease() if is_read else ""
    verdict = _rates.admit(parties, lease)
    if verdict.party is not None:
        raise _refusal(verdict, verdict.party)
    admission = Admission(parties, _days.open(parties, now()), lease, verdict.tightest)
    try:
        _take(admission)
    except BaseException:
        admission.end()
        raise
    if not is_read:
        admission.end()
    return admission


def taken_today(party: Party) -> Taken:
    """What the party took today in UTC."""
    return _days.taken(party, now())


def forget_requests() -> None:
    """Begin anew, for everybody; what is written stays."""
    _rates.forget()
    _days.forget()


def _take(admission: Admission) -> None:
    moment, at = now(), time.monotonic()
    for index, (party, tab) in enumerate(zip(admission.parties, admission.tabs, strict=True)):
        take = partial(tab.take, party.limits, moment, at)
        spent = aside(take) if tab.waits(party.limits, at) else take()
        if spent is not None:
            for other, its in list(zip(admission.parties, admission.tabs, strict=True))[:index]:
                its.give_back(other.limits)
            raise _used_up(party, spent)


def _add(tab: Tab, party: Party, rows: int, size: int) -> None:
    add = partial(tab.add, party.limits, rows, size)
    if party.limits.counts_amounts:  # which are written at once
        aside(add)
    else:
        add()


def _lease() -> str:
    """A name that no other read has."""
    global _process
    if not _process.startswith(f"{os.getpid()}-"):
        _process = f"{os.getpid()}-{secrets.token_hex(6)}"
    return f"{_process}-{next(_names)}"


def _refusal(verdict: Verdict, party: Party) -> TooMany:
    limits = party.limits
    if verdict.kind == "rate":
        message = f"{party.told} may send {limits.requests_per_minute} requests a minute, {limits.at_once} at once."
        return _too_many(RateLimited, message, limits.requests_per_minute, ceil(verdict.wait / SECOND))
    message = f"{party.told} may have {limits.concurrent} reads answered at the same time."
    return _too_many(TooManyAtOnce, message, limits.concurrent, 1)


def _used_up(party: Party, spent: Spent) -> TooMany:
    what = spent.limit.removesuffix("_per_day")
    message = f"{party.told} has used up the {spent.quota} {what} of this day, which ends at midnight UTC."
    return _too_many(QuotaUsedUp, message, spent.quota, spent.wait)


def _too_many(kind: type[TooMany], message: str, limit: int | None, wait: int) -> TooMany:
    return kind(message, retry_after=max(1, wait), limit=limit, hint=_HINT)
