"""Agreements: what one agency is granted on one dataset, for a purpose and a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency, User
from hub.accounts.permissions import require_reviewer
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.errors import Conflict
from policies.checks import refuse
from policies.commands.keeping import check_key, check_known, set_columns
from policies.models import Agreement
from policies.permissions import require_other_side
from policies.terms import agreement_faults

AGREEMENT_KEYS: Final = ("fields", "filter", "modes", "purpose", "legal_basis", "valid_from", "valid_to")


@transaction.atomic
def make_agreement(
    *, actor: Caller, key: str, dataset: Dataset, agency: Agency, valid_to: datetime, **values: Any
) -> Agreement:
    """What ``agency`` is granted on ``dataset``, in force from now or ``valid_from`` on.

    ``values`` are ``fields`` (accesses by name), ``purpose``, ``legal_basis``, ``filter``, ``modes``, ``valid_from``.
    """
    require_reviewer(actor, dataset.agency.code, "Granting access")
    require_other_side(actor, dataset, agency)
    check_key(Agreement, key)
    granted_by = User.objects.filter(email=actor.email).first() if actor.email else None
    agreement = Agreement(key=key, dataset=dataset, agency=agency, agreed_by=actor.name, granted_by=granted_by)
    _set_agreement(agreement, {**values, "valid_to": valid_to})
    bump_epoch()
    record(actor=actor, kind="agreement.made", dataset=dataset.key, subject=key, granted_to=agency.code)
    return agreement


@transaction.atomic
def edit_agreement(*, actor: Caller, agreement: Agreement, **values: Any) -> Agreement:
    """Change what is granted, its purpose or its time."""
    _lock(agreement)
    require_reviewer(actor, agreement.dataset.agency.code, "Changing agreements")
    require_other_side(actor, agreement.dataset, agreement.agency)
    if agreement.ended_at is not None:
        raise Conflict(f"The agreement {agreement.key} has ended.", code="ended", hint="Make a new one.")
    _set_agreement(agreement, values)
    bump_epoch()
    changed = sorted(values)
    record(actor=actor, kind="agreement.edited", dataset=agreement.dataset.key, subject=agreement.key, changed=changed)
    return agreement


@transaction.atomic
def end_agreement(*, actor: Caller, agreement: Agreement) -> Agreement:
    """End an agreement from the next statement on."""
    _lock(agreement)
    require_reviewer(actor, agreement.dataset.agency.code, "Ending agreements")
    if agreement.ended_at is None:
        agreement.ended_at = now()
        agreement.save()
        bump_epoch()
        record(actor=actor, kind="agreement.ended", dataset=agreement.dataset.key, subject=agreement.key)
    return agreement


def _set_agreement(agreement: Agreement, values: Mapping[str, Any]) -> None:
    check_known(values, AGREEMENT_KEYS, "An agreement")
    set_columns(agreement, values)
    refuse(agreement_faults(agreement))
    agreement.save()


def _lock(agreement: Agreement) -> None:
    """From here to the commit the agreement is as it stands, whenever the caller read it."""
    locked = Agreement.objects.select_for_update(of=("self",)).select_related("dataset__agency", "agency")
    agreement.refresh_from_db(from_queryset=locked)
