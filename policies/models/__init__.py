"""What is kept of rules, agreements, applications and announcements."""

from policies.models.agreements import Agreement, Application, Terms
from policies.models.notices import Notice
from policies.models.rules import Rule, RuleVersion

__all__ = ["Agreement", "Application", "Notice", "Rule", "RuleVersion", "Terms"]
