"""Who may change what, on one screen."""

from hub.accounts.caller import Caller
from hub.errors import Forbidden


def require_system(actor: Caller, what: str) -> None:
    """Agencies, groups and the hub's own settings."""
    if not actor.has_role("system"):
        raise Forbidden(f"{what} is for the hub's administrators.", hint="Ask for the platform role system.")


def require_head_of(actor: Caller, agency: str, what: str) -> None:
    """Members, clients and tokens of an agency: its reviewers, and the hub's administrators."""
    if actor.has_role("system") or (actor.agency == agency and actor.has_role("reviewer")):
        return
    raise Forbidden(f"{what} is for the reviewers of {agency}.", hint=f"Ask for the role reviewer in {agency}.")


def require_publisher(actor: Caller, agency: str, what: str) -> None:
    """Datasets, sources and streams of an agency."""
    if actor.has_role("system") or (actor.agency == agency and actor.has_role("publisher", "reviewer")):
        return
    raise Forbidden(f"{what} is for the publishers of {agency}.", hint=f"Ask for the role publisher in {agency}.")


def require_reviewer(actor: Caller, agency: str, what: str) -> None:
    """The second person's word: a reviewer of the owner, or the authority."""
    if actor.has_role("authority") or (actor.agency == agency and actor.has_role("reviewer")):
        return
    raise Forbidden(f"{what} is for the reviewers of {agency}.", hint=f"Ask for the role reviewer in {agency}.")
