"""Changes to classes, rules, agreements and applications; each says why, and what limits or opens takes two persons."""

from policies.commands.agreements import AGREEMENT_KEYS, edit_agreement, end_agreement, make_agreement
from policies.commands.applications import (
    APPLICATION_KEYS,
    agree_to,
    apply_for,
    ask_for_more,
    refuse_application,
    supplement,
    withdraw_application,
)
from policies.commands.classes import classify_dataset
from policies.commands.groups import approve_group, set_group
from policies.commands.notices import announce
from policies.commands.rules import RULE_KEYS, approve_rule, confirm_rule, draft_rule, edit_rule, retire_rule

__all__ = [
    "AGREEMENT_KEYS",
    "APPLICATION_KEYS",
    "RULE_KEYS",
    "agree_to",
    "announce",
    "apply_for",
    "approve_group",
    "approve_rule",
    "ask_for_more",
    "classify_dataset",
    "confirm_rule",
    "draft_rule",
    "edit_agreement",
    "edit_rule",
    "end_agreement",
    "make_agreement",
    "refuse_application",
    "retire_rule",
    "set_group",
    "supplement",
    "withdraw_application",
]
