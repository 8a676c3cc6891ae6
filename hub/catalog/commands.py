"""Registration of datasets: drafts, their review by a second person, and their end."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now
from guardian.shortcuts import assign_perm, remove_perm

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency, Membership, User
from hub.accounts.permissions import require_publisher, require_reviewer
from hub.audit.commands import record
from hub.catalog.fields import check_fields, set_declared
from hub.catalog.models import DATASET_NAME, FREQUENCIES, SENSITIVITIES, Dataset
from hub.catalog.queries import is_steward
from hub.errors import Conflict, FieldError, Forbidden, Invalid

_COLUMNS: Final[Mapping[str, str]] = {
    **{name: name for name in ("title", "title_zh", "description", "description_zh", "keywords", "theme", "licence")},
    **{name: name for name in ("contact", "update_frequency", "primary_key", "sensitivity")},
    "discover": "is_discovered",
    "secret": "is_secret",
}
DATASET_KEYS: Final = tuple(_COLUMNS)
_LENGTHS: Final = {"title": 200, "title_zh": 200, "theme": 60, "licence": 200, "contact": 200}
_DECIDING: Final = frozenset({"is_secret", "primary_key"})


@transaction.atomic
def register_dataset(
    *, actor: Caller, agency: Agency, key: str, title: str, fields: Sequence[Mapping[str, Any]] = (), **values: Any
) -> Dataset:
    """A draft of ``agency``. ``values`` and ``fields`` are a manifest's keys but for the sharing class.

    Raises ``Invalid`` with every fault at its place, ``Conflict`` where the key is taken.
    """
    require_publisher(actor, agency.code, "Registering datasets")
    owner, _, name = key.partition(".")
    errors = []
    if owner != agency.code or not re.match(DATASET_NAME, name):
        rule = f"{agency.code}. and then a small letter and 1 to 60 of a-z, 0-9, - and _"
        errors.append(FieldError("key", "invalid", f"{key!r} is no key of a dataset: {rule}."))
    values = {"title": title, **values}
    errors += _faults(values) + check_fields(fields)
    errors += _key_faults(values.get("primary_key", ()), [str(f.get("name")) for f in fields], values.get("discover"))
    _refuse(errors)
    if Dataset.objects.filter(key=key).exists():
        message = f"There is already a dataset {key}."
        raise Conflict(message, code="exists", errors=[FieldError("key", "exists", message)])
    dataset = Dataset.objects.create(agency=agency, key=key, **_columns(values))
    set_declared(dataset, fields, dataset.sensitivity)
    _require_key_values(dataset)
    record(actor=actor, kind="dataset.registered", dataset=key, fields=len(fields))
    return dataset


@transaction.atomic
def edit_dataset(*, actor: Caller, dataset: Dataset, **values: Any) -> Dataset:
    """Change the description; a published dataset stays published."""
    _may_edit(actor, dataset)
    names = list(dataset.fields.values_list("name", flat=True))
    key = values.get("primary_key", dataset.primary_key)
    errors = _faults(values) + _key_faults(key, names, values.get("discover", dataset.is_discovered))
    if "primary_key" in values and list(key) != dataset.primary_key and _has_rows(dataset):
        message = "The primary key of a dataset that has rows cannot change; register a new dataset."
        errors.append(FieldError("primary_key", "has-rows", message))
    _refuse(errors)
    columns = _columns(values)
    for column, value in columns.items():
        setattr(dataset, column, value)
    dataset.save()
    _require_key_values(dataset)
    if not _DECIDING.isdisjoint(columns):
        bump_epoch()
    record(actor=actor, kind="dataset.edited", dataset=dataset.key, changed=sorted(values))
    return dataset


@transaction.atomic
def set_fields(*, actor: Caller, dataset: Dataset, fields: Sequence[Mapping[str, Any]]) -> Dataset:
    """Add fields and change those that are there; one that is left out stays as it is.

    Fields that come to a dataset which had some before start ``unclassified`` unless they say otherwise: hidden.
    """
    _may_edit(actor, dataset)
    errors = check_fields(fields)
    types = dict(dataset.fields.values_list("name", "type"))
    for index, table in enumerate(fields):
        known = types.get(str(table.get("name")))
        if known is not None and "type" in table and table["type"] != known and _has_rows(dataset):
            message = f"{table['name']} is of type {known}; the type of a field that has values cannot change."
            errors.append(FieldError(f"fields[{index}].type", "has-rows", message))
    _refuse(errors)
    touched = set_declared(dataset, fields, "unclassified" if types else dataset.sensitivity)
    _require_key_values(dataset)
    if touched:
        bump_epoch()
        record(actor=actor, kind="dataset.fields-set", dataset=dataset.key, fields=touched)
    return dataset


@transaction.atomic
def submit_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """Ask for the second person's review."""
    _may_edit(actor, dataset)
    _require_status(dataset, Dataset.Status.DRAFT)
    dataset.submitter = actor.name
    return _moved(actor, dataset, Dataset.Status.SUBMITTED, "dataset.submitted")


