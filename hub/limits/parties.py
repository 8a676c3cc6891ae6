"""On whose account a request goes: the client's or member's own, and its agency's."""

from dataclasses import dataclass
from typing import Final

from hub.accounts.caller import Caller
from hub.accounts.limits import Limits, agency_limits, client_limits
from hub.accounts.models import Agency, Client
from hub.query.kept import Kept
from hub.waiting import aside

_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Party:
    """``actor`` is empty for the agency itself."""

    agency: str
    actor: str
    limits: Limits

    @property
    def told(self) -> str:
        """How refusals call it."""
        return self.actor or f"All of {self.agency} together"


Parties = tuple[Party, Party]
_kept: Kept[Parties] = Kept(_MOST)


def parties_of(caller: Caller) -> Parties:
    """The caller and its agency, with their limits as of the caller's epoch."""
    name = (caller.agency, caller.name, caller.epoch)
    parties = _kept.get(name)
    if parties is None:
        parties = aside(lambda: _read(caller))
        _kept.put(name, parties)
    return parties


def _read(caller: Caller) -> Parties:
    agency = Agency.objects.filter(code=caller.agency).values_list("limits", flat=True).first()
    clients = Client.objects.filter(agency__code=caller.agency, name=caller.client.partition("/")[2])
    own = clients.values_list("limits", flat=True).first() if caller.client else None
    return (
        Party(caller.agency, caller.name, client_limits(own or {})),
        Party(caller.agency, "", agency_limits(agency or {})),
    )
