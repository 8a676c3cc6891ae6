"""What is wrong with a sharing class or a rule as a whole."""

from collections.abc import Mapping, Sequence

from hub.catalog.citations import basis_faults
from hub.catalog.models import SHARING_CLASSES
from hub.catalog.texts import flag_faults, text_faults
from hub.errors import FieldError
from policies.checks import (
    access_faults,
    citation_faults,
    field_types,
    filter_faults,
    mode_faults,
    validity_faults,
)
from policies.models import Rule
from policies.regime import Regime


def class_faults(
    sharing_class: str, reason: str, legal_basis: Sequence[Mapping[str, str]], conditions: str, regime: Regime
) -> list[FieldError]:
    if sharing_class not in SHARING_CLASSES:
        return [FieldError("class", "invalid", f"{sharing_class!r} is none of {', '.join(SHARING_CLASSES)}.")]
    is_restriction = sharing_class != "unconditional"
    errors = text_faults("reason", reason, is_required=is_restriction) + basis_faults(legal_basis)
    errors += text_faults("conditions", conditions, is_required=sharing_class == "conditional")
    return errors + (citation_faults(regime, sharing_class, legal_basis) if is_restriction else [])


def rule_faults(rule: Rule, regime: Regime) -> list[FieldError]:
    """Answers faults of form first: the others could not be looked for."""
    errors = text_faults("reason", rule.reason, is_required=True) + text_faults("reason_zh", rule.reason_zh)
    errors += basis_faults(rule.legal_basis) + mode_faults(rule.modes) + flag_faults("firm", rule.is_firm)
    errors += text_faults("filter", rule.filter)
    errors += validity_faults(valid_from=rule.valid_from, valid_to=rule.valid_to, review_at=rule.review_at)
    if errors:
        return errors
    errors = _field_rule_faults(rule) if rule.target_field else _gate_rule_faults(rule)
    if rule.is_firm:
        errors += citation_faults(regime, "firm", rule.legal_basis)
        if rule.effect == "permit":
            errors.append(FieldError("firm", "invalid", "A firm rule only limits; a permit is never firm."))
    elif rule.effect == "prohibit" or (rule.target_field and rule.access != "clear"):
        errors += citation_faults(regime, "prohibit", rule.legal_basis)
    return errors


def _field_rule_faults(rule: Rule) -> list[FieldError]:
    errors = [
        FieldError(key, "invalid", f"A rule on a field has an access, no {key}.")
        for key in ("effect", "filter", "modes")
        if getattr(rule, key)
    ]
    dataset = rule.target_dataset
    field = dataset.fields.filter(name=rule.target_field).first() if dataset is not None else None
    if field is None:
        return [*errors, FieldError("target", "unknown", f"There is no field {rule.target_field}.")]
    if rule.access is None:
        return [*errors, FieldError("access", "required", "A rule on a field says in which form it is shown.")]
    return errors + access_faults(rule.access, "access", field.type)


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
        errors += filter_faults(rule.filter, field_types(rule.target_dataset))
    return errors
