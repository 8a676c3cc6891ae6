"""Agreements: what one agency is granted on one dataset, for a purpose and a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency, User
from hub.accounts.permissions import is_hub
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.catalog.permissions import require_dataset_reviewer
from hub.errors import Conflict
from policies.checks import empty_faults, refuse
from policies.commands.keeping import check_key, check_known, set_columns
from policies.granting import TERMS, assessment_faults, clients_of, terms_faults
from policies.models import Agreement
from policies.permissions import require_either_side, require_other_side

AGREEMENT_KEYS: Final = (*TERMS, "clients")


@transaction.atomic
def make_agreement(
    *, actor: Caller, key: str, dataset: Dataset, agency: Agency, valid_to: datetime, **values: Any
) -> Agreement:
    """What ``agency`` is granted on ``dataset``, in force from now or ``valid_from`` on.

    ``values`` are the other ``AGREEMENT_KEYS``. Opening a personal or sensitive field cites an assessment.
    """
    require_dataset_reviewer(actor, dataset, "Granting access")
    require_other_side(actor, dataset, agency)
    check_key(Agreement, key, dataset.agency)
    granted_by = User.objects.filter(email=actor.email).first() if actor.email else None
    agreement = Agreement(key=key, owner=dataset.agency, dataset=dataset, agency=agency)
    agreement.agreed_by, agreement.granted_by = actor.name, granted_by
    _set_agreement(actor, agreement, {**values, "valid_to": valid_to})
    _tell(actor, agreement, "agreement.made")
    return agreement


@transaction.atomic
def edit_agreement(*, actor: Caller, agreement: Agreement, **values: Any) -> Agreement:
    """Change what is granted, its purpose or its time."""
    _lock(agreement)
    require_dataset_reviewer(actor, agreement.dataset, "Changing agreements")
    require_other_side(actor, agreement.dataset, agreement.agency)
    if agreement.ended_at is not None:
        raise Conflict(f"The agreement {agreement.key} has ended.", code="ended", hint="Make a new one.")
    _set_agreement(actor, agreement, values)
    _tell(actor, agreement, "agreement.edited", changed=sorted(values))
    return agreement


@transaction.atomic
def end_agreement(*, actor: Caller, agreement: Agreement) -> Agreement:
    """End an agreement from the next statement on, which is for either side to do."""
    _lock(agreement)
    require_either_side(actor, agreement)
    if agreement.ended_at is None:
        agreement.ended_at, agreement.ended_by = now(), actor.name
        agreement.save()
        _tell(actor, agreement, "agreement.ended")
    return agreement


def _set_agreement(actor: Caller, agreement: Agreement, values: Mapping[str, Any]) -> None:
    check_known(values, AGREEMENT_KEYS, "An agreement")
    refuse(empty_faults(values))
    columns = {key: value for key, value in values.items() if key != "clients"}
    clients: Sequence[Any] | None = None
    if "clients" in values:
        clients = clients_of(agreement.agency, values["clients"] or ())
    set_columns(agreement, columns)
    refuse(terms_faults(agreement, agreement.dataset, agreement.valid_from, agreement.valid_to))
    if not is_hub(actor):
        refuse(assessment_faults(agreement, agreement.dataset))
    agreement.save()
    if clients is not None:
        agreement.clients.set(clients)


def _tell(actor: Caller, agreement: Agreement, kind: str, **details: Any) -> None:
    bump_epoch()
    consumer = agreement.agency.code
    record(
        actor=actor,
        kind=kind,
        dataset=agreement.dataset.key,
        subject=agreement.key,
        about=consumer,
        granted_to=consumer,
        **details,
    )


def _lock(agreement: Agreement) -> None:
    """From here to the commit the agreement is as it stands, whenever the caller read it."""
    locked = Agreement.objects.select_for_update(of=("self",)).select_related("dataset__agency", "agency")
    agreement.refresh_from_db(from_queryset=locked)
