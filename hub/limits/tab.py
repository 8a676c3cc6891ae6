"""One party's day as one process has it, and the row of PostgreSQL that all processes count in."""

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from math import ceil
from threading import Lock
from typing import Final

from django.db import connection

from hub.accounts.limits import Limits

_AGE: Final = 1.0
"""Seconds after which counts are written, what is reserved is given back and what other processes counted is read."""
_LEFT: Final = "greatest(0, %(quota)s - ({taken}))"
_PORTION: Final = f"least({_LEFT}, greatest(1, least(1000, {_LEFT} / 64)))"
"""A small part of what is left, so that little lies idle with one process while another has none."""
_WRITE: Final = f"""
INSERT INTO accounts_usage AS u (day, agency, actor, requests, rows, bytes)
VALUES (%(day)s, %(agency)s, %(actor)s, %(requests)s + {_PORTION.format(taken="%(requests)s")}, %(rows)s, %(bytes)s)
ON CONFLICT (day, agency, actor) DO UPDATE SET
    requests = u.requests + %(requests)s + {_PORTION.format(taken="u.requests + %(requests)s")},
    rows = u.rows + %(rows)s, bytes = u.bytes + %(bytes)s
RETURNING coalesce(old.requests, 0), requests, rows, bytes
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken on a day."""

    requests: int = 0
    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """The quota that is used up, and the seconds until its day ends."""

    limit: str
    quota: int
    wait: int


@dataclass(slots=True)
class Tab:
    """``ahead`` is reserved and not given out; ``requests``, ``rows`` and ``bytes`` are not written yet.

    ``users`` counts the requests that are not over; whoever keeps the tab guards it. ``is_known`` says that what other
    processes wrote was read: where nothing is limited, no request waits for that.
    """

    agency: str
    actor: str
    day: date
    users: int = 0
    ahead: int = 0
    requests: int = 0
    rows: int = 0
    bytes: int = 0
    written: Taken = Taken()
    is_known: bool = False
    _written_at: float = field(default_factory=time.monotonic)
    _used_at: float = float("-inf")
    _lock: Lock = field(default_factory=Lock)

    def use(self) -> None:
        self.users += 1
        self._used_at = time.monotonic()

    @property
    def rests(self) -> bool:
        """Whether it was not used for a while."""
        return time.monotonic() - self._used_at > _AGE

    def waits(self, limits: Limits, at: float) -> bool:
        """Whether to take a request ``at`` this second may mean to wait for the database."""
        return _is_limited(limits) or self._is_old(at)

    def take(self, limits: Limits, moment: datetime, at: float | None = None) -> Spent | None:
        """Take one request; else the quota that is used up, and nothing is taken. ``at`` are monotonic seconds."""
        with self._lock:
            self._look(limits, time.monotonic() if at is None else at)
            spent = self._spent(limits)
            if spent is not None:
                return Spent(*spent, wait=_rest_of(self.day, moment))
            if limits.requests_per_day is None:
                self.requests += 1
            else:
                self.ahead -= 1
            return None

    def give_back(self, limits: Limits) -> None:
        """The request that was taken last, which is refused for another reason."""
        with self._lock:
            if limits.requests_per_day is None:
                self.requests -= 1
            else:
                self.ahead += 1

    def add(self, limits: Limits, rows: int, size: int) -> None:
        """Rows and bytes that went out; written at once where they are limited."""
        with self._lock:
            self.rows += rows
            self.bytes += size
            if limits.counts_amounts and (rows or size):
                self._write()

    def settle(self) -> Taken:
        """Write all that is not written and give back what is reserved; what was taken by then."""
        with self._lock:
            self._write()
            return self.written

    def _is_old(self, at: float) -> bool:
        return at - self._written_at > _AGE

    def _look(self, limits: Limits, at: float) -> None:
        """Reserve where nothing is, and learn of the others now and then."""
        quota, is_old = limits.requests_per_day, self._is_old(at)
        if quota is not None and self.ahead < 1 and self.written.requests < quota:
            self._write(quota)
        elif _is_limited(limits) and (is_old or not self.is_known):
            self._write(quota or 0)
        elif is_old and self._is_dirty:
            self._write()

    def _spent(self, limits: Limits) -> tuple[str, int] | None:
        rows, size = self.written.rows + self.rows, self.written.bytes + self.bytes
        if limits.requests_per_day is not None and self.ahead < 1:
            return "requests_per_day", limits.requests_per_day
        if limits.rows_per_day is not None and rows >= limits.rows_per_day:
            return "rows_per_day", limits.rows_per_day
        if limits.bytes_per_day is not None and size >= limits.bytes_per_day:
            return "bytes_per_day", limits.bytes_per_day
        return None

    @property
    def _is_dirty(self) -> bool:
        return bool(self.ahead or self.requests or self.rows or self.bytes)

    def _write(self, quota: int = 0) -> None:
        """One statement: what is not written yet, less what is reserved; and a new portion of ``quota``."""
        requests = self.requests - self.ahead
        values: dict[str, int | str | date] = {
            "day": self.day,
            "agency": self.agency,
            "actor": self.actor,
            "quota": quota,
            "requests": requests,
            "rows": self.rows,
            "bytes": self.bytes,
        }
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, values)
            before, *taken = cursor.fetchone()
        self.written = Taken(*taken)
        self.ahead = self.written.requests - before - requests
        self.requests = self.rows = self.bytes = 0
        self.is_known, self._written_at = True, time.monotonic()


def _is_limited(limits: Limits) -> bool:
    return limits.requests_per_day is not None or limits.counts_amounts


def _rest_of(day: date, moment: datetime) -> int:
    """Whole seconds until the day is over in UTC."""
    midnight = datetime.combine(day + timedelta(days=1), clock(), UTC)
    return max(1, ceil((midnight - moment).total_seconds()))
