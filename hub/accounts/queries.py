"""Who is asking, as plain data."""

import hashlib
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, AgencyGroup, Client, Epoch, Membership, Token, User
from hub.errors import Unauthenticated


def token_digest(secret: str) -> bytes:
    """What is kept of a token: SHA-256 of its text, which holds 32 random bytes."""
    return hashlib.sha256(secret.encode()).digest()


def current_epoch() -> int:
    """The count of changes that can alter a decision."""
    return Epoch.objects.filter(pk=1).values_list("value", flat=True).first() or 0


def caller_for_token(secret: str) -> Caller | None:
    """The client that carries ``secret``; None where it is unknown or has ended, or its client or agency is off."""
    return _caller_for_token(Q(digest=token_digest(secret)))


def caller_for_user(user: User, agency: str | None = None) -> Caller | None:
    """The member behind ``user`` in ``agency``, by default in the first of its agencies; None where it has none."""
    if not user.is_active:
        return None
    memberships = Membership.objects.filter(user=user, agency__is_active=True).select_related("agency")
    if agency is not None:
        memberships = memberships.filter(agency__code=agency)
    membership = memberships.order_by("agency__code").first()
    if membership is None:
        return None
    return Caller(
        agency=membership.agency.code,
        email=user.email,
        groups=_groups(membership.agency),
        roles=frozenset(membership.roles),
        epoch=current_epoch(),
    )


def refreshed(caller: Caller) -> Caller:
    """The same caller as it is by now; raises ``Unauthenticated`` where its token or membership has ended."""
    if caller.token is not None:
        renewed = _caller_for_token(Q(pk=caller.token))
    else:
        user = User.objects.filter(email=caller.email).first()
        renewed = caller_for_user(user, caller.agency) if user is not None else None
    if renewed is None:
        raise Unauthenticated("The token or membership has ended.", hint="Sign in again, or use another token.")
    return renewed


def _caller_for_token(which: Q) -> Caller | None:
    token = (
        Token.objects.filter(which, revoked_at=None, expires_at__gt=now())
        .filter(client__is_active=True, client__agency__is_active=True)
        .select_related("client__agency")
        .first()
    )
    if token is None:
        return None
    client: Client = token.client
    return Caller(
        agency=client.agency.code,
        client=str(client),
        groups=_groups(client.agency),
        roles=frozenset(client.roles),
        is_external=client.is_external,
        token=UUID(str(token.pk)),
        scopes=frozenset(token.scopes),
        agreement=token.agreement,
        epoch=current_epoch(),
    )


def _groups(agency: Agency) -> frozenset[str]:
    return frozenset(AgencyGroup.objects.filter(agencies=agency).values_list("key", flat=True))
