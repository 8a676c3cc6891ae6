"""Who is asking, as plain data."""

import hashlib
from dataclasses import replace
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.models import AgencyGroup, Client, Epoch, Membership, Token, User
from hub.accounts.permissions import is_hub
from hub.errors import Unauthenticated


def token_digest(secret: str) -> bytes:
    """What is kept of a token: SHA-256 of its text, which holds 32 random bytes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def current_epoch() -> int:
    """The count of changes that can alter a decision."""
    return Epoch.objects.filter(pk=1).values_list("value", flat=True).first() or 0


def caller_for_token(secret: str) -> Caller | None:
    """The client that carries ``secret``; None where it is unknown or has ended, or its client or agency is off."""
    return _carrier(_live_tokens().filter(digest=token_digest(secret)))


def caller_for_user(user: User, agency: str | None = None) -> Caller | None:
    """The member behind ``user`` in ``agency``, by default in the first of its agencies; None where it has none."""
    return _member(Membership.objects.filter(user=user.pk), agency)


def caller_named(agency: str, actor: str) -> Caller | None:
    """The client or member as an event names it, as it is by now; None where it is gone."""
    if actor.startswith(f"{agency}/"):
        return _program(Caller(agency=agency, client=actor))
    return _member(Membership.objects.filter(user__email=actor), agency)


def refreshed(caller: Caller) -> Caller:
    """The same caller as it is by now; raises ``Unauthenticated`` where its token, client or membership has ended."""
    if is_hub(caller):
        return replace(caller, epoch=current_epoch())
    if caller.token is not None:
        renewed = _carrier(_live_tokens().filter(pk=caller.token))
    elif caller.client:
        renewed = _program(caller)
    else:
        renewed = _member(Membership.objects.filter(user__email=caller.email), caller.agency)
    if renewed is None:
        raise Unauthenticated("The token or membership has ended.", hint="Sign in again, or use another token.")
    return renewed


def _live_tokens() -> QuerySet[Token]:
    return Token.objects.filter(
        revoked_at=None, expires_at__gt=now(), client__is_active=True, client__agency__is_active=True
    )


def _carrier(tokens: QuerySet[Token]) -> Caller | None:
    token = tokens.select_related("client__agency").annotate(**_circumstances("client__agency")).first()
    if token is None:
        return None
    told = _client_caller(token.client, token)
    return replace(told, token=token.pk, scopes=frozenset(token.scopes), agreement=token.agreement)


def _program(caller: Caller) -> Caller | None:
    """A client that came without a token."""
    agency, _, name = caller.client.partition("/")
    clients = Client.objects.filter(agency__code=agency, name=name, is_active=True, agency__is_active=True)
    client = clients.select_related("agency").annotate(**_circumstances("agency")).first()
    if client is None:
        return None
    return replace(_client_caller(client, client), scopes=caller.scopes, agreement=caller.agreement)


def _client_caller(client: Client, told: Any) -> Caller:
    return Caller(
        agency=client.agency.code,
        client=str(client),
        groups=frozenset(told.group_keys),
        roles=frozenset(client.roles),
        is_external=client.is_external,
        epoch=told.epoch_value,
    )


def _member(memberships: QuerySet[Membership], agency: str | None) -> Caller | None:
    memberships = memberships.filter(user__is_active=True, agency__is_active=True)
    if agency is not None:
        memberships = memberships.filter(agency__code=agency)
    told: Any = (
        memberships.select_related("agency", "user")
        .annotate(**_circumstances("agency"))
        .order_by("agency__code")
        .first()
    )
    if told is None:
        return None
    return Caller(
        agency=told.agency.code,
        email=told.user.email,
        groups=frozenset(told.group_keys),
        roles=frozenset(told.roles),
        epoch=told.epoch_value,
    )


def _circumstances(agency: str) -> dict[str, Any]:
    """The agency's groups and the epoch, read in the same statement and so of the same moment."""
    return {
        "group_keys": ArraySubquery(AgencyGroup.objects.filter(agencies=OuterRef(agency)).values("key")),
        "epoch_value": Subquery(Epoch.objects.filter(pk=1).values("value")[:1]),
    }


def of_agency(caller: Caller, *paths: str) -> Q:
    """Things that are the caller's agency's by one of ``paths`` to an agency's code; platform roles see all."""
    if caller.has_role("system", "authority", "auditor"):
        return Q()
    mine = Q(pk=None)
    if not caller.is_external:
        for path in paths:
            mine |= Q(**{path: caller.agency})
    return mine
