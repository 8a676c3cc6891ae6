"""Changes to classes, rules and agreements; each takes two persons, and says why."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency
from hub.accounts.permissions import require_publisher, require_reviewer
from hub.audit.commands import record
from hub.catalog.models import SHARING_CLASSES, Dataset
from hub.errors import Conflict, FieldError, Forbidden
from policies.checks import (
    access_faults,
    basis_faults,
    citation_faults,
    filter_faults,
    mode_faults,
    party_columns,
    reason_faults,
    refuse,
    target_columns,
    validity_faults,
)
from policies.models import Agreement, Rule
from policies.regime import Regime, regime_named

_KEY: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z"
_RULE_KEYS: Final[Mapping[str, str]] = {
    **{name: name for name in ("effect", "access", "filter", "modes", "reason", "reason_zh", "legal_basis")},
    **{name: name for name in ("valid_from", "valid_to", "review_at")},
    "firm": "is_firm",
}
RULE_KEYS: Final = ("target", "party", *_RULE_KEYS)
AGREEMENT_KEYS: Final = ("fields", "filter", "modes", "purpose", "legal_basis", "valid_from", "valid_to")


@transaction.atomic
def classify_dataset(
    *,
    actor: Caller,
    dataset: Dataset,
    sharing_class: str,
    reason: str = "",
    legal_basis: Sequence[Mapping[str, str]] = (),
    conditions: str = "",
) -> Dataset:
    """Set how ``dataset`` is shared. Anything but ``unconditional`` gives a reason, and the law that the regime wants.

    To restrict what is published takes a reviewer.
    """
    require_publisher(actor, dataset.agency.code, "Classifying datasets")
    if dataset.status == Dataset.Status.PUBLISHED:
        require_reviewer(actor, dataset.agency.code, "Classifying what is published")
    if sharing_class not in SHARING_CLASSES:
        refuse([FieldError("class", "invalid", f"{sharing_class!r} is none of {', '.join(SHARING_CLASSES)}.")])
    errors = basis_faults(legal_basis)
    if sharing_class != "unconditional":
        errors += reason_faults(reason, f"A class of {sharing_class}")
        errors += citation_faults(_regime(), sharing_class, legal_basis)
    if sharing_class == "conditional" and not conditions.strip():
        errors.append(FieldError("conditions", "required", "Say under which conditions the data is given."))
    refuse(errors)
    dataset.sharing_class, dataset.reason, dataset.conditions = sharing_class, reason, conditions
    dataset.legal_basis = [dict(citation) for citation in legal_basis]
    dataset.save()
    bump_epoch()
    record(actor=actor, kind="dataset.classified", dataset=dataset.key, sharing_class=sharing_class)
    return dataset


@transaction.atomic
def draft_rule(*, actor: Caller, key: str, target: str, party: str, **values: Any) -> Rule:
    """A rule that is not in force until another person approves it; ``values`` are the other keys of a manifest.

    Raises ``Invalid`` with every fault at its place, ``Conflict`` where the key is taken.
    """
    if not re.match(_KEY, key):
        refuse([FieldError("key", "invalid", f"{key!r} is no key: letters, digits, and . _ - between them.")])
    if Rule.objects.filter(key=key).exists():
        message = f"There is already a rule {key}."
        raise Conflict(message, code="exists", errors=[FieldError("key", "exists", message)])
    rule = Rule(key=key, author=actor.name)
    _set_rule(actor, rule, {**values, "target": target, "party": party})
    record(actor=actor, kind="rule.drafted", dataset=_dataset_key(rule), subject=key)
    return rule


@transaction.atomic
def edit_rule(*, actor: Caller, rule: Rule, **values: Any) -> Rule:
    """Change a draft. One in force is changed by the administrators' own manifest alone: others draft a successor."""
    if rule.status != Rule.Status.DRAFT and not actor.has_role("system"):
        raise Conflict(f"The rule {rule.key} is {rule.status}.", hint="Draft a new one, and retire this one.")
    _set_rule(actor, rule, values)
    bump_epoch()
    record(actor=actor, kind="rule.edited", dataset=_dataset_key(rule), subject=rule.key, changed=sorted(values))
    return rule


