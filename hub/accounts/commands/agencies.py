"""Changes to agencies."""

import re
from typing import Any

from django.db import transaction

from hub.accounts.caller import Caller
from hub.accounts.commands.checks import (
    agency_named,
    check_known,
    checked_limits,
    checked_name,
    invalid,
    limits_told,
    taken,
)
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.models import AGENCY_CODE, Agency
from hub.accounts.permissions import require_system
from hub.audit.commands import record


@transaction.atomic
def create_agency(
    *, actor: Caller, code: str, name: str, name_zh: str = "", parent: str = "", limits: Any = None
) -> Agency:
    """A department; ``parent`` is its place in the directory and gives no right. ``limits`` differ from the hub's."""
    require_system(actor, "Making agencies")
    if not re.match(AGENCY_CODE, code):
        raise invalid("code", f"{code!r} is no agency code: a small letter, then 1 to 30 of a-z, 0-9 and -.")
    if Agency.objects.filter(code=code).exists():
        raise taken("code", f"There is already an agency {code}.")
    agency = Agency.objects.create(
        code=code,
        name=checked_name("name", name),
        name_zh=checked_name("name_zh", name_zh, is_optional=True),
        parent=agency_named("parent", parent),
        limits=checked_limits({} if limits is None else limits),
    )
    record(actor=actor, kind="agency.created", subject=code, **limits_told(agency.limits or None))
    return agency


@transaction.atomic
def edit_agency(*, actor: Caller, agency: Agency, **values: Any) -> Agency:
    """Change ``name``, ``name_zh``, ``parent`` (a code, empty for none) or its own ``limits``, all of them."""
    require_system(actor, "Changing agencies")
    check_known(values, {"name", "name_zh", "parent", "limits"})
    if "name" in values:
        agency.name = checked_name("name", values["name"])
    if "name_zh" in values:
        agency.name_zh = checked_name("name_zh", values["name_zh"], is_optional=True)
    if "parent" in values:
        agency.parent = agency_named("parent", values["parent"] or "")
        _check_no_circle(agency)
    if "limits" in values:
        agency.limits = checked_limits(values["limits"])
        bump_epoch()
    agency.save(update_fields=list(values) or None)
    told = limits_told(values.get("limits"))
    record(actor=actor, kind="agency.edited", subject=agency.code, changed=sorted(values), **told)
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


def _check_no_circle(agency: Agency) -> None:
    above = agency.parent
    while above is not None:
        if above.pk == agency.pk:
            raise invalid("parent", f"{agency.code} would be above itself.")
        above = above.parent
