"""When a decision changes by itself: as rules and agreements begin and end, without anybody's doing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from policies.case import Case, Entry
from policies.decision import FieldDecision
from policies.facts import PARTY_RANK, GrantFacts, RuleFacts

_Timed = TypeVar("_Timed", bound=RuleFacts | GrantFacts)


def next_changes(
    case: Case, entry: Entry, fields: Sequence[FieldDecision], at: datetime
) -> tuple[datetime | None, datetime | None]:
    """The first moment after ``at`` from which the answers differ, and the first that the caller may be told of.

    ``entry`` and ``fields`` are what holds at ``at``. A rule has a say in one part only, the entry or a field: where
    it begins or ends that part alone is decided again, and not even that where others outrank it.
    """
    until = told = _entry_changes(case, entry, at)
    for field in fields if entry.permit else ():
        moment = _field_changes(case, entry, field, at, told)
        until = _sooner(until, moment)
        if not field.is_secret:
            told = _sooner(told, moment)
    return until, told


def _entry_changes(case: Case, entry: Entry, at: datetime) -> datetime | None:
    named = () if case.grant is None else (case.grant,)
    for moment, things in _boundaries((*case.rules, *case.agreements, *named), at):
        if any(_may_open_or_close(thing, entry) for thing in things):
            was, entry = entry, case.enter(moment)
            if not entry.answers_as(was):
                return moment
    return None


def _may_open_or_close(thing: RuleFacts | GrantFacts, entry: Entry) -> bool:
    """Whether the entry can depend on it, as things stand."""
    if isinstance(thing, GrantFacts):
        return True
    return thing.is_firm or thing.takes_rows or thing.specificity >= entry.specificity


def _field_changes(
    case: Case, entry: Entry, field: FieldDecision, at: datetime, before: datetime | None
) -> datetime | None:
    boundaries = _boundaries(case.field_rules.get(field.name, ()), at, before)
    rank = case.rank(field.facts, entry, at) if boundaries else 0
    for moment, rules in boundaries:
        if any(rule.is_firm or PARTY_RANK[rule.party.kind] >= rank for rule in rules):
            if case.field(field.facts, entry, moment).shape != field.shape:
                return moment
            rank = case.rank(field.facts, entry, moment)
    return None


def _boundaries(
    things: Iterable[_Timed], at: datetime, before: datetime | None = None
) -> list[tuple[datetime, list[_Timed]]]:
    """The moments between the two, in order, each with the rules and agreements that begin or end at it."""
    ahead: dict[datetime, list[_Timed]] = {}
    for thing in things:
        for moment in (thing.valid_from, thing.ends_at):
            if moment is not None and at < moment and (before is None or moment < before):
                ahead.setdefault(moment, []).append(thing)
    return sorted(ahead.items())


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
