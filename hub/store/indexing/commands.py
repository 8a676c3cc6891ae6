"""Asking for an index and letting go of one: for who administers the dataset."""

from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.catalog.permissions import require_editor
from hub.errors import Conflict, FieldError, Invalid
from hub.store.indexing.physical import terms_of
from hub.store.models import Index

MOST_FIELDS: Final = 8
MOST_ASKED: Final = 20
_SORTABLE: Final = frozenset({"string", "integer", "number", "decimal", "boolean", "date", "datetime", "time"})


@transaction.atomic
def ask_index(*, actor: Caller, dataset: Dataset, fields: Sequence[str]) -> Index:
    """An index on ``fields`` in order (``-`` descends), built by a worker while readers go on.

    The one that is there, where the same was asked before. Raises ``Invalid``, ``Forbidden``, and ``Conflict``
    (``too-many-indexes``): each costs every load time.
    """
    require_editor(actor, dataset, "Asking for indexes")
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    check_index_fields(dataset, fields)
    there = Index.objects.filter(dataset=dataset, fields=list(fields)).first()
    if there is not None and there.status in Index.STANDING:
        Index.objects.filter(pk=there.pk).update(origin=Index.Origin.ASKED)
        there.refresh_from_db()
        return there
    if Index.objects.filter(dataset=dataset, status__in=Index.STANDING).count() >= MOST_ASKED:
        raise Conflict(
            f"{dataset.key} has {MOST_ASKED} indexes.", code="too-many-indexes", hint="Drop one that is not used."
        )
    asked = {"origin": Index.Origin.ASKED, "status": Index.Status.WANTED, "due_at": now(), "attempts": 0, "error": ""}
    index, _ = Index.objects.update_or_create(dataset=dataset, fields=list(fields), defaults=asked)
    record(actor=actor, kind="index.asked", dataset=dataset.key, subject=str(index.pk), fields=list(fields))
    return index


@transaction.atomic
def drop_index(*, actor: Caller, dataset: Dataset, index: Index) -> None:
    """Let go of it; a worker takes it away while readers go on."""
    require_editor(actor, dataset, "Dropping indexes")
    record(actor=actor, kind="index.dropped", dataset=dataset.key, subject=str(index.pk), fields=index.fields)
    index.delete()
    bump_epoch()


def check_index_fields(dataset: Dataset, fields: Sequence[str]) -> None:
    """Raises ``Invalid`` with what is wrong with the terms of an index.

    Names are taken as they are while the dataset waits for its source to tell its fields.
    """
    types = dict(dataset.fields.values_list("name", "type"))
    errors = []
    if not 1 <= len(fields) <= MOST_FIELDS:
        errors.append(FieldError("fields", "invalid", f"An index is on 1 to {MOST_FIELDS} fields."))
    names = [name for name, _ in terms_of(fields)]
    for place, name in enumerate(names):
        if name not in types and (types or not dataset.is_discovered):
            errors.append(FieldError(f"fields[{place}]", "unknown-field", f"There is no field {name}."))
        elif name in types and types[name] not in _SORTABLE:
            message = f"{name} is of type {types[name]}, which has no order."
            errors.append(FieldError(f"fields[{place}]", "not-sortable", message))
        elif name in names[:place]:
            errors.append(FieldError(f"fields[{place}]", "invalid", f"{name} stands there twice."))
    if errors:
        raise Invalid(errors[0].message, errors=errors)
