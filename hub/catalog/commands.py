"""Registration of datasets: drafts, their review by a second person, and their end."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency
from hub.accounts.permissions import is_hub, require_act, require_other_person
from hub.audit.commands import record
from hub.catalog.descriptions import DATASET_KEYS, columns_of, description_faults, key_faults
from hub.catalog.fields import check_fields, set_declared, shows_more
from hub.catalog.models import DATASET_NAME, Dataset, Field, WordingChange
from hub.catalog.permissions import require_dataset_reviewer, require_editor
from hub.catalog.secrecy import secrecy_faults
from hub.errors import Conflict, FieldError, Forbidden, Invalid

__all__ = [
    "DATASET_KEYS",
    "approve_dataset",
    "edit_dataset",
    "publish_dataset",
    "register_dataset",
    "retire_dataset",
    "return_dataset",
    "set_fields",
    "submit_dataset",
    "sweep_marks",
]

MARKS_KEPT: Final = 100
_DECIDING: Final = frozenset({"is_secret", "primary_key"})


@transaction.atomic
def register_dataset(
    *, actor: Caller, agency: Agency, key: str, title: str, fields: Sequence[Mapping[str, Any]] = (), **values: Any
) -> Dataset:
    """A draft of ``agency``. ``values`` and ``fields`` are a manifest's keys but for the sharing class.

    Raises ``Invalid`` with every fault at its place, ``Conflict`` where the key is taken.
    """
    require_act(actor, "edit", agency.code, what="Registering datasets")
    owner, _, name = key.partition(".")
    errors = []
    if owner != agency.code or not re.match(DATASET_NAME, name):
        rule = f"{agency.code}. and then a small letter and 1 to 60 of a-z, 0-9, - and _"
        errors.append(FieldError("key", "invalid", f"{key!r} is no key of a dataset: {rule}."))
    values = {"title": title, **values}
    errors += description_faults(values) + check_fields(fields)
    types = {str(table.get("name")): str(table.get("type")) for table in fields}
    errors += key_faults(values.get("primary_key", ()), types, is_discovered=bool(values.get("discover")))
    _refuse(errors)
    if Dataset.objects.filter(key=key).exists():
        message = f"There is already a dataset {key}."
        raise Conflict(message, code="exists", errors=[FieldError("key", "exists", message)])
    dataset = Dataset.objects.create(agency=agency, key=key, **columns_of(values))
    set_declared(dataset, fields, dataset.sensitivity)
    record(actor=actor, kind="dataset.registered", dataset=key, fields=len(fields))
    return dataset


@transaction.atomic
def edit_dataset(*, actor: Caller, dataset: Dataset, **values: Any) -> Dataset:
    """Change the description; a published dataset stays published, and tells of itself only by a reviewer's word."""
    _lock(dataset)
    require_editor(actor, dataset, "Changing datasets")
    errors = description_faults(values)
    key = values.get("primary_key", dataset.primary_key)
    types = dict(dataset.fields.values_list("name", "type"))
    errors += key_faults(key, types, is_discovered=bool(values.get("discover", dataset.is_discovered)))
    if "primary_key" in values and list(key) != dataset.primary_key and _has_rows(dataset):
        message = "The primary key of a dataset that has rows cannot change; register a new dataset."
        errors.append(FieldError("primary_key", "has-rows", message))
    _refuse(errors)
    if dataset.is_secret and not values.get("secret", True):
        _require_second_look(actor, dataset)
    columns = columns_of(values)
    for column, value in columns.items():
        setattr(dataset, column, value)
    _check_secrecy(actor, dataset)
    dataset.save()
    if not _DECIDING.isdisjoint(columns):
        bump_epoch()
    record(actor=actor, kind="dataset.edited", dataset=dataset.key, changed=sorted(values))
    return dataset


@transaction.atomic
def set_fields(*, actor: Caller, dataset: Dataset, fields: Sequence[Mapping[str, Any]]) -> Dataset:
    """Add fields and change those that are there; one that is left out stays as it is.

    Fields that come to a dataset which had some before start ``unclassified`` unless they say otherwise: hidden.
    To show more of a published dataset takes a reviewer.
    """
    _lock(dataset)
    require_editor(actor, dataset, "Changing datasets")
    present = {field.name: field for field in dataset.fields.all()}
    errors = check_fields(fields, present)
    types = {name: field.type for name, field in present.items()}
    for index, table in enumerate(fields):
        known = types.get(str(table.get("name")))
        if known is not None and table.get("type", known) != known and _has_rows(dataset):
            message = f"{table['name']} is of type {known}; the type of a field that has values cannot change."
            errors.append(FieldError(f"fields[{index}].type", "has-rows", message))
        if table.get("required") is True and _lacks_values(dataset, present.get(str(table.get("name")))):
            message = f"There are rows without a {table['name']}; load them with one first."
            errors.append(FieldError(f"fields[{index}].required", "has-rows", message))
    types |= {str(table["name"]): str(table["type"]) for table in fields if {"name", "type"} <= table.keys()}
    errors += key_faults(dataset.primary_key, types, is_discovered=dataset.is_discovered)
    _refuse(errors)
    sensitivity = "unclassified" if present else dataset.sensitivity
    if any(shows_more(table, present.get(table["name"]), sensitivity) for table in fields):
        _require_second_look(actor, dataset)
    touched = set_declared(dataset, fields, sensitivity)
    _check_secrecy(actor, dataset)
    if touched:
        bump_epoch()
        record(actor=actor, kind="dataset.fields-set", dataset=dataset.key, fields=touched)
    return dataset


