"""How often one caller may ask."""

import time
from collections import Counter
from threading import Lock

from django.conf import settings

from hub.accounts.caller import Caller
from hub.errors import TooMany

PER_MINUTE = 1_200
_MINUTE = 60


class RateLimited(TooMany):
    """The caller has used up this minute's requests."""

    code = "rate-limited"
    limit = PER_MINUTE


class _Window:
    """The requests of the running minute, by caller; each web process counts its own."""

    def __init__(self) -> None:
        self._minute = 0
        self._spent: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def clear(self) -> None:
        with self._lock:
            self._spent.clear()

    def spend(self, name: tuple[str, str]) -> int:
        """Count one request; how many there were in this minute."""
        minute = int(time.time()) // _MINUTE
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._spent.clear()
            self._spent[name] += 1
            return self._spent[name]


_window = _Window()


def spend_request(caller: Caller) -> None:
    """Count one request of ``caller``; raises ``TooMany`` over the limit."""
    if settings.HUB_RATE_LIMITS and _window.spend((caller.agency, caller.name)) > PER_MINUTE:
        wait = _MINUTE - int(time.time()) % _MINUTE
        raise RateLimited(f"More than {PER_MINUTE} requests in a minute.", retry_after=wait)


def forget_requests() -> None:
    """Begin the minute anew, for everybody."""
    _window.clear()
