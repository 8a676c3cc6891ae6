"""Tokens: issued once, ended at once."""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands.checks import invalid
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.keys import keyed
from hub.accounts.models import Client, Token
from hub.accounts.permissions import require_head_of, require_may_give
from hub.accounts.queries import token_digest
from hub.audit.commands import record
from hub.errors import Conflict

DEFAULT_LIFETIME: Final = timedelta(days=365)
LONGEST_LIFETIME: Final = timedelta(days=3650)
ROTATION_GRACE: Final = timedelta(hours=24)
_SCOPE: Final = r"^(read|manage|read:(\*|[a-z][a-z0-9-]*\.(\*|[a-z][a-z0-9_-]*)))\Z"
_AGREEMENT: Final = r"^(([a-z][a-z0-9-]{1,30}::)?[A-Za-z0-9][A-Za-z0-9._-]{0,99})?\Z"


@transaction.atomic
def issue_token(
    *,
    actor: Caller,
    client: Client,
    scopes: Sequence[str] = (),
    agreement: str = "",
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> tuple[Token, str]:
    """A new token of ``client`` and its secret, which is kept nowhere.

    ``agreement`` is one of the client's agency's; raises ``Conflict`` where the key names several.
    """
    _require_keeper(actor, client)
    _check(scopes, agreement, lifetime)
    secret = "hub_" + secrets.token_urlsafe(32)
    token = Token.objects.create(
        client=client,
        digest=token_digest(secret),
        prefix=secret[:12],
        scopes=list(scopes),
        agreement=_bound_to(client, agreement),
        expires_at=now() + lifetime,
    )
    record(actor=actor, kind="token.issued", subject=str(token.pk), client=str(client), scopes=list(scopes))
    return token, secret


@transaction.atomic
def revoke_token(*, actor: Caller, token: Token) -> Token:
    """End a token from the next statement on."""
    require_head_of(actor, token.client.agency.code, "Revoking tokens")
    _lock(token)
    if token.revoked_at is None:
        token.revoked_at = now()
        token.save(update_fields=["revoked_at"])
        bump_epoch()
        record(actor=actor, kind="token.revoked", subject=str(token.pk), client=str(token.client))
    return token


@transaction.atomic
def rotate_token(*, actor: Caller, token: Token, lifetime: timedelta | None = None) -> tuple[Token, str]:
    """A successor with the same scopes; the old one goes on for a day, so that nothing breaks meanwhile."""
    _require_keeper(actor, token.client)
    _lock(token)
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


def _require_keeper(actor: Caller, client: Client) -> None:
    """Whoever has a client's token acts with its roles, so they must be the actor's to give."""
    require_head_of(actor, client.agency.code, "Issuing tokens")
    require_may_give(actor, client.roles)


def _bound_to(client: Client, agreement: str) -> str:
    """The agreement in full, so that another owner's of the same key, made later, widens nothing."""
    model: Any = apps.get_model("policies.agreement")
    made = model._default_manager.filter(agency=client.agency).select_related("dataset__agency")
    found = keyed(made, agreement) if agreement else None
    return found.full_key if found is not None else agreement


def _lock(token: Token) -> None:
    token.refresh_from_db(from_queryset=Token.objects.select_for_update())


def _check(scopes: Sequence[str], agreement: str, lifetime: timedelta) -> None:
    unknown = [scope for scope in scopes if len(scope) > 120 or not re.match(_SCOPE, scope)]
    if unknown:
        rule = "read, read:*, read:<agency>.*, read:<dataset> or manage"
        raise invalid("scopes", f"{unknown[0]!r} is no scope: {rule}.")
    if not re.match(_AGREEMENT, agreement):
        raise invalid("agreement", f"{agreement!r} is no key of an agreement.")
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise invalid("expires", "A token lives for at least a moment and at most ten years.")
