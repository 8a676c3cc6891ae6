"""Changes to people's places in agencies."""

from collections.abc import Iterable
from typing import Final

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from hub.accounts.caller import Caller
from hub.accounts.commands.checks import checked_roles, invalid
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.invitations import invite
from hub.accounts.models import Agency, Membership, User
from hub.accounts.permissions import holds, require_head_of, require_may_give
from hub.audit.commands import record

_MAX_EMAIL: Final = 254


@transaction.atomic
def set_member(*, actor: Caller, agency: Agency, email: str, roles: Iterable[str]) -> tuple[Membership, str | None]:
    """A person's roles in ``agency``; who has no password yet is sent a link to set one.

    Its path is answered to the hub's administrators alone. Whoever holds it becomes the person, with all that the
    person may do; and whether there is one tells whether the person is known elsewhere.
    """
    require_head_of(actor, agency.code, "Inviting people")
    email = _checked_email(email)
    wanted = checked_roles(roles)
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    membership = Membership.objects.select_for_update().filter(user=user, agency=agency).first()
    membership = membership or Membership(user=user, agency=agency)
    require_may_give(actor, set(membership.roles) ^ set(wanted))
    membership.roles = wanted
    membership.save()
    bump_epoch()
    record(actor=actor, kind="member.set", subject=email, member_of=agency.code, roles=wanted)
    path = invite(user) if user.is_active and not user.has_usable_password() else None
    return membership, path if holds(actor, "system") else None


@transaction.atomic
def remove_member(*, actor: Caller, membership: Membership) -> None:
    """End a person's place in an agency and in its teams; what they did stays on record."""
    require_head_of(actor, membership.agency.code, "Removing people")
    require_may_give(actor, membership.roles)
    email, code = membership.user.email, membership.agency.code
    membership.user.groups.remove(*Group.objects.filter(team__agency=membership.agency))
    membership.delete()
    bump_epoch()
    record(actor=actor, kind="member.removed", subject=email, member_of=code)


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise invalid("email", f"{email!r} is no mail address.") from None
    if len(email) > _MAX_EMAIL:
        raise invalid("email", f"A mail address has at most {_MAX_EMAIL} characters.")
    return email
