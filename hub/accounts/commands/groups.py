"""Groups of agencies: proposed by one person, in force by another's word, as rules are that name them."""

import re
from collections.abc import Sequence
from typing import Final

from django.db import transaction

from hub.accounts.caller import Caller
from hub.accounts.commands.checks import invalid
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.models import Agency, AgencyGroup, GroupChange
from hub.accounts.permissions import holds, is_hub, require_other_person, require_system
from hub.audit.commands import record
from hub.errors import Conflict

_KEY: Final = r"^[a-z][a-z0-9_-]{0,59}\Z"


@transaction.atomic
def set_group(*, actor: Caller, key: str, agencies: Sequence[str]) -> AgencyGroup:
    """Propose that exactly these agencies (codes) are in the group; it is made, empty, where there is none.

    What the hub's own manifest declares is in force at once.
    """
    _require_authority(actor)
    if not re.match(_KEY, key):
        raise invalid("key", f"{key!r} is no key of a group: a small letter, then a-z, 0-9, - and _, at most 60.")
    found = set(Agency.objects.filter(code__in=agencies).values_list("code", flat=True))
    unknown = [code for code in agencies if code not in found]
    if unknown:
        raise invalid("agencies", f"There is no agency {', '.join(unknown)}.")
    group, _ = AgencyGroup.objects.get_or_create(key=key)
    proposal = {"agencies": sorted(found), "proposed_by": actor.name}
    change, _ = GroupChange.objects.update_or_create(group=group, defaults=proposal)
    record(actor=actor, kind="group.proposed", subject=key, agencies=change.agencies)
    return approve_group(actor=actor, group=group) if is_hub(actor) else group


@transaction.atomic
def approve_group(*, actor: Caller, group: AgencyGroup) -> AgencyGroup:
    """Put the proposed change of a group in force; takes another person than the one who proposed it."""
    _require_authority(actor)
    change = GroupChange.objects.select_for_update().filter(group=group).first()
    if change is None:
        raise Conflict(f"There is no change of the group {group.key} to approve.", hint="Propose one first.")
    if not is_hub(actor):
        require_other_person(actor, change.proposed_by, "Approving a group's members")
    group.agencies.set(Agency.objects.filter(code__in=change.agencies))
    change.delete()
    bump_epoch()
    record(actor=actor, kind="group.set", subject=group.key, agencies=change.agencies, proposed_by=change.proposed_by)
    return AgencyGroup.objects.get(pk=group.pk)


def _require_authority(actor: Caller) -> None:
    if not holds(actor, "authority"):
        require_system(actor, "Setting groups of agencies")
