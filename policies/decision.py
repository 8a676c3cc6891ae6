"""What was decided for one caller on one dataset, complete: SQL, catalogue and explanation need nothing else."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from hub.accounts.caller import Caller
from hub.predicates import FieldType, Predicate, evaluate, to_text
from policies.access import Access, seen_type
from policies.facts import DatasetFacts, Effect, FieldFacts, GrantFacts, LegalBasis, Mode, RuleFacts

Step = Literal["own", "gate", "rows", "fields"]
Ground = Literal["own", "status", "class", "sensitivity", "rule", "grant", "agreement"]
Code = Literal["ok", "not-found", "denied", "closed", "retired", "agreement-required", "agreement-invalid"]


class Because(NamedTuple):
    """One thing that took part, and what it did: a rule, a grant, the dataset's class, a field's sensitivity.

    ``is_readable`` is false where a filter or access could not be read and was taken at its strictest. A tuple, as a
    decision makes one for each rule: a frozen dataclass takes several times as long to make, and so does the tuple by
    its own ``__new__``.
    """

    step: Step
    ground: Ground
    effect: Effect | None = None
    access: Access | None = None
    field: str = ""
    filter: Predicate | None = None
    source: RuleFacts | GrantFacts | None = None
    reason: str = ""
    reason_zh: str = ""
    legal_basis: tuple[LegalBasis, ...] = ()
    is_readable: bool = True

    @classmethod
    def of(
        cls,
        source: RuleFacts | GrantFacts,
        step: Step,
        effect: Effect | None = None,
        access: Access | None = None,
        field: str = "",
        filter: Predicate | None = None,
        *,
        is_readable: bool = True,
    ) -> "Because":
        """What a rule or a grant did, with the reason and legal basis that it gives."""
        did = (step, source.ground, effect, access, field, filter)
        said = (source, source.reason, source.reason_zh, source.legal_basis)
        return tuple.__new__(cls, (*did, *said, is_readable))


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """A row is visible if one of ``any_of`` is true for it (``"all"``: every row) and each of ``none_of`` is false.

    An empty ``any_of`` admits no row at all.
    """

    any_of: tuple[Predicate, ...] | Literal["all"] = ()
    none_of: tuple[Predicate, ...] = ()

    def texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Both sides as CQL2 text, in an order that does not depend on the rules' order."""
        any_of = ("*",) if self.any_of == "all" else tuple(sorted(set(map(to_text, self.any_of))))
        return any_of, tuple(sorted(set(map(to_text, self.none_of))))

    def is_like(self, other: "RowPolicy") -> bool:
        """Whether both have the same filters, in whatever order."""
        pairs = ((self.any_of, other.any_of), (self.none_of, other.none_of))
        return all(one == two or (len(one) == len(two) and set(one) == set(two)) for one, two in pairs)

    def admits(self, row: Mapping[str, object]) -> bool:
        """The policy on one row of typed values, hidden ones included."""
        if self.any_of != "all" and not any(evaluate(tree, row) is True for tree in self.any_of):
            return False
        return all(evaluate(tree, row) is False for tree in self.none_of)


ALL_ROWS = RowPolicy("all")
NO_ROWS = RowPolicy()


class FieldDecision(NamedTuple):
    """One field of the dataset for this caller, the hidden ones too."""

    facts: FieldFacts
    access: Access
    because: tuple[Because, ...] = ()

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def type(self) -> FieldType:
        """As it is stored."""
        return self.facts.type

    @property
    def seen_type(self) -> FieldType:
        return seen_type(self.access, self.facts.type)

    @property
    def is_seen(self) -> bool:
        """Whether there is such a field in rows, schemas, parameters and errors."""
        return self.access.kind != "hidden"

    @property
    def shape(self) -> tuple[str, ...]:
        """What a reader sees of the form; empty for a field that is hidden."""
        return tuple(map(str, self.access.shape)) if self.is_seen else ()

    @property
    def is_secret(self) -> bool:
        """Whether even the catalogue says nothing of it."""
        return self.facts.is_secret and not self.is_seen


@dataclass(frozen=True, slots=True)
class Decision:
    """``exists`` is step 1, ``permit`` the gate; where it is denied no row and no field is seen.

    ``until`` is the next moment at which this decision changes by itself; ``told_until`` leaves out what concerns
    only fields that are secret to the caller. ``agreements`` are the keys that would serve where one is required.
    """

    caller: Caller
    dataset: DatasetFacts
    mode: Mode
    exists: bool
    permit: bool
    code: Code
    rows: RowPolicy
    fields: tuple[FieldDecision, ...]
    because: tuple[Because, ...] = ()
    own: bool = False
    grant: GrantFacts | None = None
    agreements: tuple[str, ...] = ()
    until: datetime | None = None
    told_until: datetime | None = None
    _digest: str = field(default="", init=False, repr=False, compare=False)

    def digest(self) -> str:
        """SHA-256, in hex, of all that shapes the answers, and of nothing that is hidden from the caller.

        Made when it is first asked for, and kept: of most decisions nobody asks.
        """
        if not self._digest:
            object.__setattr__(self, "_digest", hashlib.sha256(self.essence().encode()).hexdigest())
        return self._digest

    def essence(self, *, without: frozenset[str] = frozenset()) -> str:
        """What two decisions must share to give the same answers; fields in ``without`` are left out."""
        seen = [field for field in self.fields if field.is_seen and field.name not in without]
        is_hashed = any(field.access.kind == "hash" for field in seen)
        return repr(
            (
                self.dataset.key,
                self.exists,
                self.permit,
                self.code,
                self.agreements,
                self.caller.agency if is_hashed else "",
                self.rows.texts(),
                [
                    (field.name, field.type, *field.access.shape, field.facts.link if is_hashed else "")
                    for field in seen
                ],
            )
        )

    @property
    def seen_fields(self) -> tuple[FieldDecision, ...]:
        return tuple(field for field in self.fields if field.is_seen)

    @property
    def withheld_fields(self) -> tuple[FieldDecision, ...]:
        """Hidden, and the caller may be told so."""
        return tuple(field for field in self.fields if not field.is_seen and not field.is_secret)

    @property
    def reason(self) -> str:
        """In one line, why the gate decided as it did."""
        return next((because.reason for because in self.because if because.reason), "")

    @property
    def can_apply(self) -> bool:
        """Whether an application to the owner could bring more."""
        return self.code == "denied" or (self.permit and bool(self._masked))

    @property
    def _masked(self) -> list[str]:
        return [field.name for field in self.fields if field.access.kind != "clear" and not field.is_secret]

    @property
    def next_step(self) -> str:
        """In one line, what to do for more; empty where there is nothing to ask for."""
        match self.code:
            case "agreement-required":
                return f"Name an agreement of yours in the header Hub-Agreement: {', '.join(self.agreements)}."
            case "agreement-invalid":
                return f"Name an agreement of yours that is in force and about {self.dataset.key}, or none."
            case "closed":
                return f"{self.dataset.agency} shares this with nobody; ask it about the legal basis that it names."
            case "denied":
                return f"Apply to {self.dataset.agency} for {self.dataset.key}, and say for what purpose."
        if self.can_apply:
            return f"Apply to {self.dataset.agency} to see in clear: {', '.join(self._masked)}."
        return ""
