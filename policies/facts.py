"""What is known when a decision is made, as plain data: the dataset, the rules and the agreements."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from hub.accounts.caller import Caller
from hub.errors import Invalid
from hub.predicates import FieldType
from policies.access import Access

Mode = Literal["rows", "aggregate", "export", "changes"]
PartyKind = Literal["everyone", "group", "agency", "client"]
TargetKind = Literal["catalogue", "agency", "dataset", "field"]
Effect = Literal["permit", "prohibit"]

PARTY_RANK: Mapping[PartyKind, int] = {"everyone": 0, "group": 1, "agency": 2, "client": 3}
TARGET_RANK: Mapping[TargetKind, int] = {"catalogue": 0, "agency": 1, "dataset": 2, "field": 3}


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """A citation: the law, and where in it; ``kind`` is the kind of law in the regime's words, where it was said."""

    title: str
    article: str = ""
    url: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A field of the dataset; ``link`` names the hash key that it shares with others of its owner."""

    name: str
    type: FieldType
    sensitivity: str = "unclassified"
    is_secret: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """A dataset as registered. ``reason`` and ``legal_basis`` are those of its sharing class."""

    key: str
    agency: str
    sharing_class: str = "unconditional"
    status: str = "published"
    is_secret: bool = False
    fields: tuple[FieldFacts, ...] = ()
    reason: str = ""
    reason_zh: str = ""
    legal_basis: tuple[LegalBasis, ...] = ()
    conditions: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """Whom a rule is about; ``name`` is the group's key, the agency's code, or ``agency/client``."""

    kind: PartyKind = "everyone"
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "Party":
        """From ``everyone``, ``group:emergency``, ``agency:met`` or ``client:met/ops``."""
        kind, colon, name = text.partition(":")
        if text == "everyone":
            return cls()
        if kind in ("group", "agency", "client") and colon and name and (kind == "client") == ("/" in name):
            return cls(kind, name)  # type: ignore[arg-type]
        raise Invalid(f"{text!r} is no party.", code="party-invalid", hint="everyone, group:…, agency:…, client:…/…")

    def matches(self, caller: Caller) -> bool:
        match self.kind:
            case "everyone":
                return True
            case "group":
                return self.name in caller.groups
            case "agency":
                return self.name == caller.agency
            case "client":
                return self.name == caller.client
        return False

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Target:
    """What a rule is about: as specific as the last part that is filled; none is the catalogue."""

    agency: str = ""
    dataset: str = ""
    field: str = ""

    @classmethod
    def parse(cls, text: str) -> "Target":
        """From ``*``, ``dot.*``, ``dot.flights`` or ``dot.flights#tailnum``."""
        dataset, hash_sign, field_name = text.partition("#")
        agency, dot, name = dataset.partition(".")
        if text == "*":
            return cls()
        if not (agency and dot and name) or bool(hash_sign) != bool(field_name) or (field_name and name == "*"):
            raise Invalid(f"{text!r} is no target.", code="target-invalid", hint="*, dot.*, dot.flights, dot.flights#x")
        return cls(agency) if name == "*" else cls(agency, dataset, field_name)

    @property
    def kind(self) -> TargetKind:
        if self.field:
            return "field"
        if self.dataset:
            return "dataset"
        return "agency" if self.agency else "catalogue"

    def covers(self, dataset: DatasetFacts) -> bool:
        """Whether the rule is about this dataset, its agency, the catalogue or one of its fields."""
        if self.dataset:
            return self.dataset == dataset.key
        return not self.agency or self.agency == dataset.agency

    def __str__(self) -> str:
        if self.field:
            return f"{self.dataset}#{self.field}"
        return self.dataset or (f"{self.agency}.*" if self.agency else "*")


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """An approved rule that is not retired. Field rules have an ``access``, all others an ``effect``.

    ``filter`` is None for no row filter, which is not the same as an empty text: that one cannot be read. ``modes``
    are empty for all. A field rule whose access cannot be read has None and hides the field.
    """

    ground: ClassVar[Literal["rule"]] = "rule"

    key: str
    target: Target
    party: Party = Party()
    effect: Effect | None = None
    access: Access | None = None
    filter: str | None = None
    is_firm: bool = False
    modes: frozenset[str] = frozenset()
    reason: str = ""
    reason_zh: str = ""
    legal_basis: tuple[LegalBasis, ...] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    review_at: datetime | None = None

    def is_in_force(self, at: datetime) -> bool:
        """Half-open; a firm rule does not end at ``valid_to``, its review is overdue from then on."""
        if self.valid_from is not None and at < self.valid_from:
            return False
        return self.is_firm or self.valid_to is None or at < self.valid_to

    @property
    def ends_at(self) -> datetime | None:
        return None if self.is_firm else self.valid_to

    @property
    def is_permit(self) -> bool:
        """A firm rule only ever limits: a firm permit takes no part."""
        return self.effect == "permit" and not self.is_firm and not self.target.field

    @property
    def is_prohibit(self) -> bool:
        """Whatever does not clearly permit prohibits."""
        return self.effect != "permit" and not self.target.field

    @property
    def takes_rows(self) -> bool:
        return self.filter is not None and self.is_prohibit

    @property
    def specificity(self) -> tuple[int, int]:
        """The target counts first, then the party."""
        return TARGET_RANK[self.target.kind], PARTY_RANK[self.party.kind]

    def serves(self, mode: Mode | None) -> bool:
        return mode is None or not self.modes or mode in self.modes


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """What one agreement gives one agency on one dataset; ``clients`` (``agency/name``) are empty for all of them.

    ``reason`` is the purpose that was agreed.
    """

    ground: ClassVar[Literal["grant"]] = "grant"

    key: str
    agency: str
    dataset: str
    fields: Mapping[str, Access] = field(default_factory=dict)
    clients: frozenset[str] = frozenset()
    filter: str | None = None
    modes: frozenset[str] = frozenset()
    reason: str = ""
    reason_zh: str = ""
    legal_basis: tuple[LegalBasis, ...] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def ends_at(self) -> datetime | None:
        return self.valid_to

    def serves(self, mode: Mode | None) -> bool:
        return mode is None or not self.modes or mode in self.modes

    def is_for(self, caller: Caller, dataset: DatasetFacts) -> bool:
        """Whether it is this caller's, and about this dataset."""
        is_callers = self.agency == caller.agency and (not self.clients or caller.client in self.clients)
        return bool(self.key) and is_callers and self.dataset == dataset.key

    def is_in_force(self, at: datetime) -> bool:
        if self.valid_from is not None and at < self.valid_from:
            return False
        return self.valid_to is None or at < self.valid_to


NO_SUCH_GRANT = GrantFacts(key="", agency="", dataset="")
"""Stands for an agreement that was named and does not exist; never in anybody's favour."""
