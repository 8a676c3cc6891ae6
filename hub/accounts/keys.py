"""Keys are unique within their owner, so that one which is taken tells of the owner's things alone."""

from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from hub.accounts.models import Agency
from hub.errors import Conflict, NotFound

BETWEEN: Final = "::"
"""Between the owner's code and the key of a thing in full. No key holds it, and no code."""
_FEW: Final = 10
_M = TypeVar("_M", bound=Model)


def full_key(owner: Agency | None, key: str) -> str:
    """What names one thing of its kind in the whole hub, such as ``dot::r1``; ``::r1`` is the catalogue's."""
    return f"{owner.code if owner is not None else ''}{BETWEEN}{key}"


def parted(key: str) -> tuple[str | None, str]:
    """The owner's code, empty for the catalogue and None where it is not said, and the key as the owner has it."""
    code, between, rest = key.partition(BETWEEN)
    return (code, rest) if between else (None, key)


def keyed(things: QuerySet[_M], key: str, owner: str | None = None) -> _M | None:
    """The one of ``things`` that ``key`` names, bare or in full; ``owner`` (a code, empty for the catalogue) if known.

    Raises ``Conflict`` where several bear it. What the asker does not see is not among ``things``, nor in any answer.
    """
    said, key = parted(key)
    found = things.filter(key=key)
    for code in (said, owner):
        if code is not None:
            found = found.filter(**_owned_by(things.model, code))
    fitting = list(found[:2])
    if len(fitting) > 1:
        raise _ambiguous(found, key)
    return fitting[0] if fitting else None


def the_one(things: QuerySet[_M], what: str, key: str) -> _M:
    """The same where there has to be one; raises ``NotFound``."""
    thing = keyed(things, key)
    if thing is None:
        raise NotFound(f"There is no {what} {key}.")
    return thing


def address_of(things: QuerySet[Any], owner: Agency | None, key: str) -> str:
    """The shortest key that names this one of ``things``."""
    return key if things.filter(key=key).count() < 2 else full_key(owner, key)


def _owned_by(model: type[Model], code: str) -> dict[str, Any]:
    owner = _owner(model)
    return {f"{owner}__code": code} if code else {f"{owner}__isnull": True}


def _owner(model: type[Model]) -> str:
    """The column; of an agreement, ``agency`` is the one that has it."""
    return "owner" if any(field.name == "owner" for field in model._meta.get_fields()) else "agency"


def _ambiguous(found: QuerySet[Any], key: str) -> Conflict:
    owner = f"{_owner(found.model)}__code"
    codes = found.order_by(owner).values_list(owner, flat=True)[:_FEW]
    forms = ", ".join(f"{code or ''}{BETWEEN}{key}" for code in codes)
    what = found.model._meta.verbose_name_plural
    return Conflict(f"There are several {what} {key}.", code="key-ambiguous", hint=f"Name it in full: {forms}.")
