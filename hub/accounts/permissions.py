"""Who may change what, on one screen."""

from collections.abc import Iterable, Mapping
from typing import Final

from django.db.models import Model

from hub.accounts.caller import HUB, Caller
from hub.accounts.stewardship import Act, is_steward
from hub.errors import Forbidden

MANAGE = "manage"
GIVEN_BY_REVIEWERS = frozenset({"requester"})
"""A reviewer who could make a publisher, or carry its token, would write and approve as two persons in one."""


def is_hub(actor: Caller) -> bool:
    """Whether the hub itself acts: a manifest, the server's command line, its own clock. Nobody else has no agency."""
    return not actor.agency and actor.name == HUB.name


def holds(actor: Caller, *roles: str) -> bool:
    """Whether the actor has one of these roles, and carries no token that is for reading alone."""
    return actor.has_role(*roles) and (not actor.scopes or MANAGE in actor.scopes)


def is_of(actor: Caller, agency: str, *roles: str) -> bool:
    """Whether the actor has one of these roles in this very agency."""
    return actor.agency == agency and holds(actor, *roles)


def require_system(actor: Caller, what: str) -> None:
    """Agencies, and the hub's own settings."""
    if not holds(actor, "system"):
        raise Forbidden(f"{what} is for the hub's administrators.", hint="Ask for the platform role system.")


def require_head_of(actor: Caller, agency: str, what: str) -> None:
    """Members, clients and tokens of an agency: its reviewers, and the hub's administrators."""
    if not (holds(actor, "system") or is_of(actor, agency, "reviewer")):
        raise Forbidden(f"{what} is for the reviewers of {agency}.", hint=f"Ask for the role reviewer in {agency}.")


def require_may_give(actor: Caller, roles: Iterable[str]) -> None:
    """Giving or taking these roles, or acting for a client that holds them."""
    beyond = sorted(set(roles) - GIVEN_BY_REVIEWERS)
    if beyond and not holds(actor, "system"):
        raise Forbidden(
            f"{', '.join(beyond)} is given and taken by the hub's administrators.",
            hint=f"Yours to give: {', '.join(sorted(GIVEN_BY_REVIEWERS))}.",
        )


_ROLES: Final[Mapping[Act, tuple[str, ...]]] = {
    "edit": ("publisher", "reviewer"),
    "publish": ("publisher", "reviewer"),
    "load": ("publisher",),
    "review": ("reviewer",),
}
_PLATFORM_ROLES: Final[Mapping[Act, str]] = {
    "edit": "system",
    "publish": "system",
    "load": "system",
    "review": "authority",
}


def may_act(actor: Caller, act: Act, agency: str, *things: Model) -> bool:
    """Whether the actor may do this to what ``agency`` owns: by a role, or as steward of one of ``things``."""
    if holds(actor, _PLATFORM_ROLES[act]) or is_of(actor, agency, *_ROLES[act]):
        return True
    return actor.agency == agency and any(is_steward(actor, thing, act) for thing in things)


def require_act(actor: Caller, act: Act, agency: str, *things: Model, what: str) -> None:
    """Refuses where ``may_act`` does not hold; ``what`` is how the refusal calls the act."""
    if not may_act(actor, act, agency, *things):
        role = _ROLES[act][0]
        steward = f", or to steward {things[0]} ({act})" if things and actor.agency == agency else ""
        raise Forbidden(
            f"{what} is for the {role}s of {agency}.", hint=f"Ask for the role {role} in {agency}{steward}."
        )


def require_other_person(actor: Caller, first: str, what: str) -> None:
    """Two persons: whoever did the first step does not do the second."""
    if actor.name == first:
        raise Forbidden(
            f"{what} takes another person than {first}.", code="second-person", hint="Ask another reviewer."
        )
