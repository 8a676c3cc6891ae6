"""What the commands of this app ask of their values, and how they refuse."""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.accounts.limits import LIMITS, MAX_LIMIT
from hub.accounts.models import ROLES, Agency
from hub.errors import Conflict, FieldError, Invalid

MAX_NAME = 200


def checked_name(field: str, text: str, *, is_optional: bool = False) -> str:
    """``text`` where it can stand as a name; raises ``Invalid``."""
    if "\0" in text or len(text) > MAX_NAME or not (text.strip() or is_optional):
        raise invalid(field, f"A name has {0 if is_optional else 1} to {MAX_NAME} characters.")
    return text


def checked_roles(roles: Iterable[str]) -> list[str]:
    """Each role once, in order; raises ``Invalid`` naming what is no role."""
    checked = sorted(set(roles))
    unknown = [role for role in checked if role not in ROLES]
    if unknown:
        raise invalid("roles", f"There is no role {', '.join(unknown)}; there are {', '.join(ROLES)}.")
    return checked


def agency_named(field: str, code: str) -> Agency | None:
    """The agency with this code, None for no code; raises ``Invalid`` where there is none."""
    if not code:
        return None
    agency = Agency.objects.filter(code=code).first()
    if agency is None:
        raise invalid(field, f"There is no agency {code}.")
    return agency


def checked_limits(limits: Any) -> dict[str, int]:
    """Limits of one's own, whole: what is left out is the hub's again. Raises ``Invalid`` naming what is no limit."""
    if not isinstance(limits, Mapping):
        raise invalid("limits", f"Limits are a table of {', '.join(LIMITS)}.")
    for name, count in limits.items():
        if name not in LIMITS:
            raise invalid(f"limits.{name}", f"There is no limit {name}; there are {', '.join(LIMITS)}.")
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_LIMIT:
            raise invalid(f"limits.{name}", f"{name} is a whole number from 1 to {MAX_LIMIT}.")
    return {name: int(limits[name]) for name in LIMITS if name in limits}


def limits_told(limits: Mapping[str, int] | None) -> dict[str, Any]:
    """How an event tells that these limits hold from now on; nothing where none were set."""
    return {} if limits is None else {"limits": dict(limits)}


def check_known(values: Iterable[str], known: set[str]) -> None:
    for name in values:
        if name not in known:
            raise invalid(name, f"{name} cannot be changed; {', '.join(sorted(known))} can.")


def invalid(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[FieldError(field, "invalid", message)])


def taken(field: str, message: str) -> Conflict:
    return Conflict(message, code="exists", errors=[FieldError(field, "exists", message)])
