"""Seals all secrets of the hub anew, from older keys to the newest."""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction

from connectors.secrets import SealedField, is_newest, newest_key, seal, unseal
from hub.accounts.caller import Caller
from hub.audit.commands import record


def rotate_secrets(*, actor: Caller) -> int:
    """Every sealed column of every table; answers how many rows were not yet under the newest key.

    Row by row, each in a transaction of its own: stopped half-way it can be begun again. Raises ``Unavailable`` where
    a key is missing.
    """
    columns = [
        (model, field.attname)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SealedField)
    ]
    count = sum(
        _resealed(model, pk, name)
        for model, name in columns
        for pk in model._default_manager.values_list("pk", flat=True)
    )
    record(actor=actor, kind="secrets.rotated", subject=newest_key(), count=count)
    return count


@transaction.atomic
def _resealed(model: Any, pk: UUID, name: str) -> bool:
    """A row that is gone by now has nothing to seal."""
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    before = getattr(row, name, b"")
    if is_newest(before):
        return False
    setattr(row, name, seal(unseal(before, pk), pk))
    row.save(update_fields=[name])
    return True
