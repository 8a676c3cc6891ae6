"""What a rule would do, told from the reads that there were, before anybody is bound by it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.queries import caller_named
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.query.reads import Read, past_reads
from hub.query.views import count_visible
from policies import queries
from policies.access import KINDS
from policies.decision import Decision, FieldDecision
from policies.facts import Mode, RuleFacts, Target
from policies.models import Rule
from policies.pdp import decide

MAX_DAYS: Final = 366
_EXAMPLES: Final = 20

Effect = Literal["gains", "loses", "changes", "same"]
_EFFECTS: Final[tuple[Effect, ...]] = ("gains", "loses", "changes", "same")


def rehearse(actor: Caller, make_rule: Callable[[], Rule], *, is_end: bool = False, days: int = 30) -> dict[str, Any]:
    """Decide the reads of the last ``days`` again: as things stand, and with the rule in force, or ended.

    Answers which agencies, datasets, fields and calls would gain or lose, with examples that hold no value of any
    row or query. Whatever ``make_rule`` does to draft the rule is taken back: nothing is changed but for the event.
    """
    with transaction.atomic():
        rule = make_rule()
        facts = queries.rule_facts(rule)
        told = _told(actor, facts, is_end, days)
        transaction.set_rollback(True)
    record(actor=actor, kind="rule.rehearsed", dataset=facts.target.dataset, subject=facts.key, days=days)
    return told


def _told(actor: Caller, facts: RuleFacts, is_end: bool, days: int) -> dict[str, Any]:
    """Reads of callers or datasets that are gone by now are counted apart."""
    at = now() if is_end or facts.valid_from is None else max(now(), facts.valid_from)
    total, reads = past_reads(_about(facts.target), now() - timedelta(days=days))
    stage = _Stage(actor, facts, is_end, at)
    effects = [(read, stage.view_of(read)) for read in reads]
    told = [(read, view, view.effect_on(read)) for read, view in effects if view is not None]
    for read, view, effect in told:
        view.calls[effect] += read.count
    return {
        "days": days,
        "at": at,
        "reads": total,
        "looked_at": sum(read.count for read in reads),
        "gone": sum(read.count for read, view in effects if view is None),
        "calls": _sums(stage.views),
        "agencies": _by_agency(stage.views),
        "datasets": [view.told() for view in sorted(stage.views, key=_View.name) if view.is_changed],
        "examples": [_example(*item) for item in told if item[2] != "same"][:_EXAMPLES],
    }


def _about(target: Target) -> Q:
    """The events of reads that a rule on ``target`` can concern."""
    if target.dataset:
        return Q(dataset=target.dataset)
    return Q(dataset__startswith=f"{target.agency}.") if target.agency else Q()


@dataclass(slots=True)
class _View:
    """One caller's view of one dataset, before and after. ``rows`` are counted where the actor may know of them."""

    before: Decision
    after: Decision
    rows: tuple[int, int] | None = None
    calls: Counter[Effect] = field(default_factory=Counter)

    def name(self) -> tuple[str, str, str]:
        return (self.before.dataset.key, self.before.caller.agency, self.before.caller.name)

    @property
    def is_changed(self) -> bool:
        return self.before.essence() != self.after.essence()

    def effect_on(self, read: Read) -> Effect:
        """What becomes of a read: refused or answered, with more or less in it."""
        was, will_be = (_is_answered(decision, read) for decision in (self.before, self.after))
        if was != will_be:
            return "gains" if will_be else "loses"
        if not was:
            return "same"
        fields = [effect for name, effect in self.fields().items() if read.is_whole or name in read.names]
        effects = {*fields, self._rows_effect()} - {"same"}
        return "same" if not effects else effects.pop() if len(effects) == 1 else "changes"

    def fields(self) -> Mapping[str, Effect]:
        """Each field that either side sees, and what becomes of it."""
        pairs = zip(self.before.fields, self.after.fields, strict=True)
        return {before.name: _field_effect(before, after) for before, after in pairs if before.is_seen or after.is_seen}

    def _rows_effect(self) -> Effect:
        if self.before.rows.texts() == self.after.rows.texts():
            return "same"
        if self.rows is None or self.rows[0] == self.rows[1]:
            return "changes"
        return "gains" if self.rows[1] > self.rows[0] else "loses"

    def told(self) -> dict[str, Any]:
        accesses = {decision.name: decision.access.as_json() for decision in self.after.fields}
        return {
            "dataset": self.before.dataset.key,
            "agency": self.before.caller.agency,
            "actor": self.before.caller.name,
            "before": _word(self.before),
            "after": _word(self.after),
            "rows": None if self.rows is None else {"before": self.rows[0], "after": self.rows[1]},
            "fields": [
                {"name": f.name, "before": f.access.as_json(), "after": accesses[f.name], "effect": effect}
                for f in self.before.fields
                if (effect := self.fields().get(f.name, "same")) != "same"
            ],
            "calls": _sums([self]),
        }


