"""Who is asking, as plain data."""

import hashlib
from dataclasses import replace
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from hub.accounts.caller import Caller
from hub.accounts.models import AgencyGroup, Epoch, Membership, User
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
    return _carrier("t.digest = %s", token_digest(secret))


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
        renewed = _carrier("t.id = %s", str(caller.token))
    elif caller.client:
        renewed = _program(caller)
    else:
        renewed = _member(Membership.objects.filter(user__email=caller.email), caller.agency)
    if renewed is None:
        raise Unauthenticated("The token or membership has ended.", hint="Sign in again, or use another token.")
    return renewed


_CLIENT: Final = """
SELECT a.code, a.code || '/' || c.name, ARRAY(
        SELECT g.key FROM accounts_agencygroup g JOIN accounts_agencygroup_agencies m ON m.agencygroup_id = g.id
        WHERE m.agency_id = a.id), c.roles, c.is_external, (SELECT value FROM accounts_epoch WHERE id = 1)
"""
_ACTIVE: Final = "accounts_client c JOIN accounts_agency a ON a.id = c.agency_id AND c.is_active AND a.is_active"


def _carrier(which: str, value: str | bytes) -> Caller | None:
    """The client behind a token that has not ended. In SQL: it begins every request, and the ORM takes far longer."""
    found = _one(
        f"{_CLIENT}, t.id, t.scopes, t.agreement FROM {_ACTIVE} JOIN accounts_token t ON t.client_id = c.id"
        f" WHERE t.revoked_at IS NULL AND t.expires_at > statement_timestamp() AND {which}",
        (value,),
    )
    if found is None:
        return None
    *client, token, scopes, agreement = found
    return replace(_client(*client), token=token, scopes=frozenset(scopes), agreement=agreement)


def _program(caller: Caller) -> Caller | None:
    """A client that came without a token."""
    agency, _, name = caller.client.partition("/")
    found = _one(f"{_CLIENT} FROM {_ACTIVE} WHERE a.code = %s AND c.name = %s", (agency, name))
    return None if found is None else replace(_client(*found), scopes=caller.scopes, agreement=caller.agreement)


def _client(
    agency: str, name: str, groups: list[str], roles: list[str], is_external: bool, epoch: int | None
) -> Caller:
    return Caller(
        agency=agency,
        client=name,
        groups=frozenset(groups),
        roles=frozenset(roles),
        is_external=is_external,
        epoch=epoch or 0,
    )


def _one(statement: str, values: tuple[str | bytes, ...]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


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
