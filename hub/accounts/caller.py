"""The one who asks, as plain data: exactly one agency, through a client or a member."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """``client`` is ``agency/name`` and empty for a member, whose ``email`` is set instead.

    ``scopes`` is empty for everything the client may do; ``agreement`` is the key a token is bound to. ``epoch`` is
    the count of changes at which all this was read.
    """

    agency: str
    client: str = ""
    email: str = ""
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    is_external: bool = False
    token: UUID | None = None
    scopes: frozenset[str] = frozenset()
    agreement: str = ""
    epoch: int = 0

    def __hash__(self) -> int:
        """Of what tells callers apart: it is asked for several times in every read."""
        return hash((self.agency, self.client, self.email, self.epoch, self.agreement))

    @property
    def agency_code(self) -> str:
        return self.agency

    @property
    def name(self) -> str:
        """How events name the actor."""
        return self.client or self.email

    def has_role(self, *roles: str) -> bool:
        return not self.roles.isdisjoint(roles)


HUB = Caller(agency="", email="hub", roles=frozenset({"system", "authority", "auditor"}))
"""The hub itself, when it acts by its own clock or an administrator acts on the server's command line."""
