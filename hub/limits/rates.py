"""Rates and concurrency: one script in Valkey for all parties of a request, and the same in this process without it.

The rate is the generic cell rate algorithm (ITU-T I.371): one moment per party, at which it would be at rest again.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final

from redis import exceptions

from hub.limits.alone import Alone
from hub.limits.parties import Party
from hub.limits.valkey import Link, Script
from hub.limits.verdict import LEASE, Verdict

_LEFT_ALONE: Final = 1.0
"""Seconds for which Valkey is not asked after it did not answer."""
_LEASE: Final = int(LEASE * 1000)
"""Milliseconds."""
_ADMIT: Final = Script(
    """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local due, kind, which, wait = {}, 0, 0, 0
for i = 1, #KEYS, 2 do
  local n = (i + 1) / 2
  local interval, burst, most = tonumber(ARGV[3 * n]), tonumber(ARGV[3 * n + 1]), tonumber(ARGV[3 * n + 2])
  local kept, furthest = tonumber(redis.call('GET', KEYS[i]) or now), now + interval * burst
  if interval > 0 and kept > furthest then -- it was other limits that led there
    kept = furthest
    redis.call('SET', KEYS[i], string.format('%.0f', kept), 'PX', math.ceil((kept - now) / 1000))
  end
  due[n] = math.max(kept, now)
  local early = due[n] - now - interval * (burst - 1)
  if interval > 0 and early > wait then
    kind, which, wait = 1, n, early
  elseif kind == 0 and most > 0 and ARGV[1] ~= '' then
    redis.call('ZREMRANGEBYSCORE', KEYS[i + 1], '-inf', string.format('%.0f', now))
    if redis.call('ZCARD', KEYS[i + 1]) >= most then kind, which = 2, n end
  end
end
local answer = string.format('%d %d %d', kind, which, wait)
for i = 1, #KEYS, 2 do
  local n = (i + 1) / 2
  local interval = tonumber(ARGV[3 * n])
  if kind == 0 then
    due[n] = due[n] + interval
    if interval > 0 then
      redis.call('SET', KEYS[i], string.format('%.0f', due[n]), 'PX', math.ceil((due[n] - now) / 1000))
    end
    if ARGV[1] ~= '' then
      redis.call('ZADD', KEYS[i + 1], string.format('%.0f', now + ARGV[2] * 1000), ARGV[1])
      redis.call('PEXPIRE', KEYS[i + 1], ARGV[2])
    end
  end
  answer = answer .. string.format(' %d', due[n] - now)
end
return answer
"""
)
_KEEP: Final = Script(
    """
local t = redis.call('TIME')
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], string.format('%.0f', t[1] * 1000000 + t[2] + ARGV[2] * 1000), ARGV[1])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
"""
)
_FORGET: Final = Script("for _, k in ipairs(redis.call('KEYS', 'hub:{*')) do redis.call('DEL', k) end")
_LOST: Final = (exceptions.RedisError, OSError)
_log = logging.getLogger(__name__)


def _keys(party: Party) -> tuple[str, str]:
    """Rate and leases; the braces keep the keys of an agency in one place of a cluster."""
    name = f"hub:{{{party.agency}}}:{party.actor}"
    return f"{name}:rate", f"{name}:leases"


def _figures(party: Party) -> tuple[int, int, int]:
    limits = party.limits
    return limits.interval, limits.at_once, limits.concurrent or 0


class Rates:
    """Asks Valkey while it answers, at once; else this process counts by itself and asks again a second later."""

    def __init__(self) -> None:
        self._alone = Alone()
        self._idle: list[Link] = []
        self._lock = Lock()
        self._asks_again_at = 0.0

    def admit(self, parties: Sequence[Party], lease: str) -> Verdict:
        """Spend one request of each of the parties and hold their leases, or nothing; no lease where it is empty."""
        if self._may_ask():
            asks = [figure for party in parties for figure in _figures(party)]
            answer = self._asked(_ADMIT, [key for party in parties for key in _keys(party)], lease, _LEASE, *asks)
            if answer is not None:
                return Verdict.of(parties, answer.split())  # one text is read in a fraction of what a list takes
        return self._alone.admit(parties, lease)

    def keep(self, parties: Sequence[Party], lease: str) -> None:
        """Hold the leases for a while longer."""
        self._alone.keep(parties, lease)
        if self._may_ask():
            self._asked(_KEEP, [_keys(party)[1] for party in parties], lease, _LEASE)

    def release(self, parties: Sequence[Party], lease: str) -> None:
        """Give the leases back; Valkey's answer to that is not waited for."""
        self._alone.release(parties, lease)
        if not self._asks_again_at:
            with suppress(*_LOST), self._link() as link:  # they end by themselves
                link.send(*(("ZREM", _keys(party)[1], lease) for party in parties))

    def forget(self) -> None:
        """All rates and leases anew; for tests."""
        self._alone.forget()
        self._asks_again_at = 0.0
        with self._link() as link:
            link.run(_FORGET, [])

    def _may_ask(self) -> bool:
        """Whether Valkey is asked; of those who come after a pause, the first one is to find out."""
        if not self._asks_again_at:
            return True
        with self._lock:
            if time.monotonic() < self._asks_again_at:
                return False
            self._asks_again_at = time.monotonic() + _LEFT_ALONE
            return True

    def _asked(self, script: Script, keys: Sequence[str], *values: Any) -> Any:
        """The script's answer; None where Valkey has none."""
        try:
            with self._link() as link:
                answer = link.run(script, keys, *values)
        except _LOST as error:
            if not self._asks_again_at:
                _log.warning("Valkey does not answer (%s); each web process keeps to the limits by itself.", error)
            self._asks_again_at = time.monotonic() + _LEFT_ALONE
            return None
        if self._asks_again_at:
            _log.warning("Valkey answers again.")
            self._asks_again_at = 0.0
        return answer or b""

    @contextmanager
    def _link(self) -> Iterator[Link]:
        """A connection that nobody else is at."""
        try:
            link = self._idle.pop()
        except IndexError:
            link = Link()
        try:
            yield link
        finally:
            self._idle.append(link)
