"""Rules: who may see what, drafted by one person, rehearsed, approved by another; and the ledger of exceptions."""

from typing import Any
from uuid import uuid4

from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.caller import Caller
from hub.accounts.keys import address_of, keyed, the_one
from hub.accounts.models import Agency
from hub.accounts.queries import of_agency
from hub.api.base import BY_KEY, ApiView, ListView, found
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.exceptions import KINDS, ExceptionShown
from hub.api.serializers.rehearsal import RehearsalBody, RehearsalShown
from hub.api.serializers.rules import EFFECTS, RuleBody, RuleChange, RuleSaved, RuleShown, RuleVersionShown
from hub.errors import FieldError, Invalid
from hub.query.rehearsal import rehearse
from policies import commands
from policies.checks import parsed_target
from policies.ledger import Withholding, exceptions_of
from policies.lists import rules_for
from policies.models import Rule
from policies.permissions import require_rule_writer


class Rules(ListView):
    """Rules on your agency's data."""

    filters = (
        Parameter("status", "State of the rule.", choices=tuple(Rule.Status.values), lookup="status"),
        Parameter("dataset", "Key of a dataset, or of a dataset with the field.", lookup="target_dataset__key"),
        Parameter("effect", "What it does.", choices=EFFECTS, lookup="effect"),
    )

    @operation("List the rules on your agency's data", list_of(RuleShown))
    def get(self, request: Request) -> Response:
        return self.page(rules_for(self.caller), RuleShown, BY_KEY)

    @operation(
        "Draft a rule, which is tried out on the rows", RuleSaved, status=201, body=RuleBody, problems=(403, 409)
    )
    def post(self, request: Request) -> Response:
        rule = commands.draft_rule(actor=self.caller, **self.body(RuleBody))
        return self.one(
            rule, RuleSaved, status=201, at=f"rules/{address_of(rules_for(self.caller), rule.agency, rule.key)}"
        )


class OneRule(ApiView):
    """One rule."""

    @operation("Describe a rule", RuleShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(_rule(self.caller, key), RuleShown)

    @operation("Change a draft, and try it out on the rows", RuleSaved, body=RuleChange, problems=(403, 409))
    def patch(self, request: Request, key: str) -> Response:
        rule = commands.edit_rule(actor=self.caller, rule=_rule(self.caller, key), **self.body(RuleChange))
        return self.one(rule, RuleSaved)


class Approve(ApiView):
    """The second person's word."""

    @operation("Approve a rule that another person drafted", RuleShown, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        return self.one(commands.approve_rule(actor=self.caller, rule=_rule(self.caller, key)), RuleShown)


class Retire(ApiView):
    """The end of a rule."""

    @operation("Retire a rule", RuleShown, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        return self.one(commands.retire_rule(actor=self.caller, rule=_rule(self.caller, key)), RuleShown)


class Confirm(ApiView):
    """The review of a rule."""

    @operation("Say that a rule was looked at again and stands", RuleShown, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        return self.one(commands.confirm_rule(actor=self.caller, rule=_rule(self.caller, key)), RuleShown)


class Versions(ApiView):
    """Every form that a rule has had."""

    @operation("List the versions of a rule, the first one first", list_of(RuleVersionShown))
    def get(self, request: Request, key: str) -> Response:
        versions = RuleVersionShown(_rule(self.caller, key).versions.all(), many=True).data
        return Response({"data": versions, "page": {"limit": len(versions), "next": None}})


class Rehearse(ApiView):
    """A rule tried on the reads that there were."""

    @operation(
        "See whom a rule, or its end, would give or take what, by the reads of the last days; nothing is changed",
        RehearsalShown,
        body=RehearsalBody,
        problems=(403, 404, 409),
    )
    def post(self, request: Request) -> Response:
        body = self.body(RehearsalBody)
        days, is_end, key = body.pop("days"), body.pop("retire"), body.pop("key", "")
        told = rehearse(self.caller, lambda: self._rule(key, body, is_end), is_end=is_end, days=days)
        return Response(RehearsalShown(told).data)

    def _rule(self, key: str, words: dict[str, Any], is_end: bool) -> Rule:
        """The rule that is there, or one drafted from ``words`` which is taken back afterwards."""
        if is_end and words:
            raise Invalid("To rehearse the end of a rule, name it by its key alone.")
        if not words:
            rule = _rule(self.caller, key)
            require_rule_writer(self.caller, rule)
            return rule
        missing = [name for name in ("target", "party", "reason") if name not in words]
        if missing:
            raise Invalid(
                "The rule lacks something.", errors=[FieldError(n, "required", "Is missing.") for n in missing]
            )
        owner = parsed_target(words["target"]).agency
        known = keyed(rules_for(self.caller), key, owner) if key else None
        if known is not None:
            return commands.edit_rule(actor=self.caller, rule=known, **words)
        return commands.draft_rule(actor=self.caller, key=key or f"rehearsal-{uuid4()}", **words)


class Exceptions(ListView):
    """The ledger of exceptions: what an agency withholds, from whom, since when, on what ground, until when."""

    filters = (
        Parameter("agency", "Code of the agency; your own without. Others' are for the hub's authority and auditors."),
        Parameter("dataset", "Key of a dataset."),
        Parameter("kind", "What kind of exception.", choices=KINDS),
        Parameter("overdue", "`true`: only those whose review is overdue.", choices=("true", "false")),
    )

    @operation(
        "List what an agency withholds, and how often that was asked for", list_of(ExceptionShown), problems=(404,)
    )
    def get(self, request: Request) -> Response:
        code = self.asked.get("agency", self.caller.agency)
        agency = found(Agency.objects.filter(of_agency(self.caller, "code")), "agency", code=code)
        entries = [entry for entry in exceptions_of(agency) if self._is_asked_for(entry)]
        return self.listed(entries, ExceptionShown, lambda entry: (entry.target, entry.kind, entry.party, entry.key))

    def _is_asked_for(self, entry: Withholding) -> bool:
        asked = self.asked
        return (
            entry.dataset == asked.get("dataset", entry.dataset)
            and entry.kind == asked.get("kind", entry.kind)
            and (asked.get("overdue") is None or entry.is_overdue == (asked["overdue"] == "true"))
        )


def _rule(caller: Caller, key: str) -> Rule:
    return the_one(rules_for(caller), "rule", key)
