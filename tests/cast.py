"""The people and programs of the tests, made by the hub's own commands."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import create_agency, make_team, set_member
from hub.accounts.models import Agency, Team, User
from hub.accounts.queries import caller_for_user, current_epoch
from hub.audit.models import Event
from hub.errors import HubError, Invalid


def agency(code: str) -> Agency:
    return Agency.objects.filter(code=code).first() or create_agency(actor=HUB, code=code, name=code.title())


def member(code: str, *roles: str, email: str = "") -> Caller:
    """A person with these roles in an agency, called after both unless ``email`` says otherwise."""
    address = email or f"{'-'.join(roles) or 'nobody'}@{code}.example"
    set_member(actor=HUB, agency=agency(code), email=address, roles=roles)
    user = User.objects.get(email=address)
    user.set_password("correct horse battery")
    user.save()
    caller = caller_for_user(user, code)
    assert caller is not None
    return caller


def steward(code: str, email: str = "", **stewardship: Any) -> Caller:
    """A member of the agency with no role, whose team holds ``dataset="dot.flights", acts=["load"]``."""
    caller = member(code, email=email or f"steward@{code}.example")
    name = f"team-{Team.objects.count()}"
    make_team(actor=HUB, agency=agency(code), name=name, members=[caller.email], stewardships=[stewardship])
    return caller


def faults(act: Callable[..., object], **values: Any) -> list[tuple[str, str]]:
    """Place and code of each fault with which the command refuses."""
    with pytest.raises(Invalid) as refused:
        act(**values)
    return [(error.field, error.code) for error in refused.value.errors]


def refusal(act: Callable[..., object], **values: Any) -> str:
    """The code with which the command refuses."""
    with pytest.raises(HubError) as refused:
        act(**values)
    assert not isinstance(refused.value, Invalid)
    return refused.value.code


def traces(act: Callable[[], object]) -> tuple[list[str], bool]:
    """The kinds of the events that ``act`` adds, and whether decisions are to be made again."""
    events, epoch = set(Event.objects.values_list("pk", flat=True)), current_epoch()
    act()
    new = Event.objects.exclude(pk__in=events).order_by("at").values_list("kind", flat=True)
    return list(new), current_epoch() > epoch