@transaction.atomic
def approve_rule(*, actor: Caller, rule: Rule, approver: str = "") -> Rule:
    """Put a draft in force; takes another person than its author. A manifest approves as ``manifest``."""
    _require_writer(actor, rule, is_review=True)
    if rule.status != Rule.Status.DRAFT:
        raise Conflict(f"The rule {rule.key} is {rule.status}, not a draft.", hint="Look at it again.")
    approver = approver if approver and actor.has_role("system") else actor.name
    if approver == rule.author:
        raise Forbidden("Whoever wrote a rule does not approve it.", code="second-person", hint="Ask another reviewer.")
    rule.status, rule.approver = Rule.Status.APPROVED, approver
    rule.save()
    bump_epoch()
    record(actor=actor, kind="rule.approved", dataset=_dataset_key(rule), subject=rule.key, author=rule.author)
    return rule


@transaction.atomic
def retire_rule(*, actor: Caller, rule: Rule) -> Rule:
    """End a rule from the next statement on."""
    _require_writer(actor, rule, is_review=True)
    if rule.status != Rule.Status.RETIRED:
        rule.status = Rule.Status.RETIRED
        rule.save()
        bump_epoch()
        record(actor=actor, kind="rule.retired", dataset=_dataset_key(rule), subject=rule.key)
    return rule


@transaction.atomic
def make_agreement(
    *, actor: Caller, key: str, dataset: Dataset, agency: Agency, valid_to: datetime, **values: Any
) -> Agreement:
    """What ``agency`` is granted on ``dataset``, in force from now or ``valid_from`` on."""
    require_reviewer(actor, dataset.agency.code, "Granting access")
    if not re.match(_KEY, key):
        refuse([FieldError("key", "invalid", f"{key!r} is no key: letters, digits, and . _ - between them.")])
    if Agreement.objects.filter(key=key).exists():
        message = f"There is already an agreement {key}."
        raise Conflict(message, code="exists", errors=[FieldError("key", "exists", message)])
    agreement = Agreement(key=key, dataset=dataset, agency=agency, agreed_by=actor.name)
    _set_agreement(agreement, {**values, "valid_to": valid_to})
    bump_epoch()
    record(actor=actor, kind="agreement.made", dataset=dataset.key, subject=key, granted_to=agency.code)
    return agreement


@transaction.atomic
def edit_agreement(*, actor: Caller, agreement: Agreement, **values: Any) -> Agreement:
    """Change what is granted, its purpose or its time."""
    require_reviewer(actor, agreement.dataset.agency.code, "Changing agreements")
    _set_agreement(agreement, values)
    bump_epoch()
    changed = sorted(values)
    record(actor=actor, kind="agreement.edited", dataset=agreement.dataset.key, subject=agreement.key, changed=changed)
    return agreement


@transaction.atomic
def end_agreement(*, actor: Caller, agreement: Agreement) -> Agreement:
    """End an agreement from the next statement on."""
    if agreement.ended_at is None:
        require_reviewer(actor, agreement.dataset.agency.code, "Ending agreements")
        agreement.ended_at = now()
        agreement.save()
        bump_epoch()
        record(actor=actor, kind="agreement.ended", dataset=agreement.dataset.key, subject=agreement.key)
    return agreement


def _set_rule(actor: Caller, rule: Rule, values: Mapping[str, Any]) -> None:
    unknown = [key for key in values if key not in RULE_KEYS]
    refuse([FieldError(key, "unknown", f"A rule has no {key}; it has {', '.join(RULE_KEYS)}.") for key in unknown])
    columns = {_RULE_KEYS[key]: value for key, value in values.items() if key in _RULE_KEYS}
    if "target" in values:
        columns |= target_columns(values["target"])
    if "party" in values:
        columns |= party_columns(values["party"])
    for column, value in columns.items():
        setattr(rule, column, value)
    _require_writer(actor, rule, is_review=False)
    regime = _regime()
    refuse(_rule_faults(rule, regime))
    if rule.review_at is None and (rule.is_firm or rule.valid_to is None):
        rule.review_at = rule.created_at + regime.review_after
    rule.save()


