"""Which rules, agreements and applications a caller sees: those that its agency is part of; and whom it may name."""

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from hub.accounts.caller import Caller
from hub.accounts.models import Client
from hub.accounts.queries import of_agency, sees_all
from hub.audit.models import Event
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


def clients_known_to(caller: Caller) -> QuerySet[Client]:
    """The clients of whom the caller may hear that they are there.

    Its own agency's; and others' that have come to its data, or were named where that was asked for or granted.
    """
    clients = Client.objects.select_related("agency")
    if sees_all(caller) or caller.is_external:
        return clients.filter(of_agency(caller, "agency__code"))
    name = Concat(OuterRef("agency__code"), Value("/"), OuterRef("name"))
    met = Event.objects.filter(agency=OuterRef("agency__code"), actor=name, dataset__startswith=f"{caller.agency}.")
    named = Q()
    for things in (Application, Agreement):
        through, thing = things.clients.through, things._meta.model_name
        named |= Q(
            pk__in=through._default_manager.filter(**{f"{thing}__dataset__agency__code": caller.agency}).values(
                "client"
            )
        )
    return clients.filter(Q(agency__code=caller.agency) | named | Exists(met))
