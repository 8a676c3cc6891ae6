"""Rules and agreements: who may see what, drafted by one person and approved by another."""

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.api.base import ApiView, ListView, found, named, of_agency
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.rules import EFFECTS, AgreementBody, AgreementShown, RuleBody, RuleChange, RuleShown
from hub.catalog.models import Dataset
from policies import commands
from policies.models import Agreement, Rule


class Rules(ListView):
    """Rules on your agency's data."""

    filters = (
        Parameter("status", "State of the rule.", choices=tuple(Rule.Status.values), lookup="status"),
        Parameter("dataset", "Key of a dataset, or of a dataset with the field.", lookup="target_dataset__key"),
        Parameter("effect", "What it does.", choices=EFFECTS, lookup="effect"),
    )

    @operation("List the rules on your agency's data", list_of(RuleShown))
    def get(self, request: Request) -> Response:
        return self.page(_rules(self.caller), RuleShown)

    @operation("Draft a rule", RuleShown, status=201, body=RuleBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        rule = commands.draft_rule(actor=self.caller, **self.body(RuleBody))
        return self.one(rule, RuleShown, status=201, at=f"rules/{rule.key}")


class OneRule(ApiView):
    """One rule."""

    @operation("Describe a rule", RuleShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(_rule(self.caller, key), RuleShown)

    @operation("Change a draft", RuleShown, body=RuleChange, problems=(403, 409))
    def patch(self, request: Request, key: str) -> Response:
        rule = commands.edit_rule(actor=self.caller, rule=_rule(self.caller, key), **self.body(RuleChange))
        return self.one(rule, RuleShown)


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


class Agreements(ListView):
    """What agencies were granted, on your data or for your agency."""

    is_administrative = False
    filters = (
        Parameter("dataset", "Key of a dataset.", lookup="dataset__key"),
        Parameter("agency", "Code of the agency that was granted it.", lookup="agency__code"),
    )

    @operation("List the agreements that your agency is part of", list_of(AgreementShown))
    def get(self, request: Request) -> Response:
        return self.page(_agreements(self.caller), AgreementShown)

    @operation("Make an agreement", AgreementShown, status=201, body=AgreementBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        body = self.body(AgreementBody)
        body["agency"] = named(Agency.objects.all(), "agency", code=body["agency"])
        datasets = Dataset.objects.filter(of_agency(self.caller, "agency__code"))
        body["dataset"] = named(datasets, "dataset", key=body["dataset"])
        agreement = commands.make_agreement(actor=self.caller, **body)
        return self.one(agreement, AgreementShown, status=201, at=f"agreements/{agreement.key}")


class OneAgreement(ApiView):
    """One agreement."""

    is_administrative = False

    @operation("Describe an agreement", AgreementShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(_agreement(self.caller, key), AgreementShown)


class EndAgreement(ApiView):
    """The end of an agreement before its time."""

    @operation("End an agreement", AgreementShown, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        agreement = commands.end_agreement(actor=self.caller, agreement=_agreement(self.caller, key))
        return self.one(agreement, AgreementShown)


def _rules(caller: Caller) -> QuerySet[Rule]:
    relations = ("target_agency", "target_dataset__agency", "party_group", "party_agency", "party_client__agency")
    mine = of_agency(caller, "target_agency__code", "target_dataset__agency__code")
    return Rule.objects.filter(mine).select_related(*relations)


def _rule(caller: Caller, key: str) -> Rule:
    return found(_rules(caller), "rule", key=key)


def _agreements(caller: Caller) -> QuerySet[Agreement]:
    mine: Q = of_agency(caller, "dataset__agency__code", "agency__code")
    return Agreement.objects.filter(mine).select_related("dataset__agency", "agency")


def _agreement(caller: Caller, key: str) -> Agreement:
    return found(_agreements(caller), "agreement", key=key)