def _rule_faults(rule: Rule, regime: Regime) -> list[FieldError]:
    errors = reason_faults(rule.reason, "A rule") + basis_faults(rule.legal_basis) + mode_faults(rule.modes)
    errors += validity_faults(rule.valid_from, rule.valid_to)
    errors += _field_rule_faults(rule) if rule.target_field else _gate_rule_faults(rule)
    if rule.is_firm:
        errors += citation_faults(regime, "firm", rule.legal_basis)
        if rule.effect == "permit":
            errors.append(FieldError("firm", "invalid", "A firm rule only limits; a permit is never firm."))
    elif rule.effect == "prohibit":
        errors += citation_faults(regime, "prohibit", rule.legal_basis)
    return errors


def _field_rule_faults(rule: Rule) -> list[FieldError]:
    errors = [
        FieldError(key, "invalid", f"A rule on a field has an access, no {key}.")
        for key in ("effect", "filter", "modes")
        if getattr(rule, key)
    ]
    if rule.target_dataset is None or rule.access is None:
        return [*errors, FieldError("access", "required", "A rule on a field says in which form it is shown.")]
    type_ = rule.target_dataset.fields.get(name=rule.target_field).type
    return errors + access_faults(rule.access, "access", type_)


def _gate_rule_faults(rule: Rule) -> list[FieldError]:
    errors = []
    if rule.effect not in ("permit", "prohibit"):
        errors.append(FieldError("effect", "required", 'The effect is "permit" or "prohibit".'))
    if rule.access is not None:
        errors.append(FieldError("access", "invalid", "Only a rule on a field has an access."))
    if rule.modes and rule.effect != "permit":
        errors.append(FieldError("modes", "invalid", "Only a permit has modes."))
    if rule.filter and rule.target_dataset is None:
        errors.append(FieldError("filter", "invalid", "Only a rule on one dataset has a filter."))
    elif rule.filter and rule.target_dataset is not None:
        errors += filter_faults(rule.filter, rule.target_dataset)
    return errors


def _require_writer(actor: Caller, rule: Rule, *, is_review: bool) -> None:
    """Rules are the owner's of their target; those on the catalogue are the authority's."""
    agency = rule.target_dataset.agency if rule.target_dataset is not None else rule.target_agency
    if agency is None:
        if not actor.has_role("authority"):
            raise Forbidden("Rules on the whole catalogue are the authority's.", hint="Ask for the role authority.")
    elif is_review:
        require_reviewer(actor, agency.code, "Approving and retiring rules")
    elif not actor.has_role("authority"):
        require_publisher(actor, agency.code, "Writing rules")


def _set_agreement(agreement: Agreement, values: Mapping[str, Any]) -> None:
    unknown = [key for key in values if key not in AGREEMENT_KEYS]
    refuse([FieldError(key, "unknown", f"An agreement has no {key}.") for key in unknown])
    for name, value in values.items():
        setattr(agreement, name, value)
    refuse(_agreement_faults(agreement))
    agreement.save()


def _agreement_faults(agreement: Agreement) -> list[FieldError]:
    dataset = agreement.dataset
    types = dict(dataset.fields.values_list("name", "type"))
    errors = basis_faults(agreement.legal_basis) + mode_faults(agreement.modes)
    errors += validity_faults(agreement.valid_from, agreement.valid_to)
    if not agreement.purpose.strip():
        errors.append(FieldError("purpose", "required", "Use is bound to a purpose: say which."))
    for name, access in agreement.fields.items():
        if name not in types:
            errors.append(FieldError(f"fields.{name}", "unknown-field", f"{dataset.key} has no field {name}."))
        else:
            errors += access_faults(access, f"fields.{name}", types[name])
    if agreement.filter:
        errors += filter_faults(agreement.filter, dataset)
    if dataset.sharing_class != "conditional" and (agreement.filter or agreement.modes):
        message = (
            f"{dataset.key} is {dataset.sharing_class}: an agreement gives accesses to fields there, nothing else."
        )
        errors.append(FieldError("filter" if agreement.filter else "modes", "invalid", message))
    return errors


def _dataset_key(rule: Rule) -> str:
    return rule.target_dataset.key if rule.target_dataset is not None else ""


def _regime() -> Regime:
    return regime_named(settings.HUB_REGIME)
