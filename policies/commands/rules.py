"""Rules: drafted by one person, in force by another's word, ended at once."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.permissions import is_hub, require_other_person
from hub.accounts.stewardship import is_steward
from hub.audit.commands import record
from hub.errors import Conflict, Forbidden
from policies.checks import empty_faults, parsed_target, party_columns, refuse, target_columns
from policies.commands.keeping import check_key, check_known, regime, set_columns
from policies.models import Rule, RuleVersion
from policies.permissions import require_rule_reviewer, require_rule_writer, require_writer
from policies.queries import rule_words
from policies.terms import rule_faults

MANIFEST: Final = "manifest"
"""Who approves what a manifest declares; its author is the hub."""

_COLUMNS: Final[Mapping[str, str]] = {
    **{name: name for name in ("effect", "access", "filter", "modes", "reason", "reason_zh", "legal_basis")},
    **{name: name for name in ("valid_from", "valid_to", "review_at")},
    "firm": "is_firm",
}
RULE_KEYS: Final = ("target", "party", *_COLUMNS)


@transaction.atomic
def draft_rule(*, actor: Caller, key: str, target: str, party: str, **values: Any) -> Rule:
    """A rule that is not in force until another person approves it; ``values`` are the other keys of a manifest.

    Raises ``Invalid`` with every fault at its place, ``Conflict`` where the key is taken.
    """
    require_writer(actor, parsed_target(target))
    rule = Rule(key=key, author=actor.name)
    _set_rule(actor, rule, {**values, "target": target, "party": party})
    record(actor=actor, kind="rule.drafted", dataset=_dataset_key(rule), subject=key)
    return rule


@transaction.atomic
def edit_rule(*, actor: Caller, rule: Rule, **values: Any) -> Rule:
    """Change a draft, which is its author's to do: the other person reads it, and approves it as it is.

    A steward of the rule who changes it is its author from then on, and so not the one who approves it.
    A rule in force is changed by the administrators' own manifest alone, and stays in force.
    """
    _lock(rule)
    if rule.status == Rule.Status.RETIRED or (rule.status != Rule.Status.DRAFT and not is_hub(actor)):
        raise Conflict(f"The rule {rule.key} is {rule.status}.", hint="Draft a new one, and retire this one.")
    if not is_hub(actor) and actor.name != rule.author and not is_steward(actor, rule, "edit"):
        raise Forbidden("A draft is changed by its author alone.", hint="Draft a rule of your own.")
    require_rule_writer(actor, rule)
    if "target" in values:
        require_writer(actor, parsed_target(values["target"]))
    rule.author = rule.author if is_hub(actor) else actor.name
    _set_rule(actor, rule, values)
    bump_epoch()
    record(actor=actor, kind="rule.edited", dataset=_dataset_key(rule), subject=rule.key, changed=sorted(values))
    return rule


@transaction.atomic
def approve_rule(*, actor: Caller, rule: Rule, approver: str = "") -> Rule:
    """Put a draft in force; takes another person than its author. The hub itself approves as ``approver``."""
    _lock(rule)
    require_rule_reviewer(actor, rule)
    if rule.status != Rule.Status.DRAFT:
        raise Conflict(f"The rule {rule.key} is {rule.status}, not a draft.", hint="Look at it again.")
    approver = (approver or MANIFEST) if is_hub(actor) else actor.name
    if not is_hub(actor):
        require_other_person(actor, rule.author, "Approving a rule")
    refuse(rule_faults(rule, regime()))
    rule.status, rule.approver = Rule.Status.APPROVED, approver
    _keep(actor, rule)
    bump_epoch()
    record(actor=actor, kind="rule.approved", dataset=_dataset_key(rule), subject=rule.key, author=rule.author)
    return rule


@transaction.atomic
def retire_rule(*, actor: Caller, rule: Rule) -> Rule:
    """End a rule from the next statement on; a draft may be dropped by its author."""
    _lock(rule)
    if not (rule.status == Rule.Status.DRAFT and actor.name == rule.author):
        require_rule_reviewer(actor, rule)
    if rule.status != Rule.Status.RETIRED:
        rule.status = Rule.Status.RETIRED
        _keep(actor, rule)
        bump_epoch()
        record(actor=actor, kind="rule.retired", dataset=_dataset_key(rule), subject=rule.key)
    return rule


@transaction.atomic
def confirm_rule(*, actor: Caller, rule: Rule) -> Rule:
    """Say that a rule in force was looked at again and stands: its next review is due as the regime has it."""
    _lock(rule)
    require_rule_reviewer(actor, rule)
    if rule.status != Rule.Status.APPROVED:
        raise Conflict(f"The rule {rule.key} is {rule.status}, not in force.", hint="Draft a new one.")
    refuse(rule_faults(rule, regime()))
    rule.review_at = now() + regime().review_after
    if rule.is_firm and rule.valid_to is not None:
        rule.valid_to = max(rule.valid_to, rule.review_at)
    _keep(actor, rule)
    bump_epoch()
    record(actor=actor, kind="rule.confirmed", dataset=_dataset_key(rule), subject=rule.key)
    return rule


def _set_rule(actor: Caller, rule: Rule, values: Mapping[str, Any]) -> None:
    check_known(values, RULE_KEYS, "A rule")
    refuse(empty_faults(values))
    if "target" in values:
        set_columns(rule, target_columns(parsed_target(values["target"])))
        before, rule.owner = rule.owner_id, rule.agency
        if rule._state.adding or rule.owner_id != before:
            check_key(Rule, rule.key, rule.agency)
    if "party" in values:
        set_columns(rule, party_columns(values["party"]))
    set_columns(rule, {_COLUMNS[key]: value for key, value in values.items() if key in _COLUMNS})
    law = regime()
    refuse(rule_faults(rule, law))
    if rule.review_at is None:
        rule.review_at = rule.created_at + law.review_after
    _keep(actor, rule)


def _keep(actor: Caller, rule: Rule) -> None:
    """Save the rule, and what it says from now on beside all that it has said."""
    rule.save()
    number = rule.versions.count() + 1
    RuleVersion.objects.create(rule=rule, number=number, by=actor.name, status=rule.status, said=rule_words(rule))


def _lock(rule: Rule) -> None:
    """From here to the commit the rule is as it stands, whenever the caller read it."""
    locked = Rule.objects.select_for_update(of=("self",)).select_related("target_agency", "target_dataset__agency")
    rule.refresh_from_db(from_queryset=locked)


def _dataset_key(rule: Rule) -> str:
    return rule.target_dataset.key if rule.target_dataset is not None else ""
