"""The ledger of exceptions: what an agency withholds, from whom, since when, on what ground, until when."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Count, Q
from django.utils.timezone import now

from hub.accounts.models import Agency
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.predicates import FilterError, bind, parse
from policies.access import Access
from policies.facts import LegalBasis
from policies.models import Application, Rule
from policies.queries import citations, party_of, rule_facts, target_of
from policies.view import OPEN_SENSITIVITIES

Kind = Literal["class", "secret", "rule", "sensitivity"]


@dataclass(frozen=True, slots=True)
class Withholding:
    """One exception. ``what`` is a class, ``secret``, ``prohibit`` or an access; ``asked`` counts applications and
    refused reads; ``problem`` says what cannot be read any more, and so counts at its strictest.

    ``until`` is when it ends by itself, ``review_at`` when it is looked at again.
    """

    kind: Kind
    target: str
    what: str
    party: str = "everyone"
    key: str = ""
    filter: str = ""
    is_firm: bool = False
    reason: str = ""
    legal_basis: tuple[LegalBasis, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    review_at: datetime | None = None
    is_overdue: bool = False
    asked: int = 0
    problem: str = ""

    @property
    def dataset(self) -> str:
        return "" if self.target.endswith("*") else self.target.partition("#")[0]


def exceptions_of(agency: Agency) -> list[Withholding]:
    """All that ``agency`` withholds at this moment, by target."""
    asked = _Asked(agency)
    datasets = Dataset.objects.filter(agency=agency).exclude(status=Dataset.Status.RETIRED).prefetch_related("fields")
    entries = [entry for dataset in datasets for entry in _of_dataset(dataset, asked)]
    owned = Q(target_agency=agency) | Q(target_dataset__agency=agency)
    related = ("target_agency", "target_dataset__agency", "party_group", "party_agency", "party_client__agency")
    rules = Rule.objects.filter(owned, status=Rule.Status.APPROVED).select_related(*related)
    entries += [_of_rule(rule, asked) for rule in rules.prefetch_related("target_dataset__fields") if _restricts(rule)]
    return sorted(entries, key=lambda entry: (entry.target, entry.kind, entry.party, entry.key))


def problem_of(rule: Rule) -> str:
    """What of the rule cannot be read any more, since a field was dropped, renamed or given another type."""
    dataset = rule.target_dataset
    if dataset is None:
        return ""
    types = {field.name: field.type for field in dataset.fields.all()}
    if rule.target_field and rule.target_field not in types:
        return f"{dataset.key} has no field {rule.target_field} any more."
    facts = rule_facts(rule)
    if rule.target_field and (facts.access is None or not facts.access.fits(types[rule.target_field])):  # type: ignore[arg-type]
        return f"{rule.target_field} cannot be shown so any more; it is hidden."
    if rule.filter:
        try:
            bind(parse(rule.filter), types)  # type: ignore[arg-type]
        except FilterError as error:
            effect = "admits no row" if rule.effect == "permit" else "takes every row"
            return f"The filter cannot be read any more and {effect}: {error.message}."
    return ""


def is_overdue(rule: Rule) -> bool:
    """Whether the rule waits for its review: the date is past, or it is firm and its time is over."""
    dates = (rule.review_at, rule.valid_to if rule.is_firm else None)
    return any(date is not None and date <= now() for date in dates)


class _Asked:
    """How often what was withheld was asked for, by dataset and by field."""

    def __init__(self, agency: Agency) -> None:
        refused = Event.objects.filter(kind="rows.refused", dataset__startswith=f"{agency.code}.")
        self._datasets = Counter(dict(refused.values_list("dataset").annotate(Count("pk"))))
        self._fields: Counter[tuple[str, str]] = Counter()
        applications = Application.objects.filter(dataset__agency=agency).exclude(status="withdrawn")
        for key, fields in applications.values_list("dataset__key", "fields"):
            self._datasets[key] += 1
            self._fields.update((key, name) for name in fields)

    def of(self, target: str) -> int:
        dataset, _, field = target.partition("#")
        return self._fields[dataset, field] if field else self._datasets[dataset]


def _of_dataset(dataset: Dataset, asked: _Asked) -> Iterator[Withholding]:
    basis = citations(dataset.legal_basis)
    if dataset.sharing_class != "unconditional":
        yield Withholding(
            kind="class",
            target=dataset.key,
            what=dataset.sharing_class,
            reason=dataset.reason,
            legal_basis=basis,
            since=dataset.classified_at or dataset.created_at,
            review_at=dataset.review_at,
            is_overdue=dataset.review_at is not None and dataset.review_at <= now(),
            asked=asked.of(dataset.key),
        )
    if dataset.is_secret:
        since = dataset.classified_at or dataset.created_at
        yield Withholding(kind="secret", target=dataset.key, what="secret", legal_basis=basis, since=since)
    for field in dataset.fields.all():
        target = f"{dataset.key}#{field.name}"
        if field.is_secret:
            yield Withholding(kind="secret", target=target, what="secret", legal_basis=citations(field.legal_basis))
        if field.sensitivity not in OPEN_SENSITIVITIES:
            yield Withholding(
                kind="sensitivity",
                target=target,
                what="hidden",
                reason=field.sensitivity,
                since=dataset.created_at,
                asked=asked.of(target),
            )


def _restricts(rule: Rule) -> bool:
    over = not rule.is_firm and rule.valid_to is not None and rule.valid_to <= now()
    return not over and ((bool(rule.target_field) and rule.access != "clear") or rule.effect == "prohibit")


def _of_rule(rule: Rule, asked: _Asked) -> Withholding:
    target = str(target_of(rule))
    return Withholding(
        kind="rule",
        target=target,
        what=_what(rule),
        party=str(party_of(rule)),
        key=rule.key,
        filter=rule.filter,
        is_firm=rule.is_firm,
        reason=rule.reason,
        legal_basis=citations(rule.legal_basis),
        since=rule.valid_from or rule.created_at,
        until=None if rule.is_firm else rule.valid_to,
        review_at=rule.review_at,
        is_overdue=is_overdue(rule),
        asked=asked.of(target),
        problem=problem_of(rule),
    )


def _what(rule: Rule) -> str:
    access = rule_facts(rule).access
    return access.kind if isinstance(access, Access) else rule.effect or "hidden"
