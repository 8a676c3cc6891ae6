"""What a caller may list: steps 1 and 3 of a decision for all datasets at once, in SQL."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, CharField, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.db.models.lookups import Exact, LessThan
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.keys import parted
from hub.accounts.stewardship import stewardships
from hub.catalog.models import Dataset, Field
from hub.predicates import FieldType
from hub.query.views import open_view
from hub.store.select.relation import Shown
from policies.facts import PARTY_RANK, TARGET_RANK, Mode, PartyKind, TargetKind
from policies.models import Agreement, Rule

_NONE = -1
"""Below the count of any rule."""
_FIRM = 999
"""Above the count of any other rule, and a prohibit's."""


def visible_datasets(caller: Caller) -> QuerySet[Dataset]:
    """Those that exist for ``caller``: exactly the ones for which ``decide`` says so, in whatever mode."""
    managed = _managed(caller)
    public = Q(status__in=(Dataset.Status.PUBLISHED, Dataset.Status.RETIRED))
    gate = _Gate(caller, None)
    led_in = gate.passes() | gate.passes_under(_agreements(caller))
    known = Q(is_secret=False) | managed | _own(caller) | led_in
    return Dataset.objects.select_related("agency").filter(_scoped(caller), public | managed, known)


def readable_datasets(caller: Caller, mode: Mode = "rows") -> QuerySet[Dataset]:
    """Those of which ``decide`` permits ``caller`` to read in ``mode``, under the agreement of its token or none."""
    return visible_datasets(caller).filter(_readable(caller, mode))


def with_access(datasets: QuerySet[Dataset], caller: Caller) -> QuerySet[Dataset]:
    """The same datasets with ``access``: ``open`` to the caller, ``closed`` to all others, else ``on-request``."""
    shut = ~Q(sharing_class__in=("unconditional", "conditional")) | Q(status=Dataset.Status.RETIRED)
    word = Case(
        When(_readable(caller, "rows"), then=Value("open")),
        When(shut, then=Value("closed")),
        default=Value("on-request"),
        output_field=CharField(),
    )
    return datasets.annotate(access=word)


def view_schema(caller: Caller, key: str, agreement: str = "") -> dict[str, Any]:
    """JSON Schema (2020-12) of one row of the caller's view; raises ``NotFound`` and ``Forbidden`` as reading does."""
    view = open_view(caller, key, agreement=agreement)
    described = {field.name: field for field in Field.objects.filter(dataset__key=key)}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": key,
        "type": "object",
        "properties": {shown.name: _property(shown, described[shown.name]) for shown in view.fields},
        "required": [shown.name for shown in view.fields],
        "additionalProperties": False,
    }
    if view.key_is_clear:
        schema["x-primary-key"] = list(view.primary_key)
    return schema


_JSON_TYPES: Mapping[FieldType, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "json": {},
    "geometry": {"type": "object"},
}


def _property(shown: Shown, field: Field) -> dict[str, Any]:
    """One field as it is seen; of its contract only what also holds for the form in which it is seen."""
    schema: dict[str, Any] = dict(_JSON_TYPES[shown.type])
    if "type" in schema and not shown.never_null:
        schema["type"] = [schema["type"], "null"]
    texts = {"title": field.title, "description": field.description, "x-unit": field.unit}
    schema.update({name: text for name, text in texts.items() if text})
    if shown.is_plain and field.codes:
        schema["x-codes"] = field.codes
    return schema


def _scoped(caller: Caller) -> Q:
    """What the token covers; no scopes cover all."""
    if not caller.scopes or not caller.scopes.isdisjoint({"read", "read:*"}):
        return Q()
    covered = Q(pk=None)
    for scope in caller.scopes:
        verb, _, target = scope.partition(":")
        if verb == "read" and target.endswith(".*"):
            covered |= Q(key__startswith=target.removesuffix("*"))
        elif verb == "read":
            covered |= Q(key=target)
    return covered


def _managed(caller: Caller) -> Q:
    if caller.has_role("authority", "system"):
        return ~Q(pk=None)
    is_owner = Q(agency__code=caller.agency)
    if caller.has_role("publisher", "reviewer"):
        return is_owner
    return is_owner & Q(Exists(stewardships(Dataset, caller).filter(content_object=OuterRef("pk"))))


def _own(caller: Caller) -> Q:
    return Q(pk=None) if caller.is_external else Q(agency__code=caller.agency)


def _readable(caller: Caller, mode: Mode) -> Q:
    gate = _Gate(caller, mode)
    active = ~Q(status=Dataset.Status.RETIRED)
    if not caller.agreement:
        return active & (_own(caller) | gate.passes())
    owner, key = parted(caller.agreement)
    named = _agreements(caller).filter(Q() if owner is None else Q(owner__code=owner), key=key)
    serving = named.filter(Q(modes=[]) | Q(modes__contains=[mode]))
    is_conditional = Q(sharing_class="conditional")
    passes = is_conditional & gate.passes_under(serving) | ~is_conditional & gate.passes()
    return active & ~_own(caller) & Q(Exists(named)) & passes


def _agreements(caller: Caller) -> QuerySet[Agreement]:
    """Those in force that the caller has on the dataset of the outer query."""
    moment = now()
    agreements = Agreement.objects.filter(
        dataset=OuterRef("pk"), agency__code=caller.agency, ended_at=None, valid_from__lte=moment, valid_to__gt=moment
    )
    agency, _, name = caller.client.partition("/")
    return agreements.filter(Q(clients=None) | Q(clients__agency__code=agency, clients__name=name))


class _Gate:
    """Step 3 for the dataset of the outer query; ``mode`` None asks for any mode at all.

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
        best = Greatest(self._best(self._permits | self._prohibits), implied)
        return Q(sharing_class__in=("unconditional", "conditional")) & Q(Exact(best % Value(2), 0))

    def passes_under(self, agreements: QuerySet[Agreement]) -> Q:
        """A conditional dataset under one of ``agreements``, where the rules' permits do not count."""
        outranked = LessThan(self._best(self._prohibits), _count("dataset", "agency"))
        return Q(sharing_class="conditional") & Q(Exists(agreements)) & Q(outranked)

    def _best(self, which: Q) -> Coalesce:
        counts = self._rules.filter(which).annotate(count=_COUNT).order_by("-count").values("count")
        return Coalesce(Subquery(counts[:1]), Value(_NONE))


def _rules(caller: Caller) -> QuerySet[Rule]:
    """The rules in force for the caller on the outer query's dataset, its agency or the catalogue."""
    moment = now()
    target = (
        Q(target_dataset=OuterRef("pk"))
        | Q(target_agency=OuterRef("agency"), target_dataset=None)
        | Q(target_agency=None, target_dataset=None)
    )
    begun = Q(valid_from=None) | Q(valid_from__lte=moment)
    not_over = Q(is_firm=True) | Q(valid_to=None) | Q(valid_to__gt=moment)
    return Rule.objects.filter(target, _party(caller), begun, not_over, status=Rule.Status.APPROVED, target_field="")


def _party(caller: Caller) -> Q:
    party = Q(party_group=None, party_agency=None, party_client=None)
    party |= Q(party_agency__code=caller.agency, party_client=None)
    party |= Q(party_group__key__in=caller.groups, party_agency=None, party_client=None)
    agency, _, name = caller.client.partition("/")
    return party | Q(party_client__agency__code=agency, party_client__name=name)


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
