"""All that one decision rests on, with the moment left open: what holds at a moment, step by step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hub.accounts.caller import Caller
from policies.access import CLEAR, HIDDEN
from policies.decision import ALL_ROWS, NO_ROWS, Because, Code, FieldDecision, RowPolicy
from policies.facts import DatasetFacts, FieldFacts, GrantFacts, Mode, RuleFacts
from policies.gate import ANY, Gate, pass_gate
from policies.view import Reader, because_of, decide_field, party_rank, reader_of, row_policy, row_prohibits


def may_read(scopes: frozenset[str], dataset: str) -> bool:
    """Whether a token covers reading: no scopes at all, ``read``, or ``read:`` and a target (``*``, ``dot.*``, key)."""
    agency = dataset.partition(".")[0]
    return not scopes or not scopes.isdisjoint({"read", "read:*", f"read:{agency}.*", f"read:{dataset}"})


class Entry(NamedTuple):
    """Steps 1 to 4 at one moment: all but the fields. No rule below ``specificity`` could change its gate."""

    code: Code
    rows: RowPolicy = NO_ROWS
    because: tuple[Because, ...] = ()
    agreements: tuple[str, ...] = ()
    grant: GrantFacts | None = None
    is_own: bool = False
    specificity: tuple[int, int] = ANY

    @property
    def permit(self) -> bool:
        return self.code == "ok"

    def answers_as(self, other: "Entry") -> bool:
        """Whether both give the same answers, in whatever order their filters stand."""
        return (self.code, self.agreements) == (other.code, other.agreements) and self.rows.is_like(other.rows)


_OWN = Because("own", "own", "permit", reason="The data is the caller's own agency's.")
_RETIRED = Because("gate", "status", "prohibit", reason="The dataset is retired and gives no rows.")
_AGREEMENT_INVALID = Because(
    "gate", "agreement", "prohibit", reason="The agreement is not the caller's, not in force or not about this dataset."
)


@dataclass(frozen=True, slots=True)
class Case:
    """``rules`` on the dataset as a whole and ``field_rules`` on its fields, by name; all match the caller."""

    caller: Caller
    dataset: DatasetFacts
    rules: tuple[RuleFacts, ...]
    field_rules: Mapping[str, Sequence[RuleFacts]]
    grant: GrantFacts | None
    agreements: tuple[GrantFacts, ...]
    mode: Mode
    manages: bool
    read: Reader

    @classmethod
    def of(
        cls,
        caller: Caller,
        dataset: DatasetFacts,
        rules: Iterable[RuleFacts],
        grant: GrantFacts | None,
        agreements: Iterable[GrantFacts],
        mode: Mode,
        *,
        manages: bool,
    ) -> "Case":
        """What is about others is left out."""
        whole: list[RuleFacts] = []
        by_field: dict[str, list[RuleFacts]] = {}
        for rule in rules:
            if rule.target.covers(dataset) and rule.party.matches(caller):
                name = rule.target.field
                (by_field.setdefault(name, []) if name else whole).append(rule)
        serving = tuple(agreement for agreement in agreements if agreement.is_for(caller, dataset))
        return cls(caller, dataset, tuple(whole), by_field, grant, serving, mode, manages, reader_of(dataset))

    def enter(self, at: datetime) -> Entry:
        """Whether the dataset is there and open, and which rows."""
        if not self._is_there():
            return Entry("not-found")
        if self._is_own():
            return self._own_data()
        rules = tuple(rule for rule in self.rules if rule.is_in_force(at))
        agreements = tuple(agreement for agreement in self.agreements if agreement.is_in_force(at))
        is_valid = self.grant is None or (self.grant.is_for(self.caller, self.dataset) and self.grant.is_in_force(at))
        grant = self.grant if is_valid else None
        gate = pass_gate(self.dataset, rules, grant, self.mode)
        if not gate.permit and not self._is_known(rules, grant, agreements):
            return Entry("not-found")
        if self.dataset.status == "retired":
            return Entry("retired", because=(_RETIRED,))
        if not is_valid:
            return Entry("agreement-invalid", because=(_AGREEMENT_INVALID,))
        if not gate.permit:
            return self._refused(gate, rules, agreements)
        return self._permitted(gate, rules, grant)

    def fields(self, entry: Entry, at: datetime) -> tuple[FieldDecision, ...]:
        """Each field in the dataset's order; all hidden where the entry is denied."""
        if not entry.permit:
            return tuple(FieldDecision(field, HIDDEN) for field in self.dataset.fields)
        if entry.is_own:
            return tuple(FieldDecision(field, CLEAR, (_OWN,)) for field in self.dataset.fields)
        return tuple(self.field(field, entry, at) for field in self.dataset.fields)

    def field(self, field: FieldFacts, entry: Entry, at: datetime) -> FieldDecision:
        """One field where ``entry`` permits."""
        is_conditional = self.dataset.sharing_class == "conditional"
        return decide_field(field, self._rules_on(field, at), entry.grant, is_conditional=is_conditional)

    def rank(self, field: FieldFacts, entry: Entry, at: datetime) -> int:
        """Below which a party has no say on the field, but by a firm rule."""
        return party_rank(self._rules_on(field, at), field, entry.grant)

    def _rules_on(self, field: FieldFacts, at: datetime) -> list[RuleFacts]:
        rules = self.field_rules.get(field.name)
        return [rule for rule in rules if rule.is_in_force(at)] if rules else []

    def _is_there(self) -> bool:
        is_public = self.dataset.status in ("published", "retired")
        return (is_public or self.manages) and may_read(self.caller.scopes, self.dataset.key)

    def _is_own(self) -> bool:
        return self.caller.agency == self.dataset.agency and not self.caller.is_external

    def _is_known(
        self, rules: tuple[RuleFacts, ...], grant: GrantFacts | None, agreements: tuple[GrantFacts, ...]
    ) -> bool:
        """Whether a denied dataset may be spoken of: a secret one only to those whom some way leads in."""
        if not self.dataset.is_secret or self.manages:
            return True
        return any(pass_gate(self.dataset, rules, way, None).permit for way in (None, grant, *agreements))

    def _own_data(self) -> Entry:
        if self.grant is not None:
            return Entry("agreement-invalid", because=(_AGREEMENT_INVALID,))
        if self.dataset.status == "retired":
            return Entry("retired", because=(_RETIRED,))
        return Entry("ok", ALL_ROWS, (_OWN,), is_own=True)

    def _refused(self, gate: Gate, rules: tuple[RuleFacts, ...], agreements: tuple[GrantFacts, ...]) -> Entry:
        because = tuple(because_of(source, "prohibit", self.dataset, self.read) for source in gate.by)
        if self.dataset.sharing_class not in ("unconditional", "conditional"):
            return Entry("closed", because=because)
        serving = [a.key for a in agreements if pass_gate(self.dataset, rules, a, self.mode).permit]
        if serving:
            return Entry("agreement-required", because=because, agreements=tuple(sorted(serving)))
        # What prohibits here does so under every agreement and for any mode: so neither they nor a secret need more.
        return Entry("denied", because=because, specificity=gate.specificity)

    def _permitted(self, gate: Gate, rules: tuple[RuleFacts, ...], grant: GrantFacts | None) -> Entry:
        permits = tuple(because_of(source, "permit", self.dataset, self.read) for source in gate.by)
        prohibits = row_prohibits(rules, self.read)
        rows = row_policy(permits, prohibits)
        return Entry("ok", rows, permits + prohibits, grant=grant, specificity=gate.specificity)
