"""When a decision changes by itself: as rules and agreements begin and end, without anybody's doing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from policies.case import Case, Entry
from policies.decision import FieldDecision
from policies.facts import PARTY_RANK, GrantFacts, RuleFacts

_Timed = RuleFacts | GrantFacts
_ENTRY = ""
"""The part of a decision that is not a field."""


def next_changes(
    case: Case, entry: Entry, fields: Sequence[FieldDecision], at: datetime
) -> tuple[datetime | None, datetime | None]:
    """The first moment after ``at`` from which the answers differ, and the first that the caller may be told of.

    ``entry`` and ``fields`` are what holds at ``at``. A rule has a say in one part only, the entry or a field: where
    it begins or ends that part alone is decided again, and not even that where others outrank it.
    """
    standing, until = _Standing(case, entry, fields, at), None
    for moment, things in _boundaries(case, at):
        different = standing.move(moment, things)
        if different and until is None:
            until = moment
        if any(standing.is_told(part) for part in different):
            return until, moment
    return until, None


def _boundaries(case: Case, at: datetime) -> Iterator[tuple[datetime, list[_Timed]]]:
    """The moments after ``at``, in order, each with the rules and agreements that begin or end at it."""
    on_fields = (rule for rules in case.field_rules.values() for rule in rules)
    spans: list[tuple[datetime | None, _Timed]] = []
    for rule in (*case.rules, *on_fields):
        spans += (rule.valid_from, rule), (rule.ends_at, rule)
    for agreement in (*case.agreements, *(() if case.grant is None else (case.grant,))):
        spans += (agreement.valid_from, agreement), (agreement.valid_to, agreement)
    ahead = [(moment, thing) for moment, thing in spans if moment is not None and moment > at]
    ahead.sort(key=itemgetter(0))
    for moment, together in groupby(ahead, itemgetter(0)):
        yield moment, [thing for _, thing in together]


def _part(thing: _Timed) -> str:
    """What a rule or an agreement has a say in."""
    return thing.target.field if isinstance(thing, RuleFacts) else _ENTRY


class _Standing:
    """The parts of a decision as they stand at a moment that moves on, the answers staying the same."""

    def __init__(self, case: Case, entry: Entry, fields: Sequence[FieldDecision], at: datetime) -> None:
        self._case = case
        self._entry = entry
        self._at = at
        self._fields = {field.name: field for field in fields}
        self._ranks: dict[str, int] = {}

    def move(self, moment: datetime, things: Iterable[_Timed]) -> set[str]:
        """On to ``moment``, at which ``things`` begin or end; the parts whose answers differ there, fields by name."""
        self._at, before = moment, self._at
        touched = {_part(thing) for thing in things if self._has_say(thing, before)}
        if _ENTRY in touched and self._is_entry_other():
            return {_ENTRY}
        return {part for part in touched if part != _ENTRY and self._is_field_other(part)}

    def is_told(self, part: str) -> bool:
        """Whether the caller may know that the part differs."""
        return part == _ENTRY or not self._fields[part].is_secret

    def _has_say(self, thing: _Timed, before: datetime) -> bool:
        """Whether its part can depend on it, as things stood ``before``."""
        if isinstance(thing, GrantFacts):
            return True
        if not thing.target.field:
            return thing.is_firm or thing.takes_rows or thing.specificity >= self._entry.specificity
        return self._may_shape(thing, before)

    def _may_shape(self, rule: RuleFacts, before: datetime) -> bool:
        field = self._fields.get(rule.target.field)
        if field is None or not self._entry.permit:
            return False
        if field.name not in self._ranks:
            self._ranks[field.name] = self._case.rank(field.facts, self._entry, before)
        return rule.is_firm or PARTY_RANK[rule.party.kind] >= self._ranks[field.name]

    def _is_entry_other(self) -> bool:
        entry = self._case.enter(self._at)
        self._entry, before = entry, self._entry
        return not entry.answers_as(before)

    def _is_field_other(self, name: str) -> bool:
        before = self._fields[name]
        del self._ranks[name]
        return self._case.field(before.facts, self._entry, self._at).shape != before.shape
