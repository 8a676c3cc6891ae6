"""Steps 4 and 5 of a decision: which rows the caller sees, and each field in which form."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from hub.predicates import FieldType, FilterError, Predicate, bind, parse
from policies.access import CLEAR, HIDDEN, Access, strictest
from policies.decision import NO_ROWS, Because, FieldDecision, RowPolicy, Step
from policies.facts import PARTY_RANK, DatasetFacts, Effect, FieldFacts, GrantFacts, RuleFacts
from policies.gate import Implied, Source

OPEN_SENSITIVITIES = frozenset({"public", "internal"})
"""A field is clear by itself only in these; any other word, known or not, hides it."""
MOST_FILTERS = 500
"""Kept as read, for datasets of the same fields."""


Reader = Callable[[str], Predicate | None]
"""Reads the text of a filter; None where it cannot be read any more."""


def because_of(source: Source, effect: Effect, dataset: DatasetFacts, read: Reader) -> Because:
    """What a rule, a grant or the dataset's class did at the gate, with its filter read."""
    if isinstance(source, Implied):
        basis = dataset.legal_basis
        return Because("gate", "class", effect, reason=dataset.reason, reason_zh=dataset.reason_zh, legal_basis=basis)
    return _because_of_rows(source, "gate", effect, read)


def row_prohibits(rules: Iterable[RuleFacts], read: Reader) -> tuple[Because, ...]:
    """Every matching prohibit that takes rows away, firm or not, for whatever party."""
    return tuple(_because_of_rows(rule, "rows", "prohibit", read) for rule in rules if rule.takes_rows)


def row_policy(permits: Sequence[Because], prohibits: Sequence[Because]) -> RowPolicy:
    """A permit that cannot be read admits no row, a prohibit that cannot be read takes all."""
    if not all(prohibit.is_readable for prohibit in prohibits):
        return NO_ROWS
    none_of = _distinct(prohibits)
    if any(permit.is_readable and permit.filter is None for permit in permits):
        return RowPolicy("all", none_of)
    return RowPolicy(_distinct(permits), none_of)


def decide_field(
    field: FieldFacts, rules: Sequence[RuleFacts], grant: GrantFacts | None, *, is_conditional: bool
) -> FieldDecision:
    """One field; ``rules`` are those on it that are in force and match the caller."""
    if grant is not None and is_conditional and field.name not in grant.fields:
        return _ungranted(field, grant)
    best = party_rank(rules, field, grant)
    because = [
        _because_of_access(rule, rule.access, field)
        for rule in rules
        if not rule.is_firm and PARTY_RANK[rule.party.kind] == best
    ]
    if grant is not None and field.name in grant.fields and best == PARTY_RANK["agency"]:
        because.append(_because_of_access(grant, grant.fields[field.name], field))
    because = because or [_because_of_sensitivity(field)]
    because += [_because_of_access(rule, rule.access, field) for rule in rules if rule.is_firm]
    if len(because) == 1:
        return FieldDecision(field, because[0].access or HIDDEN, tuple(because))
    return FieldDecision(field, strictest([voice.access or HIDDEN for voice in because], field.type), tuple(because))


def party_rank(rules: Iterable[RuleFacts], field: FieldFacts, grant: GrantFacts | None) -> int:
    """How specific the party is whose word on the field counts, among ``rules`` that are not firm and the grant."""
    ranks = [PARTY_RANK[rule.party.kind] for rule in rules if not rule.is_firm]
    if grant is not None and field.name in grant.fields:
        ranks.append(PARTY_RANK["agency"])
    return max(ranks, default=0)


def _ungranted(field: FieldFacts, grant: GrantFacts) -> FieldDecision:
    return FieldDecision(field, HIDDEN, (Because.of(grant, "fields", access=HIDDEN, field=field.name),))


def _because_of_rows(source: RuleFacts | GrantFacts, step: Step, effect: Effect, read: Reader) -> Because:
    if source.filter is None:
        return Because.of(source, step, effect)
    tree = read(source.filter)
    return Because.of(source, step, effect, filter=tree, is_readable=tree is not None)


def _because_of_sensitivity(field: FieldFacts) -> Because:
    is_open = field.sensitivity in OPEN_SENSITIVITIES
    reason = f"The field is classified as {field.sensitivity}." if field.sensitivity != "unclassified" else ""
    return Because(
        "fields",
        "sensitivity",
        access=CLEAR if is_open else HIDDEN,
        field=field.name,
        reason=reason or "Nobody has classified the field yet.",
    )


def _because_of_access(source: RuleFacts | GrantFacts, access: Access | None, field: FieldFacts) -> Because:
    """An access that cannot be read, or that this type of field cannot be shown in, hides it."""
    is_readable = access is not None and access.fits(field.type)
    access = access if is_readable else HIDDEN
    return Because.of(source, "fields", None, access, field.name, is_readable=is_readable)


def _distinct(because: Iterable[Because]) -> tuple[Predicate, ...]:
    """Equal filters are one object, as a reader gives them: so they need not be hashed."""
    return tuple({id(item.filter): item.filter for item in because if item.filter is not None}.values())


def reader_of(dataset: DatasetFacts) -> Reader:
    """Reads filters on the stored values of the dataset's fields; of equal ones it gives the same."""
    reader = _reader(tuple((field.name, field.type) for field in dataset.fields))
    reader.make_room()
    return reader.read


class FilterReader:
    """Keeps what it read, by the texts alone: there is one for each set of fields and types."""

    def __init__(self, types: tuple[tuple[str, FieldType], ...], most: int = MOST_FILTERS) -> None:
        self._types = dict(types)
        self._most = most
        self._by_text: dict[str, Predicate | None] = {}
        self._equal: dict[Predicate, Predicate] = {}

    def read(self, text: str) -> Predicate | None:
        known = self._by_text
        if text not in known:
            try:
                tree = bind(parse(text), self._types)
                known[text] = self._equal.setdefault(tree, tree)
            except FilterError:
                known[text] = None
        return known[text]

    def make_room(self) -> None:
        """Forget all, where it is more than the most."""
        if len(self._by_text) > self._most:
            self._by_text, self._equal = {}, {}


_reader = lru_cache(maxsize=500)(FilterReader)
