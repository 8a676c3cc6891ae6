"""Step 3 of a decision for all datasets at once, in SQL."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.db.models.lookups import Exact, LessThan
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, AgencyGroup, Client
from policies.facts import PARTY_RANK, TARGET_RANK, Mode, PartyKind, TargetKind
from policies.models import Agreement, Rule

_NONE = -1
"""Below the count of any rule."""
_FIRM = 999
"""Above the count of any other rule, and a prohibit's."""


class Gate:
    """The gate of the dataset of the outer query; ``mode`` None asks for any mode at all.

    Each candidate counts twice its specificity, a prohibit one more: of the greatest, an even one permits.
    """

    def __init__(self, caller: Caller, mode: Mode | None) -> None:
        self._rules = _rules(caller)
        self._permits = Q(effect="permit", is_firm=False)
        if mode is not None:
            self._permits &= Q(modes=[]) | Q(modes__contains=[mode])
        self._prohibits = ~Q(effect="permit") & Q(filter="")

    def passes(self) -> Q:
        """By class and rules alone."""
        implied = Case(
            When(sharing_class="conditional", then=Value(_count("dataset", "everyone") + 1)),
            default=Value(_count("catalogue", "everyone")),
        )
        best = Greatest(*self._best(self._permits | self._prohibits), implied)
        return Q(sharing_class__in=("unconditional", "conditional")) & Q(Exact(best % Value(2), 0))

    def passes_under(self, agreements: QuerySet[Agreement]) -> Q:
        """A conditional dataset under one of ``agreements``, where the rules' permits do not count."""
        outranked = LessThan(Greatest(*self._best(self._prohibits), Value(_NONE)), _count("dataset", "agency"))
        return Q(sharing_class="conditional") & Q(Exists(agreements)) & Q(outranked)

    def _best(self, which: Q) -> list[Subquery]:
        """The greatest counts among the rules on the dataset, its agency and the catalogue; null where there are none.

        Three queries, each by its own index; the last does not depend on the dataset and is run once.
        """
        rules = self._rules.filter(which).annotate(count=_COUNT).order_by("-count").values("count")
        levels = (
            Q(target_dataset=OuterRef("pk")),
            Q(target_agency=OuterRef("agency"), target_dataset=None),
            Q(target_agency=None, target_dataset=None),
        )
        return [Subquery(rules.filter(level)[:1]) for level in levels]


def agreements_of(caller: Caller) -> QuerySet[Agreement]:
    """Those in force that the caller has on the dataset of the outer query."""
    moment = now()
    agreements = Agreement.objects.filter(
        dataset=OuterRef("pk"), agency=id_of(caller), ended_at=None, valid_from__lte=moment, valid_to__gt=moment
    )
    return agreements.filter(Q(clients=None) | Q(clients=_client(caller)))


def id_of(caller: Caller) -> Coalesce:
    """Of the caller's agency, 0 where there is none such; looked up once for a statement."""
    return Coalesce(Subquery(Agency.objects.filter(code=caller.agency).values("pk")), Value(0))


def _client(caller: Caller) -> Subquery:
    agency, _, name = caller.client.partition("/")
    return Subquery(Client.objects.filter(agency__code=agency, name=name).values("pk"))


def _rules(caller: Caller) -> QuerySet[Rule]:
    """The rules in force for the caller, on whatever whole datasets."""
    moment = now()
    begun = Q(valid_from=None) | Q(valid_from__lte=moment)
    not_over = Q(is_firm=True) | Q(valid_to=None) | Q(valid_to__gt=moment)
    return Rule.objects.filter(_party(caller), begun, not_over, status=Rule.Status.APPROVED, target_field="")


def _party(caller: Caller) -> Q:
    groups = AgencyGroup.objects.filter(key__in=caller.groups).values("pk")
    party = Q(party_group=None, party_agency=None, party_client=None)
    party |= Q(party_agency=id_of(caller), party_client=None)
    party |= Q(party_group__in=groups, party_agency=None, party_client=None)
    return party | Q(party_client=_client(caller))


def _count(target: TargetKind, party: PartyKind) -> int:
    return 2 * (TARGET_RANK[target] * len(PARTY_RANK) + PARTY_RANK[party])


def _ranked(ranks: Mapping[Any, int], fields: Mapping[str, str], otherwise: str) -> Case:
    """The rank of the most specific field that is filled; ``fields`` has them in that order."""
    filled = [When(**{f"{name}__isnull": False, "then": Value(ranks[kind])}) for name, kind in fields.items()]
    return Case(*filled, default=Value(ranks[otherwise]), output_field=IntegerField())


_PARTY = _ranked(
    PARTY_RANK, {"party_client": "client", "party_agency": "agency", "party_group": "group"}, otherwise="everyone"
)
_TARGET = _ranked(TARGET_RANK, {"target_dataset": "dataset", "target_agency": "agency"}, otherwise="catalogue")
_COUNT = Case(
    When(effect="permit", then=(_TARGET * len(PARTY_RANK) + _PARTY) * 2),
    When(is_firm=True, then=Value(_FIRM)),
    default=(_TARGET * len(PARTY_RANK) + _PARTY) * 2 + 1,
    output_field=IntegerField(),
)
