"""Which rules, agreements and applications a caller sees: those that its agency is part of."""

from django.db.models import QuerySet

from hub.accounts.caller import Caller
from hub.accounts.queries import of_agency
from policies.models import Agreement, Application, Rule
from policies.queries import RULE_RELATIONS

_EITHER_SIDE = ("dataset__agency__code", "agency__code")


def rules_for(caller: Caller) -> QuerySet[Rule]:
    """The rules on the data of the caller's agency, with all that they name."""
    mine = of_agency(caller, "target_agency__code", "target_dataset__agency__code")
    return Rule.objects.filter(mine).select_related(*RULE_RELATIONS).prefetch_related("target_dataset__fields")


def agreements_for(caller: Caller) -> QuerySet[Agreement]:
    """What the caller's agency has granted, and what it was granted."""
    related = Agreement.objects.select_related("dataset__agency", "agency", "application")
    return related.prefetch_related("clients__agency").filter(of_agency(caller, *_EITHER_SIDE))


def applications_for(caller: Caller) -> QuerySet[Application]:
    """What the caller's agency asks for, and what is asked of it."""
    related = Application.objects.select_related("dataset__agency", "agency", "agreement")
    return related.prefetch_related("clients__agency").filter(of_agency(caller, *_EITHER_SIDE))
