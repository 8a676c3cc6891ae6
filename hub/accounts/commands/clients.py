"""Changes to the programs that call the API."""

import re
from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction

from hub.accounts.caller import Caller
from hub.accounts.commands.checks import check_known, checked_limits, checked_roles, invalid, limits_told, taken
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.models import Agency, Client
from hub.accounts.permissions import require_head_of, require_may_give, require_system
from hub.audit.commands import record

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z"


@transaction.atomic
def create_client(
    *,
    actor: Caller,
    agency: Agency,
    name: str,
    roles: Iterable[str] = (),
    is_external: bool = False,
    limits: Any = None,
) -> Client:
    """A program of ``agency`` that may call the API with tokens of its own. ``limits`` differ from the hub's."""
    require_head_of(actor, agency.code, "Making clients")
    if not re.match(_NAME, name):
        raise invalid("name", f"{name!r} is no name of a client: letters, digits, and . _ - between them.")
    if Client.objects.filter(agency=agency, name=name).exists():
        raise taken("name", f"{agency.code} already has a client {name}.")
    checked = checked_roles(roles)
    require_may_give(actor, checked)
    if limits is not None:
        require_system(actor, "Setting limits")
    own = checked_limits({} if limits is None else limits)
    client = Client.objects.create(agency=agency, name=name, roles=checked, is_external=is_external, limits=own)
    details = {"roles": checked, "is_external": is_external, **limits_told(own or None)}
    record(actor=actor, kind="client.created", subject=str(client), **details)
    return client


@transaction.atomic
def edit_client(*, actor: Caller, client: Client, **values: Any) -> Client:
    """Change ``roles``, ``is_external`` or its own ``limits``, all of them."""
    require_head_of(actor, client.agency.code, "Changing clients")
    check_known(values, {"roles", "is_external", "limits"})
    if "roles" in values:
        values["roles"] = checked_roles(values["roles"])
        require_may_give(actor, set(client.roles) ^ set(values["roles"]))
    if "limits" in values:
        require_system(actor, "Setting limits")
        values["limits"] = checked_limits(values["limits"])
    for name, value in values.items():
        setattr(client, name, value)
    client.save(update_fields=list(values) or None)
    bump_epoch()
    record(
        actor=actor,
        kind="client.edited",
        subject=str(client),
        changed=sorted(values),
        **limits_told(values.get("limits")),
    )
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