@transaction.atomic
def submit_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """Ask for the second person's review."""
    _lock(dataset)
    require_editor(actor, dataset, "Submitting datasets", "publish")
    _require_status(dataset, Dataset.Status.DRAFT)
    _check_secrecy(actor, dataset, is_published=True)
    dataset.submitter, dataset.review_note = actor.name, ""
    return _moved(actor, dataset, Dataset.Status.SUBMITTED, "dataset.submitted")


@transaction.atomic
def approve_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """Publish what another person submitted."""
    _lock(dataset)
    require_dataset_reviewer(actor, dataset, "Approving datasets")
    _require_status(dataset, Dataset.Status.SUBMITTED)
    require_other_person(actor, dataset.submitter, "Approving a dataset")
    dataset.published_at = now()
    return _moved(actor, dataset, Dataset.Status.PUBLISHED, "dataset.published")


@transaction.atomic
def return_dataset(*, actor: Caller, dataset: Dataset, note: str) -> Dataset:
    """Send a submitted dataset back to its author, saying why."""
    _lock(dataset)
    require_dataset_reviewer(actor, dataset, "Returning datasets")
    _require_status(dataset, Dataset.Status.SUBMITTED)
    if not note.strip() or "\0" in note:
        _refuse([FieldError("note", "required", "Say what is to be changed.")])
    dataset.review_note = note
    return _moved(actor, dataset, Dataset.Status.DRAFT, "dataset.returned")


@transaction.atomic
def retire_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """End a dataset: its record stays, it gives no rows any more."""
    _lock(dataset)
    require_dataset_reviewer(actor, dataset, "Retiring datasets")
    if dataset.status == Dataset.Status.RETIRED:
        return dataset
    return _moved(actor, dataset, Dataset.Status.RETIRED, "dataset.retired")


@transaction.atomic
def publish_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """Publish without a review: the administrators' own act, by a manifest."""
    _lock(dataset)
    if not is_hub(actor):
        raise Forbidden("Publishing takes a second person's review.", hint="Submit the dataset.")
    _check_secrecy(actor, dataset, is_published=True)
    dataset.published_at = dataset.published_at or now()
    return _moved(actor, dataset, Dataset.Status.PUBLISHED, "dataset.published")


def _lock(dataset: Dataset) -> None:
    """From here to the commit the dataset is as it stands, whenever the caller read it."""
    dataset.refresh_from_db(from_queryset=Dataset.objects.select_for_update(of=("self",)).select_related("agency"))


def _moved(actor: Caller, dataset: Dataset, status: str, kind: str) -> Dataset:
    dataset.status = status
    dataset.save()
    bump_epoch()
    record(actor=actor, kind=kind, dataset=dataset.key)
    return dataset


def _require_status(dataset: Dataset, status: str) -> None:
    if dataset.status != status:
        raise Conflict(f"{dataset.key} is {dataset.status}, not {status}.", hint="Look at it again.")


def _require_second_look(actor: Caller, dataset: Dataset) -> None:
    """What is published has been looked at; to show more of it takes that look again."""
    if dataset.status == Dataset.Status.PUBLISHED:
        require_dataset_reviewer(actor, dataset, "Showing more of a published dataset")


def _check_secrecy(actor: Caller, dataset: Dataset, *, is_published: bool = False) -> None:
    """A draft may still lack its law; what others could look for may not."""
    if is_published or dataset.status == Dataset.Status.PUBLISHED:
        _refuse(secrecy_faults(dataset, is_declared=is_hub(actor)))


def _has_rows(dataset: Dataset) -> bool:
    relation = getattr(dataset, "relation", None)
    return relation is not None and relation.rows > 0


def _lacks_values(dataset: Dataset, field: Field | None) -> bool:
    """Whether rows are there whose key has no value in the field."""
    return field is not None and _has_rows(dataset) and field.column in dataset.relation.null_columns


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise Invalid(errors[0].message, errors=errors)


def sweep_marks() -> None:
    """Let go of all but the newest marks of changes to wordings, which have to be counted at each look."""
    newest = WordingChange.objects.order_by("-pk").values_list("pk", flat=True)[:1].first()
    if newest is not None:
        WordingChange.objects.filter(pk__lt=newest - MARKS_KEPT).delete()
