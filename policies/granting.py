"""What is wrong with what is asked for, or granted: the terms that applications and agreements have in common."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from hub.accounts.models import Agency, Client
from hub.catalog.citations import basis_faults
from hub.catalog.models import Dataset
from hub.catalog.texts import flag_faults, text_faults
from hub.errors import FieldError, Invalid
from hub.predicates import FieldType
from policies.access import Access
from policies.checks import (
    access_faults,
    field_types,
    filter_faults,
    mode_faults,
    validity_faults,
)
from policies.models import Terms

TERMS: Final = (
    "fields",
    "filter",
    "modes",
    "purpose",
    "legal_basis",
    "may_pass_on",
    "keep_until",
    "disposal",
    "assessment",
    "valid_from",
    "valid_to",
)
"""The keys of both; ``clients`` comes beside them."""
_GUARDED: Final = ("personal", "sensitive")
_TELLING_NOTHING: Final = frozenset({"hidden", "null", "redact"})


def terms_faults(
    terms: Terms,
    dataset: Dataset,
    valid_from: datetime | None,
    valid_to: Any,
    unknown: frozenset[str] = frozenset(),
) -> list[FieldError]:
    """Faults of form first; then those that concern the dataset. ``unknown`` fields are secret to who asks."""
    errors = basis_faults(terms.legal_basis) + mode_faults(terms.modes) + flag_faults("may_pass_on", terms.may_pass_on)
    errors += text_faults("purpose", terms.purpose, is_required=True) + text_faults("filter", terms.filter)
    errors += text_faults("disposal", terms.disposal) + text_faults("assessment", terms.assessment)
    errors += validity_faults(valid_from=valid_from, valid_to=valid_to, keep_until=terms.keep_until)
    if valid_to is None:
        errors.append(FieldError("valid_to", "required", "What is granted has an end."))
    if not isinstance(terms.fields, Mapping):
        errors.append(FieldError("fields", "invalid", "fields has an access for each name of a field."))
    elif not terms.fields:
        errors.append(FieldError("fields", "required", "There is no field: name those that are wanted."))
    if errors:
        return errors
    types = field_types(dataset, unknown)
    errors = _field_faults(terms.fields, dataset.key, types)
    if terms.filter:
        errors += filter_faults(terms.filter, types)
    if dataset.sharing_class != "conditional" and (terms.filter or terms.modes):
        message = f"{dataset.key} is {dataset.sharing_class}: there an agreement gives accesses to fields alone."
        errors.append(FieldError("filter" if terms.filter else "modes", "invalid", message))
    return errors


def assessment_faults(terms: Terms, dataset: Dataset) -> list[FieldError]:
    """Personal and sensitive fields are opened on an assessment, which is cited."""
    if terms.assessment.strip():
        return []
    guarded = dataset.fields.filter(name__in=terms.fields, sensitivity__in=_GUARDED)
    opened = [field.name for field in guarded if Access.parse(terms.fields[field.name]).kind not in _TELLING_NOTHING]
    if not opened:
        return []
    message = f"{', '.join(opened)}: personal or sensitive. Cite the assessment on which this is opened."
    return [FieldError("assessment", "required", message)]


def clients_of(agency: Agency, names: Any) -> list[Client]:
    """The clients (``agency/name``) of ``agency``; raises ``Invalid`` naming those that there are not."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise _unknown("clients is a list of clients such as ops/dashboard.")
    found = {str(client): client for client in Client.objects.filter(agency=agency).select_related("agency")}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise _unknown(f"{agency.code} has no client {', '.join(unknown)}.")
    return [found[name] for name in names]


def _field_faults(fields: Mapping[str, object], key: str, types: Mapping[str, FieldType]) -> list[FieldError]:
    errors = []
    for name, access in fields.items():
        if name not in types:
            errors.append(FieldError(f"fields.{name}", "unknown-field", f"{key} has no field {name}."))
        else:
            errors += access_faults(access, f"fields.{name}", types[name])
    return errors


def _unknown(message: str) -> Invalid:
    return Invalid(message, errors=[FieldError("clients", "unknown", message)])
