"""The callers of this process by their tokens, kept for as long as the statements of their reads find them unchanged.

Every read looks in its own statement whether token and epoch still hold. So who carries a token need not be read anew
each time: what changed since is found out there, and only there it has to be.
"""

from uuid import UUID

from hub.accounts.caller import Caller
from hub.accounts.queries import caller_for_token, refreshed, token_digest
from hub.errors import Unauthenticated
from hub.query.kept import Kept

_KEPT = 5_000
_tokens: Kept[UUID] = Kept(_KEPT)
_callers: Kept[Caller] = Kept(_KEPT)


def kept_caller(secret: str) -> Caller | None:
    """The carrier of ``secret`` as it was last seen; None where it was not. For reads that the statement checks."""
    token = _tokens.get(token_digest(secret))
    return None if token is None else _callers.get(token)


def present_caller(secret: str) -> Caller | None:
    """The carrier of ``secret`` as it is now, kept for the next time; None where there is none."""
    caller = caller_for_token(secret)
    if caller is not None and caller.token is not None:
        _tokens.put(token_digest(secret), caller.token)
        _callers.put(caller.token, caller)
    return caller


def renewed(caller: Caller) -> Caller:
    """The same caller as it is by now, kept for the next time; raises ``Unauthenticated`` where it has ended."""
    try:
        fresh = refreshed(caller)
    except Unauthenticated:
        _callers.drop(caller.token)
        raise
    if fresh.token is not None:
        _callers.put(fresh.token, fresh)
    return fresh
