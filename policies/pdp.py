"""The decision: may this caller read this dataset, which rows, which fields in which form, until when and why."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from hub.accounts.caller import Caller
from policies.access import CLEAR, HIDDEN, seen_type
from policies.decision import ALL_ROWS, NO_ROWS, Because, Code, Decision, FieldDecision
from policies.facts import DatasetFacts, GrantFacts, Mode, RuleFacts
from policies.gate import Gate, pass_gate
from policies.view import because_of, decide_fields, row_policy, row_prohibits

__all__ = ["decide", "may_read", "seen_type"]


def decide(
    caller: Caller,
    dataset: DatasetFacts,
    rules: Iterable[RuleFacts],
    grant: GrantFacts | None,
    mode: Mode,
    at: datetime,
    *,
    agreements: Iterable[GrantFacts] = (),
    manages: bool = False,
) -> Decision:
    """What ``caller`` gets of ``dataset`` in ``mode`` at the moment ``at``.

    ``rules`` are the approved ones that are not retired; ``grant`` is that of the agreement which the request names,
    None for none and ``NO_SUCH_GRANT`` for one that does not exist; ``agreements`` are all that the caller's agency
    has, to say which would serve. Order does not matter, and what is about others is passed over. ``manages``: the
    caller is steward of the dataset.
    """
    rules = tuple(rule for rule in rules if rule.target.covers(dataset) and rule.party.matches(caller))
    agreements = tuple(agreement for agreement in agreements if agreement.is_for(caller, dataset))
    case = _Case(caller, dataset, rules, grant, agreements, mode, manages)
    decision = case.decide(at)
    if decision.own:
        return decision
    until = told_until = case.next_change(decision, at)
    secret = frozenset(field.name for field in decision.fields if field.is_secret)
    if secret:
        told_until = case.next_change(decision, at, without=secret)
    return replace(decision, until=until, told_until=told_until)


def may_read(scopes: frozenset[str], dataset: str) -> bool:
    """Whether a token covers reading: no scopes at all, ``read``, or ``read:`` and a target (``*``, ``dot.*``, key)."""
    agency = dataset.partition(".")[0]
    return not scopes or not scopes.isdisjoint({"read", "read:*", f"read:{agency}.*", f"read:{dataset}"})


_OWN = Because("own", "own", "permit", reason="The data is the caller's own agency's.")
_RETIRED = Because("gate", "status", "prohibit", reason="The dataset is retired and gives no rows.")
_AGREEMENT_INVALID = Because(
    "gate", "agreement", "prohibit", reason="The agreement is not the caller's, not in force or not about this dataset."
)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is known; the moment alone is left open, so that the next change can be looked for."""

    caller: Caller
    dataset: DatasetFacts
    rules: tuple[RuleFacts, ...]
    grant: GrantFacts | None
    agreements: tuple[GrantFacts, ...]
    mode: Mode
    manages: bool

    def decide(self, at: datetime) -> Decision:
        if not self._is_there():
            return self._denied("not-found")
        if self._is_own():
            return self._own_data()
        rules = tuple(rule for rule in self.rules if rule.is_in_force(at))
        agreements = tuple(agreement for agreement in self.agreements if agreement.is_in_force(at))
        is_valid = self.grant is None or (self.grant.is_for(self.caller, self.dataset) and self.grant.is_in_force(at))
        grant = self.grant if is_valid else None
        gate = pass_gate(self.dataset, rules, grant, self.mode)
        if not gate.permit and not self._is_known(rules, grant, agreements):
            return self._denied("not-found")
        if self.dataset.status == "retired":
            return self._denied("retired", (_RETIRED,))
        if not is_valid:
            return self._denied("agreement-invalid", (_AGREEMENT_INVALID,))
        if not gate.permit:
            return self._refused(gate, rules, agreements)
        return self._permitted(gate, rules, grant)

    def next_change(
        self, decision: Decision, at: datetime, *, without: frozenset[str] = frozenset()
    ) -> datetime | None:
        """The first moment after ``at`` from which the answers differ without anybody's doing."""
        essence = decision.essence(without=without)
        for moment in sorted(self._boundaries(at)):
            if self.decide(moment).essence(without=without) != essence:
                return moment
        return None

    def _boundaries(self, at: datetime) -> set[datetime]:
        agreements = self.agreements if self.grant is None else (*self.agreements, self.grant)
        moments = {rule.valid_from for rule in self.rules} | {rule.ends_at for rule in self.rules}
        moments |= {agreement.valid_from for agreement in agreements}
        moments |= {agreement.valid_to for agreement in agreements}
        return {moment for moment in moments if moment is not None and moment > at}

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

    def _refused(self, gate: Gate, rules: tuple[RuleFacts, ...], agreements: tuple[GrantFacts, ...]) -> Decision:
        because = tuple(because_of(source, "gate", "prohibit", self.dataset) for source in gate.by)
        if self.dataset.sharing_class not in ("unconditional", "conditional"):
            return self._denied("closed", because)
        serving = [a.key for a in agreements if pass_gate(self.dataset, rules, a, self.mode).permit]
        if serving:
            return self._denied("agreement-required", because, agreements=tuple(sorted(serving)))
        return self._denied("denied", because)

    def _permitted(self, gate: Gate, rules: tuple[RuleFacts, ...], grant: GrantFacts | None) -> Decision:
        permits = tuple(because_of(source, "gate", "permit", self.dataset) for source in gate.by)
        prohibits = row_prohibits(rules, self.dataset)
        return Decision(
            caller=self.caller,
            dataset=self.dataset,
            mode=self.mode,
            exists=True,
            permit=True,
            code="ok",
            rows=row_policy(permits, prohibits),
            fields=decide_fields(self.dataset, rules, grant),
            because=permits + prohibits,
            grant=grant,
        )

    def _own_data(self) -> Decision:
        if self.grant is not None:
            return self._denied("agreement-invalid", (_AGREEMENT_INVALID,))
        if self.dataset.status == "retired":
            return self._denied("retired", (_RETIRED,))
        return Decision(
            caller=self.caller,
            dataset=self.dataset,
            mode=self.mode,
            exists=True,
            permit=True,
            code="ok",
            rows=ALL_ROWS,
            fields=tuple(FieldDecision(field, CLEAR, (_OWN,)) for field in self.dataset.fields),
            because=(_OWN,),
            own=True,
        )

    def _denied(self, code: Code, because: tuple[Because, ...] = (), *, agreements: tuple[str, ...] = ()) -> Decision:
        return Decision(
            caller=self.caller,
            dataset=self.dataset,
            mode=self.mode,
            exists=code != "not-found",
            permit=False,
            code=code,
            rows=NO_ROWS,
            fields=tuple(FieldDecision(field, HIDDEN) for field in self.dataset.fields),
            because=because,
            agreements=agreements,
        )
