"""Groups of agencies, as rules name them: who owns a rule that names a group is told of every change of its members."""

from collections.abc import Sequence

from django.db import transaction

from hub.accounts import commands as accounts
from hub.accounts import mail
from hub.accounts.caller import Caller
from hub.accounts.models import AgencyGroup
from hub.audit.commands import record
from policies.models import Rule


@transaction.atomic
def set_group(*, actor: Caller, key: str, agencies: Sequence[str]) -> AgencyGroup:
    """Propose the agencies (codes) of a group; what a manifest declares is in force at once."""
    before = _members(AgencyGroup.objects.filter(key=key).first())
    group = accounts.set_group(actor=actor, key=key, agencies=agencies)
    _tell_owners(actor, group, before)
    return group


@transaction.atomic
def approve_group(*, actor: Caller, group: AgencyGroup) -> AgencyGroup:
    """Put a proposed change in force, as another person than the one who proposed it."""
    before = _members(group)
    group = accounts.approve_group(actor=actor, group=group)
    _tell_owners(actor, group, before)
    return group


def _members(group: AgencyGroup | None) -> set[str]:
    return set() if group is None else set(group.agencies.values_list("code", flat=True))


def _tell_owners(actor: Caller, group: AgencyGroup, before: set[str]) -> None:
    after = _members(group)
    if after == before:
        return
    rules = Rule.objects.filter(party_group=group).exclude(status=Rule.Status.RETIRED)
    named: dict[str, list[str]] = {}
    for rule in rules.select_related("target_agency", "target_dataset__agency").order_by("key"):
        owner = rule.target_dataset.agency if rule.target_dataset is not None else rule.target_agency
        if owner is not None:
            named.setdefault(owner.code, []).append(rule.key)
    joined, left = sorted(after - before), sorted(before - after)
    for owner_code, keys in named.items():
        record(
            actor=actor, kind="group.changed", subject=group.key, about=owner_code, rules=keys, joined=joined, left=left
        )
        mail.post(
            agency=owner_code,
            roles=("publisher", "reviewer"),
            subject=f"The group {group.key}, which rules of yours name, has changed",
            text=f"Joined: {', '.join(joined) or '-'}\nLeft: {', '.join(left) or '-'}\nRules: {', '.join(keys)}\n",
        )
