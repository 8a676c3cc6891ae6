"""What is kept of rules, agreements, applications and announcements."""

from policies.models.agreements import Agreement, Application, Terms
from policies.models.notices import Notice
from policies.models.rules import Rule, RuleGroupObjectPermission, RuleVersion

__all__ = ["Agreement", "Application", "Notice", "Rule", "RuleGroupObjectPermission", "RuleVersion", "Terms"]