@transaction.atomic
def approve_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """Publish what another person submitted."""
    require_reviewer(actor, dataset.agency.code, "Approving datasets")
    _require_status(dataset, Dataset.Status.SUBMITTED)
    if actor.name == dataset.submitter:
        raise Forbidden(
            "Whoever submitted a dataset does not approve it.", code="second-person", hint="Ask another reviewer."
        )
    dataset.published_at = now()
    return _moved(actor, dataset, Dataset.Status.PUBLISHED, "dataset.published")


@transaction.atomic
def return_dataset(*, actor: Caller, dataset: Dataset, note: str) -> Dataset:
    """Send a submitted dataset back to its author, saying why."""
    require_reviewer(actor, dataset.agency.code, "Returning datasets")
    _require_status(dataset, Dataset.Status.SUBMITTED)
    if not note.strip():
        _refuse([FieldError("note", "required", "Say what is to be changed.")])
    dataset.review_note = note
    return _moved(actor, dataset, Dataset.Status.DRAFT, "dataset.returned")


@transaction.atomic
def retire_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """End a dataset: its record stays, it gives no rows any more."""
    require_reviewer(actor, dataset.agency.code, "Retiring datasets")
    if dataset.status == Dataset.Status.RETIRED:
        return dataset
    return _moved(actor, dataset, Dataset.Status.RETIRED, "dataset.retired")


@transaction.atomic
def publish_dataset(*, actor: Caller, dataset: Dataset) -> Dataset:
    """Publish without a review: the administrators' own act, by a manifest."""
    if not actor.has_role("system"):
        raise Forbidden("Publishing takes a second person's review.", hint="Submit the dataset.")
    dataset.published_at = dataset.published_at or now()
    return _moved(actor, dataset, Dataset.Status.PUBLISHED, "dataset.published")


@transaction.atomic
def appoint_steward(*, actor: Caller, dataset: Dataset, user: User) -> None:
    """Let a member of the owner manage this one dataset, without the role publisher."""
    require_reviewer(actor, dataset.agency.code, "Appointing stewards")
    if not Membership.objects.filter(user=user, agency=dataset.agency).exists():
        _refuse([FieldError("user", "invalid", f"{user.email} is no member of {dataset.agency.code}.")])
    assign_perm("steward_dataset", user, dataset)
    bump_epoch()
    record(actor=actor, kind="steward.appointed", dataset=dataset.key, subject=user.email)


@transaction.atomic
def dismiss_steward(*, actor: Caller, dataset: Dataset, user: User) -> None:
    """End a stewardship."""
    require_reviewer(actor, dataset.agency.code, "Dismissing stewards")
    remove_perm("steward_dataset", user, dataset)
    bump_epoch()
    record(actor=actor, kind="steward.dismissed", dataset=dataset.key, subject=user.email)


def _may_edit(actor: Caller, dataset: Dataset) -> None:
    if not is_steward(actor, dataset):
        require_publisher(actor, dataset.agency.code, "Changing datasets")
    if dataset.status == Dataset.Status.RETIRED:
        raise Conflict(f"{dataset.key} is retired.", code="retired", hint="Register a new dataset.")


def _moved(actor: Caller, dataset: Dataset, status: str, kind: str) -> Dataset:
    dataset.status = status
    dataset.save()
    bump_epoch()
    record(actor=actor, kind=kind, dataset=dataset.key)
    return dataset


def _require_status(dataset: Dataset, status: str) -> None:
    if dataset.status != status:
        raise Conflict(f"{dataset.key} is {dataset.status}, not {status}.", hint="Look at it again.")


def _require_key_values(dataset: Dataset) -> None:
    """A row is told apart by its key, so every field of the key has a value."""
    dataset.fields.filter(name__in=dataset.primary_key, is_required=False).update(is_required=True)


def _has_rows(dataset: Dataset) -> bool:
    relation = getattr(dataset, "relation", None)
    return relation is not None and relation.rows > 0


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_COLUMNS[key]: value for key, value in values.items()}


def _faults(values: Mapping[str, Any]) -> list[FieldError]:
    errors = [
        FieldError(key, "unknown", f"A dataset has no {key}; it has {', '.join(DATASET_KEYS)}.")
        for key in values
        if key not in _COLUMNS
    ]
    if not str(values.get("title", "x")).strip():
        errors.append(FieldError("title", "required", "A dataset has a title."))
    for key, length in _LENGTHS.items():
        if len(str(values.get(key, ""))) > length:
            errors.append(FieldError(key, "too-long", f"{key} has at most {length} characters."))
    for key, words in (("update_frequency", FREQUENCIES), ("sensitivity", SENSITIVITIES)):
        if key in values and values[key] not in words:
            errors.append(FieldError(key, "invalid", f"{values[key]!r} is none of {', '.join(words)}."))
    return errors


def _key_faults(key: Iterable[str], names: Sequence[str], is_discovered: object) -> list[FieldError]:
    key = list(key)
    if len(set(key)) < len(key):
        return [FieldError("primary_key", "duplicate", "The primary key names a field twice.")]
    unknown = [name for name in key if name not in names]
    if unknown and not (is_discovered and not names):
        return [FieldError("primary_key", "unknown-field", f"There is no field {', '.join(unknown)}.")]
    return []


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise Invalid(errors[0].message, errors=errors)
