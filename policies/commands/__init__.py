"""Changes to classes, rules and agreements; each says why, and what limits or opens takes two persons."""

from policies.commands.agreements import AGREEMENT_KEYS, edit_agreement, end_agreement, make_agreement
from policies.commands.classes import classify_dataset
from policies.commands.rules import RULE_KEYS, approve_rule, draft_rule, edit_rule, retire_rule

__all__ = [
    "AGREEMENT_KEYS",
    "RULE_KEYS",
    "approve_rule",
    "classify_dataset",
    "draft_rule",
    "edit_agreement",
    "edit_rule",
    "end_agreement",
    "make_agreement",
    "retire_rule",
]
