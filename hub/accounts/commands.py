"""Changes to agencies, groups, members, clients and tokens."""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from hub.accounts.caller import HUB, Caller
from hub.accounts.invitations import invite
from hub.accounts.models import (
    AGENCY_CODE,
    MEMBER_ROLES,
    PLATFORM_ROLES,
    ROLES,
    Agency,
    AgencyGroup,
    Client,
    Epoch,
    Membership,
    Token,
    User,
)
from hub.accounts.permissions import require_head_of, require_system
from hub.accounts.queries import token_digest
from hub.audit.commands import record
from hub.errors import Conflict, FieldError, Forbidden, Invalid

DEFAULT_LIFETIME = timedelta(days=365)
LONGEST_LIFETIME = timedelta(days=3650)
ROTATION_GRACE = timedelta(hours=24)
_CLIENT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z"
_SCOPE = r"^(read|manage|read:(\*|[a-z][a-z0-9-]*\.(\*|[a-z][a-z0-9_-]*)))\Z"


def bump_epoch() -> None:
    """Say that decisions may have changed: whoever reads next decides again."""
    if not Epoch.objects.filter(pk=1).update(value=F("value") + 1):
        Epoch.objects.create(pk=1, value=2)


@transaction.atomic
def create_agency(*, actor: Caller, code: str, name: str, name_zh: str = "", parent: str = "") -> Agency:
    """A department; ``parent`` is its place in the directory and gives no right."""
    require_system(actor, "Making agencies")
    if not re.match(AGENCY_CODE, code):
        raise _invalid("code", f"{code!r} is no agency code: a small letter, then 1 to 30 of a-z, 0-9 and -.")
    if Agency.objects.filter(code=code).exists():
        raise _taken("code", f"There is already an agency {code}.")
    agency = Agency(code=code, name=_text("name", name), name_zh=name_zh, parent=_agency("parent", parent))
    agency.save()
    record(actor=actor, kind="agency.created", subject=code)
    return agency


@transaction.atomic
def edit_agency(*, actor: Caller, agency: Agency, **values: Any) -> Agency:
    """Change ``name``, ``name_zh`` or ``parent`` (a code, empty for none)."""
    require_system(actor, "Changing agencies")
    _only(values, {"name", "name_zh", "parent"})
    if "name" in values:
        _text("name", values["name"])
    if "parent" in values:
        values["parent"] = _agency("parent", values["parent"] or "")
        _check_no_circle(agency, values["parent"])
    _change(agency, values)
    record(actor=actor, kind="agency.edited", subject=agency.code, changed=sorted(values))
    return agency


@transaction.atomic
def switch_agency(*, actor: Caller, agency: Agency, is_active: bool) -> Agency:
    """Let an agency's members and clients in, or all of them out, from the next request on."""
    require_system(actor, "Switching agencies off")
    agency.is_active = is_active
    agency.save(update_fields=["is_active"])
    bump_epoch()
    record(actor=actor, kind="agency.switched", subject=agency.code, is_active=is_active)
    return agency


@transaction.atomic
def set_group(*, actor: Caller, key: str, agencies: Sequence[str]) -> AgencyGroup:
    """Exactly these agencies (codes) are in the group from now on; it is made where there is none."""
    if not actor.has_role("system", "authority"):
        require_system(actor, "Groups of agencies")
    if not re.match(r"^[a-z][a-z0-9_-]{0,59}\Z", key):
        raise _invalid("key", f"{key!r} is no key of a group.")
    found = {agency.code: agency for agency in Agency.objects.filter(code__in=agencies)}
    unknown = [code for code in agencies if code not in found]
    if unknown:
        raise _invalid("agencies", f"There is no agency {', '.join(unknown)}.")
    group, _ = AgencyGroup.objects.get_or_create(key=key)
    group.agencies.set(found.values())
    bump_epoch()
    record(actor=actor, kind="group.set", subject=key, agencies=sorted(found))
    return group


@transaction.atomic
def create_client(
    *, actor: Caller, agency: Agency, name: str, roles: Iterable[str] = (), is_external: bool = False
) -> Client:
    """A program of ``agency`` that may call the API with tokens of its own."""
    require_head_of(actor, agency.code, "Making clients")
    if not re.match(_CLIENT_NAME, name):
        raise _invalid("name", f"{name!r} is no name of a client: letters, digits, and . _ - between them.")
    if Client.objects.filter(agency=agency, name=name).exists():
        raise _taken("name", f"{agency.code} already has a client {name}.")
    checked = _roles(actor, agency, roles)
    client = Client.objects.create(agency=agency, name=name, roles=checked, is_external=is_external)
    record(actor=actor, kind="client.created", subject=str(client), roles=checked, is_external=is_external)
    return client


@transaction.atomic
def edit_client(*, actor: Caller, client: Client, **values: Any) -> Client:
    """Change ``roles`` or ``is_external``."""
    require_head_of(actor, client.agency.code, "Changing clients")
    _only(values, {"roles", "is_external"})
    if "roles" in values:
        values["roles"] = _roles(actor, client.agency, values["roles"])
    _change(client, values)
    bump_epoch()
    record(actor=actor, kind="client.edited", subject=str(client), changed=sorted(values))
    return client


@transaction.atomic
def switch_client(*, actor: Caller, client: Client, is_active: bool) -> Client:
    """Let a client in or out, with all its tokens, from the next request on."""
    require_head_of(actor, client.agency.code, "Switching clients off")
    client.is_active = is_active
    client.save(update_fields=["is_active"])
    bump_epoch()
    record(actor=actor, kind="client.switched", subject=str(client), is_active=is_active)
    return client


