"""How much one client, and one agency with all its clients, may ask of the hub."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from django.conf import settings

MAX_LIMIT: Final = 10**15
_MINUTE: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Each is None where there is no limit. ``burst`` is how many requests may come at once after a rest.

    Days are those of UTC; ``concurrent`` counts reads that are answered at the same time.
    """

    requests_per_minute: int | None = None
    burst: int | None = None
    concurrent: int | None = None
    requests_per_day: int | None = None
    rows_per_day: int | None = None
    bytes_per_day: int | None = None

    @property
    def interval(self) -> int:
        """Microseconds from one request to the next at the full rate, never less; 0 without a rate."""
        return -(-_MINUTE // self.requests_per_minute) if self.requests_per_minute else 0

    @property
    def at_once(self) -> int:
        """Requests after a rest; all of a minute's where ``burst`` says nothing."""
        return self.burst or self.requests_per_minute or 0

    @property
    def counts_amounts(self) -> bool:
        """Whether a day's rows or bytes are limited."""
        return self.rows_per_day is not None or self.bytes_per_day is not None


LIMITS: Final = tuple(field.name for field in fields(Limits))


def client_limits(own: Mapping[str, Any]) -> Limits:
    """Of a client or member, of which ``own`` limits are kept; the hub's otherwise."""
    return Limits(**{**settings.HUB_CLIENT_LIMITS, **own})


def agency_limits(own: Mapping[str, Any]) -> Limits:
    """Of an agency, likewise."""
    return Limits(**{**settings.HUB_AGENCY_LIMITS, **own})
