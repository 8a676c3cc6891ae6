"""How rules, agreements and applications are kept."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import models

from hub.accounts.models import Agency
from hub.errors import Conflict, FieldError
from policies.checks import refuse
from policies.models import Agreement, Application, Rule
from policies.regime import Regime, regime_named

_KEY: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z"


def check_key(model: type[Rule] | type[Agreement], key: str, owner: Agency | None) -> None:
    """Raises ``Invalid`` where ``key`` cannot be one, ``Conflict`` where ``owner`` (none: the catalogue) has it."""
    if not re.match(_KEY, key):
        refuse([FieldError("key", "invalid", f"{key!r} is no key: letters, digits, and . _ - between them.")])
    if model._default_manager.filter(key=key, owner=owner).exists():
        message = f"The key {key} is taken."
        raise Conflict(message, code="exists", errors=[FieldError("key", "exists", message)])


def set_columns(thing: Rule | Agreement | Application, columns: Mapping[str, Any]) -> None:
    """None is the column's own word for nothing, where it has one."""
    for name, value in columns.items():
        column = thing._meta.get_field(name)
        if value is None and isinstance(column, models.Field) and not column.null:
            value = column.get_default()
        setattr(thing, name, value)


def check_known(values: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    """Raises ``Invalid`` naming each key that is none of ``known``."""
    unknown = [key for key in values if key not in known]
    refuse([FieldError(key, "unknown", f"{what} has no {key}; it has {', '.join(known)}.") for key in unknown])


def regime() -> Regime:
    """The law of this hub."""
    return regime_named(settings.HUB_REGIME)
