"""The facts that decisions are made from, read from the database in a fixed number of statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.keys import parted
from hub.accounts.stewardship import is_steward
from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.predicates import FieldType
from policies.access import Access
from policies.facts import (
    NO_SUCH_GRANT,
    DatasetFacts,
    Effect,
    FieldFacts,
    GrantFacts,
    LegalBasis,
    Party,
    RuleFacts,
    Target,
)
from policies.models import Agreement, Rule

RULE_RELATIONS = ("target_agency", "target_dataset__agency", "party_group", "party_agency", "party_client__agency")


@dataclass(frozen=True, slots=True)
class Facts:
    """All that ``decide`` takes beside caller, mode and moment."""

    dataset: DatasetFacts
    rules: tuple[RuleFacts, ...]
    grant: GrantFacts | None
    agreements: tuple[GrantFacts, ...]

    def next_moment(self, at: datetime) -> datetime | None:
        """The first moment after ``at`` at which a rule or an agreement begins or ends, with effect or without."""
        spans = [(rule.valid_from, rule.ends_at) for rule in self.rules]
        spans += [(agreement.valid_from, agreement.valid_to) for agreement in self.agreements]
        return min((moment for span in spans for moment in span if moment is not None and moment > at), default=None)


def facts_for(dataset: Dataset, caller: Caller, agreement: str = "") -> Facts:
    """What is known of ``dataset`` where ``caller`` is concerned; the request names ``agreement``, bare or in full."""
    agreements = tuple(map(grant_facts, agreements_in_force(dataset, caller)))
    owner, key = parted(agreement)
    named = [grant for grant in agreements if grant.key == key and owner in (None, dataset.agency.code)]
    grant = (*named, NO_SUCH_GRANT)[0] if agreement else None
    rules = tuple(map(rule_facts, rules_about(dataset).filter(_party_of(caller))))
    return Facts(dataset_facts(dataset), rules, grant, agreements)


def rules_about(dataset: Dataset) -> QuerySet[Rule]:
    """The approved rules whose target covers ``dataset``, for whomever."""
    target = (
        Q(target_dataset=dataset)
        | Q(target_agency=dataset.agency_id, target_dataset=None)
        | Q(target_agency=None, target_dataset=None)
    )
    return (
        Rule.objects.filter(target, status=Rule.Status.APPROVED).select_related(*RULE_RELATIONS).order_by("key", "id")
    )


def agreements_in_force(dataset: Dataset, caller: Caller) -> QuerySet[Agreement]:
    """The agreements that the caller's agency has on ``dataset``, neither ended nor past."""
    return (
        Agreement.objects.filter(dataset=dataset, agency__code=caller.agency, ended_at=None, valid_to__gt=now())
        .select_related("agency", "dataset")
        .prefetch_related("clients__agency")
        .order_by("key")
    )


def manages(caller: Caller, dataset: Dataset) -> bool:
    """Whether the caller administers it: the owner's publishers, reviewers and stewards, and the authority."""
    if caller.has_role("authority", "system"):
        return True
    is_owner = caller.agency == dataset.agency.code
    return is_owner and (caller.has_role("publisher", "reviewer") or is_steward(caller, dataset))


def dataset_facts(dataset: Dataset) -> DatasetFacts:
    return DatasetFacts(
        key=dataset.key,
        agency=dataset.agency.code,
        sharing_class=dataset.sharing_class,
        status=dataset.status,
        is_secret=dataset.is_secret,
        fields=tuple(
            FieldFacts(field.name, cast(FieldType, field.type), field.sensitivity, field.is_secret, field.link)
            for field in dataset.fields.all()
        ),
        reason=dataset.reason,
        legal_basis=citations(dataset.legal_basis),
        conditions=dataset.conditions,
    )


def rule_facts(rule: Rule) -> RuleFacts:
    return RuleFacts(
        key=rule.key,
        target=target_of(rule),
        party=party_of(rule),
        effect=cast(Effect | None, rule.effect or None),
        access=_readable(rule.access),
        filter=rule.filter or None,
        is_firm=rule.is_firm,
        modes=frozenset(rule.modes),
        reason=rule.reason,
        reason_zh=rule.reason_zh,
        legal_basis=citations(rule.legal_basis),
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
        review_at=rule.review_at,
    )


def grant_facts(agreement: Agreement) -> GrantFacts:
    return GrantFacts(
        key=agreement.key,
        agency=agreement.agency.code,
        dataset=agreement.dataset.key,
        fields={name: access for name, value in agreement.fields.items() if (access := _readable(value))},
        clients=frozenset(str(client) for client in agreement.clients.all()),
        filter=agreement.filter or None,
        modes=frozenset(agreement.modes),
        reason=agreement.purpose,
        legal_basis=citations(agreement.legal_basis),
        valid_from=agreement.valid_from,
        valid_to=agreement.valid_to,
    )


def rule_words(rule: Rule) -> dict[str, Any]:
    """What a rule says, in the words of a manifest."""
    plain = ("effect", "access", "filter", "modes", "reason", "reason_zh", "legal_basis")
    return {
        "target": str(target_of(rule)),
        "party": str(party_of(rule)),
        **{word: getattr(rule, word) for word in plain},
        "firm": rule.is_firm,
        **{word: getattr(rule, word) for word in ("valid_from", "valid_to", "review_at")},
    }


def target_of(rule: Rule) -> Target:
    if rule.target_dataset is not None:
        dataset = rule.target_dataset
        return Target(dataset.agency.code, dataset.key, rule.target_field)
    return Target(rule.target_agency.code) if rule.target_agency is not None else Target()


def party_of(rule: Rule) -> Party:
    if rule.party_client is not None:
        return Party("client", str(rule.party_client))
    if rule.party_agency is not None:
        return Party("agency", rule.party_agency.code)
    return Party("group", rule.party_group.key) if rule.party_group is not None else Party()


def _party_of(caller: Caller) -> Q:
    nobody = Q(party_group=None, party_agency=None, party_client=None)
    party = nobody | Q(party_agency__code=caller.agency) | Q(party_group__key__in=caller.groups)
    if caller.client:
        agency, _, name = caller.client.partition("/")
        party |= Q(party_client__agency__code=agency, party_client__name=name)
    return party


def _readable(value: object) -> Access | None:
    """An access that cannot be read is none, which hides the field."""
    if value is None:
        return None
    try:
        return Access.parse(value)
    except Invalid:
        return None


def citations(basis: Iterable[dict[str, str]]) -> tuple[LegalBasis, ...]:
    """A legal basis as it is kept."""
    return tuple(LegalBasis(**{key: c.get(key, "") for key in ("title", "article", "url", "kind")}) for c in basis)