class _Stage:
    """Makes each decision once, on both sides of the change."""

    def __init__(self, actor: Caller, rule: RuleFacts, is_end: bool, at: datetime) -> None:
        self._actor, self._rule, self._is_end, self._at = actor, rule, is_end, at
        self._datasets: dict[str, Dataset | None] = {}
        self._views: dict[tuple[str, str, str, str, Mode], _View | None] = {}
        self._counts: dict[tuple[str, object], int] = {}

    @property
    def views(self) -> list[_View]:
        return [view for view in self._views.values() if view is not None]

    def view_of(self, read: Read) -> _View | None:
        """None where the caller or the dataset is not there any more."""
        name = (read.agency, read.actor, read.dataset, read.agreement, read.mode)
        if name not in self._views:
            caller, dataset = caller_named(read.agency, read.actor), self._dataset(read.dataset)
            is_there = caller is not None and dataset is not None
            self._views[name] = self._decided(caller, dataset, read) if is_there else None  # type: ignore[arg-type]
        return self._views[name]

    def _dataset(self, key: str) -> Dataset | None:
        if key not in self._datasets:
            self._datasets[key] = Dataset.objects.select_related("agency").filter(key=key).first()
        return self._datasets[key]

    def _is_it(self, rule: RuleFacts) -> bool:
        """The catalogue's rule and the agency's may bear the same key."""
        return (rule.target.agency, rule.key) == (self._rule.target.agency, self._rule.key)

    def _decided(self, caller: Caller, dataset: Dataset, read: Read) -> _View:
        facts = queries.facts_for(dataset, caller, read.agreement)
        others = tuple(rule for rule in facts.rules if not self._is_it(rule))
        after = others if self._is_end else (*others, self._rule)
        manages = queries.manages(caller, dataset)
        decided = partial(decide, caller, facts.dataset, agreements=facts.agreements, manages=manages)
        view = _View(
            before=decided(facts.rules, facts.grant, read.mode, self._at),
            after=decided(after, facts.grant, read.mode, self._at),
        )
        if view.is_changed and queries.manages(self._actor, dataset):
            view.rows = (self._count(dataset, view.before), self._count(dataset, view.after))
        return view

    def _count(self, dataset: Dataset, decision: Decision) -> int:
        name = (dataset.key, decision.rows.texts())
        if name not in self._counts:
            self._counts[name] = count_visible(dataset, decision)
        return self._counts[name]


def _is_answered(decision: Decision, read: Read) -> bool:
    return decision.permit and read.names <= {field.name for field in decision.seen_fields}


def _field_effect(before: FieldDecision, after: FieldDecision) -> Effect:
    if before.access == after.access:
        return "same"
    strictness = KINDS.index(after.access.kind) - KINDS.index(before.access.kind)
    return "changes" if strictness == 0 else "loses" if strictness > 0 else "gains"


def _word(decision: Decision) -> str:
    return "permit" if decision.permit else decision.code


def _sums(views: Iterable[_View]) -> dict[str, int]:
    calls = sum((view.calls for view in views), Counter())
    return {effect: calls[effect] for effect in _EFFECTS}


def _by_agency(views: Iterable[_View]) -> list[dict[str, Any]]:
    """The agencies whose calls would not stay the same."""
    by_agency: dict[str, list[_View]] = {}
    for view in views:
        by_agency.setdefault(view.before.caller.agency, []).append(view)
    sums = [{"agency": agency, **_sums(views)} for agency, views in sorted(by_agency.items())]
    return [told for told in sums if any(told[effect] for effect in _EFFECTS if effect != "same")]


def _example(read: Read, view: _View, effect: Effect) -> dict[str, Any]:
    return {
        "agency": read.agency,
        "actor": read.actor,
        "dataset": read.dataset,
        "agreement": read.agreement or None,
        "fields": sorted(read.names),
        "calls": read.count,
        "last": read.last,
        "effect": effect,
        "before": _word(view.before),
        "after": _word(view.after),
    }
