"""Steps 4 and 5 of a decision: which rows the caller sees, and each field in which form."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from hub.predicates import FieldType, FilterError, Predicate, bind, parse
from policies.access import CLEAR, HIDDEN, Access, strictest
from policies.decision import NO_ROWS, Because, FieldDecision, RowPolicy, Step
from policies.facts import PARTY_RANK, DatasetFacts, Effect, FieldFacts, GrantFacts, RuleFacts
from policies.gate import Implied, Source

OPEN_SENSITIVITIES = frozenset({"public", "internal"})
"""A field is clear by itself only in these; any other word, known or not, hides it."""


def because_of(source: Source, step: Step, effect: Effect, dataset: DatasetFacts) -> Because:
    """What a rule, a grant or the dataset's class did at the gate or to the rows, with its filter read."""
    if isinstance(source, Implied):
        basis = dataset.legal_basis
        return Because(step, "class", effect, reason=dataset.reason, reason_zh=dataset.reason_zh, legal_basis=basis)
    tree = None if source.filter is None else _read(source.filter, _types(dataset))
    is_readable = source.filter is None or tree is not None
    return Because.of(source, step, effect=effect, filter=tree, is_readable=is_readable)


def row_prohibits(rules: Iterable[RuleFacts], dataset: DatasetFacts) -> tuple[Because, ...]:
    """Every matching prohibit that takes rows away, firm or not, for whatever party."""
    taking = [rule for rule in rules if rule.is_prohibit and rule.filter is not None]
    return tuple(because_of(rule, "rows", "prohibit", dataset) for rule in taking)


def row_policy(permits: Sequence[Because], prohibits: Sequence[Because]) -> RowPolicy:
    """A permit that cannot be read admits no row, a prohibit that cannot be read takes all."""
    if not all(prohibit.is_readable for prohibit in prohibits):
        return NO_ROWS
    none_of = _distinct(prohibits)
    if any(permit.is_readable and permit.filter is None for permit in permits):
        return RowPolicy("all", none_of)
    return RowPolicy(_distinct(permits), none_of)


def decide_fields(
    dataset: DatasetFacts, rules: Iterable[RuleFacts], grant: GrantFacts | None
) -> tuple[FieldDecision, ...]:
    """Each field in the dataset's order; ``rules`` are in force and match the caller."""
    by_field: Mapping[str, list[RuleFacts]] = defaultdict(list)
    for rule in rules:
        if rule.target.field:
            by_field[rule.target.field].append(rule)
    is_conditional = dataset.sharing_class == "conditional"
    return tuple(
        _ungranted(field, grant)
        if grant is not None and is_conditional and field.name not in grant.fields
        else _field(field, by_field.get(field.name, ()), grant)
        for field in dataset.fields
    )


def _field(field: FieldFacts, rules: Sequence[RuleFacts], grant: GrantFacts | None) -> FieldDecision:
    voices = [
        (PARTY_RANK[rule.party.kind], _because_of_access(rule, rule.access, field))
        for rule in rules
        if not rule.is_firm
    ]
    if grant is not None and field.name in grant.fields:
        voices.append((PARTY_RANK["agency"], _because_of_access(grant, grant.fields[field.name], field)))
    best = max((rank for rank, _ in voices), default=0)
    because = [voice for rank, voice in voices if rank == best] or [_because_of_sensitivity(field)]
    because += [_because_of_access(rule, rule.access, field) for rule in rules if rule.is_firm]
    access = strictest([voice.access or HIDDEN for voice in because], field.type)
    return FieldDecision(field, access, tuple(because))


def _ungranted(field: FieldFacts, grant: GrantFacts) -> FieldDecision:
    return FieldDecision(field, HIDDEN, (Because.of(grant, "fields", access=HIDDEN, field=field.name),))


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
    return Because.of(source, "fields", access=access, field=field.name, is_readable=is_readable)


def _distinct(because: Iterable[Because]) -> tuple[Predicate, ...]:
    return tuple(dict.fromkeys(item.filter for item in because if item.filter is not None))


def _types(dataset: DatasetFacts) -> tuple[tuple[str, FieldType], ...]:
    return tuple((field.name, field.type) for field in dataset.fields)


@lru_cache(maxsize=2048)
def _read(text: str, types: tuple[tuple[str, FieldType], ...]) -> Predicate | None:
    """The filter on the stored values, or None where it cannot be read any more."""
    try:
        return bind(parse(text), dict(types))
    except FilterError:
        return None
