"""Writing events down."""

from typing import Any, Protocol

from hub.audit.models import Event


class Actor(Protocol):
    """Whoever acts: a caller, a command on the server, or the hub itself."""

    @property
    def agency_code(self) -> str: ...
    @property
    def name(self) -> str: ...


def record(*, actor: Actor, kind: str, dataset: str = "", subject: str = "", **details: Any) -> Event:
    """Add an event in the transaction at hand, so that it stands exactly if the act does."""
    return Event.objects.create(
        kind=kind, agency=actor.agency_code, actor=actor.name, dataset=dataset, subject=subject, details=details
    )