@transaction.atomic
def issue_token(
    *,
    actor: Caller,
    client: Client,
    scopes: Sequence[str] = (),
    agreement: str = "",
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> tuple[Token, str]:
    """A new token of ``client`` and its secret, which is kept nowhere."""
    require_head_of(actor, client.agency.code, "Issuing tokens")
    unknown = [scope for scope in scopes if not re.match(_SCOPE, scope)]
    if unknown:
        raise _invalid(
            "scopes", f"{unknown[0]!r} is no scope: read, read:*, read:<agency>.*, read:<dataset> or manage."
        )
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise _invalid("expires", "A token lives for at least a moment and at most ten years.")
    secret = "hub_" + secrets.token_urlsafe(32)
    token = Token.objects.create(
        client=client,
        digest=token_digest(secret),
        prefix=secret[:12],
        scopes=list(scopes),
        agreement=agreement,
        expires_at=now() + lifetime,
    )
    record(actor=actor, kind="token.issued", subject=str(token.pk), client=str(client), scopes=list(scopes))
    return token, secret


@transaction.atomic
def revoke_token(*, actor: Caller, token: Token) -> Token:
    """End a token from the next statement on."""
    require_head_of(actor, token.client.agency.code, "Revoking tokens")
    if token.revoked_at is None:
        token.revoked_at = now()
        token.save(update_fields=["revoked_at"])
        bump_epoch()
        record(actor=actor, kind="token.revoked", subject=str(token.pk), client=str(token.client))
    return token


@transaction.atomic
def rotate_token(*, actor: Caller, token: Token, lifetime: timedelta | None = None) -> tuple[Token, str]:
    """A successor with the same scopes; the old one goes on for a day, so that nothing breaks meanwhile."""
    if token.revoked_at is not None or token.expires_at <= now():
        raise Conflict("The token has ended; there is nothing to rotate.", hint="Issue a new one.")
    lifetime = lifetime or token.expires_at - token.created_at
    issued = issue_token(
        actor=actor, client=token.client, scopes=token.scopes, agreement=token.agreement, lifetime=lifetime
    )
    token.expires_at = min(token.expires_at, now() + ROTATION_GRACE)
    token.save(update_fields=["expires_at"])
    record(actor=actor, kind="token.rotated", subject=str(token.pk), successor=str(issued[0].pk))
    return issued


@transaction.atomic
def set_member(*, actor: Caller, agency: Agency, email: str, roles: Iterable[str]) -> tuple[Membership, str | None]:
    """A person's roles in ``agency``; who has no password yet gets a link to set one, answered as its path."""
    require_head_of(actor, agency.code, "Inviting people")
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise _invalid("email", f"{email!r} is no mail address.") from None
    checked = _roles(actor, agency, roles)
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    membership, _ = Membership.objects.update_or_create(user=user, agency=agency, defaults={"roles": checked})
    bump_epoch()
    record(actor=actor, kind="member.set", subject=email, member_of=agency.code, roles=checked)
    # On the server's command line the link is printed; without a mail server it would be so twice.
    is_mailed = settings.HUB_HAS_MAIL or actor != HUB
    return membership, None if user.has_usable_password() else invite(user, is_mailed=is_mailed)


@transaction.atomic
def remove_member(*, actor: Caller, membership: Membership) -> None:
    """End a person's place in an agency; what they did stays on record."""
    require_head_of(actor, membership.agency.code, "Removing people")
    email, code = membership.user.email, membership.agency.code
    membership.delete()
    bump_epoch()
    record(actor=actor, kind="member.removed", subject=email, member_of=code)


def _roles(actor: Caller, agency: Agency, roles: Iterable[str]) -> list[str]:
    checked = sorted(set(roles))
    unknown = [role for role in checked if role not in ROLES]
    if unknown:
        raise _invalid("roles", f"There is no role {', '.join(unknown)}; there are {', '.join(ROLES)}.")
    platform = [role for role in checked if role in PLATFORM_ROLES]
    if platform and not actor.has_role("system"):
        raise Forbidden(
            f"{', '.join(platform)} is given by the hub's administrators.",
            hint=f"Yours to give: {', '.join(MEMBER_ROLES)}.",
        )
    return checked


def _agency(field: str, code: str) -> Agency | None:
    if not code:
        return None
    agency = Agency.objects.filter(code=code).first()
    if agency is None:
        raise _invalid(field, f"There is no agency {code}.")
    return agency


def _check_no_circle(agency: Agency, parent: Agency | None) -> None:
    above = parent
    while above is not None:
        if above.pk == agency.pk:
            raise _invalid("parent", f"{agency.code} would be above itself.")
        above = above.parent


def _text(field: str, text: str) -> str:
    if not text.strip() or len(text) > 200:
        raise _invalid(field, "A name has 1 to 200 characters.")
    return text


def _change(thing: Agency | Client, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(thing, name, value)
    thing.save()


def _only(values: Iterable[str], known: set[str]) -> None:
    for name in values:
        if name not in known:
            raise _invalid(name, f"{name} cannot be changed; {', '.join(sorted(known))} can.")


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[FieldError(field, "invalid", message)])


def _taken(field: str, message: str) -> Conflict:
    return Conflict(message, code="exists", errors=[FieldError(field, "exists", message)])
