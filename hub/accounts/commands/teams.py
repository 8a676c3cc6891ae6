"""Teams of an agency's members, and what they look after.

All of it is the hub's administrators' to give, as the role publisher is: a reviewer who could make a steward would
write and approve as two persons in one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from hub.accounts.caller import Caller
from hub.accounts.commands.checks import invalid
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.keys import keyed
from hub.accounts.models import TEAM_NAME, Agency, Team, User
from hub.accounts.permissions import require_system
from hub.accounts.stewardship import STEWARDED, Act, acts_on, held_by
from hub.audit.commands import record
from hub.errors import Conflict, FieldError


@transaction.atomic
def make_team(
    *,
    actor: Caller,
    agency: Agency,
    name: str,
    members: Iterable[str] = (),
    stewardships: Sequence[Mapping[str, Any]] = (),
) -> Team:
    """A team of ``agency``; ``members`` are mail addresses of people who are in that agency."""
    require_system(actor, "Making teams")
    if not re.match(TEAM_NAME, name):
        raise invalid("name", f"{name!r} is no name of a team: a small letter, then a-z, 0-9 and -, at most 60.")
    if Team.objects.filter(agency=agency, name=name).exists():
        message = f"{agency.code} has a team {name} already."
        raise Conflict(message, code="exists", errors=[FieldError("name", "exists", message)])
    team = Team.objects.create(agency=agency, name=name, group=Group.objects.create(name=f"{agency.code}/{name}"))
    record(actor=actor, kind="team.made", subject=str(team), about=agency.code)
    set_team(actor=actor, team=team, members=members)
    return set_stewardships(actor=actor, team=team, stewardships=stewardships)


@transaction.atomic
def set_team(*, actor: Caller, team: Team, members: Iterable[str]) -> Team:
    """Who is in the team: exactly these, members of its agency."""
    require_system(actor, "Choosing who is in a team")
    wanted = sorted({email.strip().lower() for email in members})
    users = {user.email: user for user in User.objects.filter(email__in=wanted, memberships__agency=team.agency)}
    strangers = [email for email in wanted if email not in users]
    if strangers:
        raise invalid("members", f"{', '.join(strangers)}: no member of {team.agency.code}.")
    team.group.user_set.set(users.values())
    bump_epoch()
    record(actor=actor, kind="team.set", subject=str(team), about=team.agency.code, members=wanted)
    return team


@transaction.atomic
def set_stewardships(*, actor: Caller, team: Team, stewardships: Sequence[Mapping[str, Any]]) -> Team:
    """What the team looks after, all of it: ``[{"dataset": "dot.flights", "acts": ["edit", "load"]}, …]``.

    Things are datasets, sources and rules, by their keys, of the team's own agency. Raises ``Invalid``.
    """
    require_system(actor, "Appointing stewards")
    wanted = dict(_read(team, table) for table in stewardships)
    held = held_by(team)
    for thing in {**held, **wanted}:
        acts = wanted.get(thing, ())
        if tuple(acts) != held.get(thing, ()):
            _entrust(actor, team, thing, acts)
    bump_epoch()
    return team


@transaction.atomic
def end_team(*, actor: Caller, team: Team) -> None:
    """End a team, and with it all that it looked after."""
    require_system(actor, "Ending teams")
    name, owner = str(team), team.agency.code
    team.group.delete()
    bump_epoch()
    record(actor=actor, kind="team.ended", subject=name, about=owner)


def _read(team: Team, table: Mapping[str, Any]) -> tuple[Any, tuple[Act, ...]]:
    """The thing that a stewardship names, and the acts in their own order."""
    kinds = [kind for kind in STEWARDED if kind in table]
    if len(kinds) != 1 or set(table) != {*kinds, "acts"}:
        raise invalid("stewardships", f"A stewardship names one of {', '.join(STEWARDED)}, and its acts.")
    kind, key = kinds[0], table[kinds[0]]
    thing: Any = _own(team, kind, str(key))
    if thing is None or thing.agency != team.agency:
        raise invalid("stewardships", f"{team.agency.code} has no {kind} {key}; its teams look after its own things.")
    known, acts = acts_on(thing), table["acts"]
    if not acts or not all(act in known for act in acts):
        raise invalid("stewardships", f"The acts on a {kind} are {', '.join(known)}; {key} needs one of them.")
    return thing, tuple(act for act in known if act in acts)


def _own(team: Team, kind: str, key: str) -> Any:
    things: Any = apps.get_model(STEWARDED[kind])._default_manager
    return keyed(things.all(), key, owner=team.agency.code)


def _entrust(actor: Caller, team: Team, thing: Any, acts: Sequence[Act]) -> None:
    for act, codename in acts_on(thing).items():
        change = assign_perm if act in acts else remove_perm
        change(codename, team.group, thing)
    kind = thing._meta.model_name
    record(
        actor=actor, kind="steward.set", subject=str(team), about=team.agency.code, acts=list(acts), **{kind: thing.key}
    )
