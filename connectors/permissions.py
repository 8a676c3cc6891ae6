"""Who may change sources, and who brings rows in."""

from connectors.models import Source, Stream
from connectors.uploads import KIND as BY_HAND
from hub.accounts.caller import Caller
from hub.accounts.permissions import may_act, require_act
from hub.accounts.stewardship import is_steward


def require_source_editor(actor: Caller, source: Source) -> None:
    """Whoever brings rows in: publishers of the owner; and the source's stewards."""
    if not is_steward(actor, source, "edit"):
        require_act(actor, "load", source.agency.code, what="Changing sources and streams")


def require_reach(actor: Caller, source: Source) -> None:
    """Whoever may make the hub call this system: publishers and reviewers of the owner, and the source's stewards."""
    if not may_act(actor, "edit", source.agency.code, source):
        require_act(actor, "load", source.agency.code, source, what="Reaching for a source")


def may_start(actor: Caller, stream: Stream) -> bool:
    """Whether ``actor`` may have the stream read now: it is switched on, and has a source to read."""
    is_on = stream.is_active and stream.source.is_active and stream.source.kind != BY_HAND
    return is_on and may_act(actor, "load", stream.dataset.agency.code, stream.dataset, stream.source)


def require_loader(actor: Caller, stream: Stream) -> None:
    """Whoever may start and end runs: publishers of the owner, and the stewards of either end of the stream."""
    owner = stream.dataset.agency.code
    require_act(actor, "load", owner, stream.dataset, stream.source, what=f"Loading {stream.dataset.key}")
