"""Writing events down."""

from typing import Any, Protocol

from hub.audit.models import Event


class Actor(Protocol):
    """Whoever acts: a caller, a command on the server, or the hub itself."""

    @property
    def agency_code(self) -> str: ...
    @property
    def name(self) -> str: ...


def record(*, actor: Actor, kind: str, dataset: str = "", subject: str = "", about: str = "", **details: Any) -> Event:
    """Add an event in the transaction at hand, so that it stands exactly if the act does.

    ``about`` is the code of another agency that it concerns.
    """
    who = {"agency": actor.agency_code, "actor": actor.name}
    return Event.objects.create(kind=kind, dataset=dataset, subject=subject, about=about, details=details, **who)
