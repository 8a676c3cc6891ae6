"""What ends by itself is announced before it does, and a review that is due is called for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts import mail
from hub.accounts.caller import HUB
from hub.audit.commands import record
from hub.catalog.models import Dataset
from policies.models import Agreement, Notice, Rule

DAYS_BEFORE: Final = (1, 7, 30)
_LATE: Final = timedelta(days=30)
"""What came to pass longer ago, while the hub was away, is not announced any more."""
_WORDS: Final = {
    "rule.ends": "The rule {} ends",
    "agreement.ends": "The agreement {} ends",
    "rule.review": "The review of the rule {} is due",
    "class.review": "The review of the sharing class of {} is due",
}


@dataclass(frozen=True, slots=True)
class _Coming:
    """``agencies`` (codes) are told: the owner, and of an agreement also who has it. ``name`` has the owner in it."""

    kind: str
    name: str
    subject: str
    moment: datetime
    dataset: str
    agencies: tuple[str, ...]


@transaction.atomic
def announce() -> int:
    """Announce what is near and was not announced yet; answers how many announcements were made.

    Safe to run any number of times at once.
    """
    moment = now()
    coming = [(thing, _days_left(thing.moment, moment)) for thing in _coming(moment)]
    said = Notice.objects.filter(moment__gt=moment - _LATE).values_list("kind", "subject", "moment", "days")
    known = set(said)
    new = [(thing, days) for thing, days in coming if (thing.kind, thing.name, thing.moment, days) not in known]
    return sum(_announce(thing, days) for thing, days in new)


def _coming(moment: datetime) -> Iterator[_Coming]:
    """All that ends or is to be reviewed within the longest time, or did a short while ago."""
    near = (moment - _LATE, moment + timedelta(days=max(DAYS_BEFORE)))
    rules = Rule.objects.filter(status=Rule.Status.APPROVED).select_related("target_agency", "target_dataset__agency")
    for rule in rules.filter(valid_to__range=near):
        kind = "rule.review" if rule.is_firm else "rule.ends"
        yield _Coming(kind, rule.full_key, rule.key, rule.valid_to or moment, _dataset(rule), _owner(rule))
    for rule in rules.filter(is_firm=True, valid_to=None, review_at__range=near):
        yield _Coming("rule.review", rule.full_key, rule.key, rule.review_at or moment, _dataset(rule), _owner(rule))
    for dataset in Dataset.objects.filter(review_at__range=near).select_related("agency"):
        key, owner = dataset.key, dataset.agency.code
        yield _Coming("class.review", key, key, dataset.review_at or moment, key, (owner,))
    agreements = Agreement.objects.filter(ended_at=None, valid_to__range=near)
    for agreement in agreements.select_related("dataset__agency", "agency"):
        sides = (agreement.dataset.agency.code, agreement.agency.code)
        name, key, dataset_key = agreement.full_key, agreement.key, agreement.dataset.key
        yield _Coming("agreement.ends", name, key, agreement.valid_to, dataset_key, sides)


def _days_left(moment: datetime, at: datetime) -> int:
    """The least of the days before at which something is announced; 0 where its moment has come."""
    if moment <= at:
        return 0
    return next((days for days in DAYS_BEFORE if moment - at <= timedelta(days=days)), max(DAYS_BEFORE))


def _announce(thing: _Coming, days: int) -> bool:
    _, is_new = Notice.objects.get_or_create(kind=thing.kind, subject=thing.name, moment=thing.moment, days=days)
    if not is_new:
        return False
    when = f"on {thing.moment:%Y-%m-%d %H:%M} UTC"
    for agency in thing.agencies:
        record(
            actor=HUB,
            kind=thing.kind,
            dataset=thing.dataset,
            subject=thing.subject,
            about=agency,
            days=days,
            at=thing.moment.isoformat(),
        )
        mail.post(
            agency=agency,
            roles=("publisher", "reviewer", "requester"),
            subject=f"{_WORDS[thing.kind].format(thing.subject)} {f'in {days} days' if days > 1 else when}",
            text=f"{_WORDS[thing.kind].format(thing.subject)} {when}.\n\n{mail.address('/exceptions')}\n",
        )
    return True


def _dataset(rule: Rule) -> str:
    return rule.target_dataset.key if rule.target_dataset is not None else ""


def _owner(rule: Rule) -> tuple[str, ...]:
    owner = rule.target_dataset.agency if rule.target_dataset is not None else rule.target_agency
    return (owner.code,) if owner is not None else ()
