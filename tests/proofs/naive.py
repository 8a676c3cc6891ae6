"""The policy once more, in the plainest words and from its text alone: what every real decision is compared with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hub.predicates import FieldType, FilterError, bind, evaluate, parse
from policies.access import Access
from policies.facts import FieldFacts, GrantFacts, RuleFacts
from tests.proofs.world import Row, World

CLASSES = ("unconditional", "conditional")
STRICTNESS = ("clear", "round", "partial", "hash", "redact", "null", "hidden")
PARTIES = ("everyone", "group", "agency", "client")
HIDDEN, NULL, CLEAR = Access("hidden"), Access("null"), Access("clear")


@dataclass(frozen=True)
class Answer:
    code: str
    own: bool
    visible: tuple[bool, ...]
    accesses: Mapping[str, Access]
    agreements: tuple[str, ...] = ()


def answer(world: World) -> Answer:
    caller, dataset = world.caller, world.dataset
    rules = [rule for rule in world.rules if _counts(rule, world)]
    in_force = [grant for grant in world.agreements if _counts(grant, world)]
    under = world.grant if world.grant is not None and _counts(world.grant, world) else None
    own = caller.agency == dataset.agency and not caller.is_external
    gate = permits(world, rules, under, world.mode)
    serving = tuple(sorted(way.key for way in in_force if permits(world, rules, way, world.mode)))
    has_way = any(permits(world, rules, way, None) for way in (None, under, *in_force))
    covering = {"read", "read:*", f"read:{dataset.agency}.*", f"read:{dataset.key}"}
    refusals = {
        "not-found": (caller.scopes and not caller.scopes & covering)
        or (not world.manages and dataset.status not in ("published", "retired"))
        or (not world.manages and not own and dataset.is_secret and not has_way),
        "retired": dataset.status == "retired" and not (own and world.grant is not None),
        "agreement-invalid": world.grant is not None and (under is None or own),
        "closed": dataset.sharing_class not in CLASSES and not own,
        "agreement-required": serving and not gate and not own,
        "denied": not gate and not own,
    }
    code = next((code for code, applies in refusals.items() if applies), "ok")
    is_ok, told = code == "ok", serving if code == "agreement-required" else ()
    if own or not is_ok:
        everything = {field.name: CLEAR if is_ok else HIDDEN for field in dataset.fields}
        return Answer(code, is_ok, (is_ok,) * len(world.rows), everything, told)
    types = {field.name: field.type for field in dataset.fields}
    takers = [r.filter for r in rules if not r.target.field and r.effect != "permit" and r.filter is not None]
    visible = tuple(is_visible(gate, takers, types, row) for row in world.rows)
    return Answer("ok", False, visible, {field.name: _field(world, rules, under, field) for field in dataset.fields})


def permits(world: World, rules: list[RuleFacts], grant: GrantFacts | None, mode: str | None) -> list[str | None]:
    """Step 3: the filters of the winning permits; nothing where it is denied. No mode asks for any at all."""
    is_conditional = world.dataset.sharing_class == "conditional"
    rules = [rule for rule in rules if not rule.target.field]
    prohibits = [rule for rule in rules if rule.effect != "permit" and rule.filter is None]
    if world.dataset.sharing_class not in CLASSES or any(rule.is_firm for rule in prohibits):
        return []
    allowing = [rule for rule in rules if rule.effect == "permit" and not rule.is_firm]
    allowing = [rule for rule in allowing if not mode or mode in (rule.modes or {mode})]
    candidates: list[tuple[tuple[int, int], bool, str | None]] = [(_rank(rule), False, None) for rule in prohibits]
    if not (is_conditional and grant is not None):
        candidates += [(_rank(rule), True, rule.filter) for rule in allowing]
    elif not mode or mode in (grant.modes or {mode}):
        candidates.append(((2, 2), True, grant.filter))
    candidates.append(((2, 0), False, None) if is_conditional else ((0, 0), True, None))
    best = max(specificity for specificity, _, _ in candidates)
    winners = [(is_permit, text) for specificity, is_permit, text in candidates if specificity == best]
    return [text for _, text in winners] if all(is_permit for is_permit, _ in winners) else []


def is_visible(
    permits: Iterable[str | None], prohibits: Iterable[str], types: Mapping[str, FieldType], row: Row
) -> bool:
    """Step 4, each filter as its text; None is no filter. A text that cannot be read is neither true nor false."""
    admitted = any(text is None or _truth(text, types, row) is True for text in permits)
    return admitted and all(_truth(text, types, row) is False for text in prohibits)


def merged(accesses: Sequence[Access], type_: FieldType) -> Access:
    """The strictest of several; where one does not fit the type, hidden."""
    if not all(_fits(access, type_) for access in accesses):
        return HIDDEN
    rest = [access for access in accesses if access.kind not in ("round", "partial")]
    partial = [access for access in accesses if access.kind == "partial"]
    steps = [access.to for access in accesses if access.kind == "round"]
    if partial and steps and type_ == "string":
        heads = [access.head for access in partial] + [int(str(step)) for step in steps]
        partial, steps = [Access("partial", min(heads), 0)], []
    if partial:
        rest.append(Access("partial", min(p.head for p in partial), min(p.tail for p in partial)))
    if steps and type_ == "string":
        rest.append(Access("round", to=min(int(str(step)) for step in steps)))
    elif steps and type_ in ("date", "datetime"):
        rest.append(Access("round", to=next(unit for unit in ("year", "month", "day") if unit in steps)))
    elif steps:
        numbers = sorted((Decimal(str(step)), step) for step in steps)
        is_chain = all(large % small == 0 for small, _ in numbers for large, _ in numbers if large >= small)
        rest.append(Access("round", to=numbers[-1][1]) if is_chain else NULL)
    return max(rest, key=lambda access: STRICTNESS.index(access.kind))


def _field(world: World, rules: list[RuleFacts], grant: GrantFacts | None, field: FieldFacts) -> Access:
    if grant is not None and world.dataset.sharing_class == "conditional" and field.name not in grant.fields:
        return HIDDEN
    rules = [rule for rule in rules if rule.target.field == field.name]
    voices = [(PARTIES.index(rule.party.kind), rule.access or HIDDEN) for rule in rules if not rule.is_firm]
    voices += [(2, grant.fields[field.name])] if grant is not None and field.name in grant.fields else []
    default = CLEAR if field.sensitivity in ("public", "internal") else HIDDEN
    strongest = [access for rank, access in voices if rank == max(rank for rank, _ in voices)] or [default]
    return merged(strongest + [rule.access or HIDDEN for rule in rules if rule.is_firm], field.type)


def _truth(text: str, types: Mapping[str, FieldType], row: Row) -> bool | None:
    try:
        return evaluate(bind(parse(text), types), row)
    except FilterError:
        return None


def _fits(access: Access, type_: FieldType) -> bool:
    if type_ in ("date", "datetime"):
        return access.kind != "round" or access.to in ("year", "month", "day")
    kinds = int if type_ in ("string", "integer") else int | Decimal if type_ in ("number", "decimal") else ()
    return access.kind != "round" or isinstance(access.to, kinds)


def _counts(source: RuleFacts | GrantFacts, world: World) -> bool:
    """Whether it is in force, about the dataset and for the caller."""
    caller, key = world.caller, world.dataset.key
    if isinstance(source, RuleFacts):
        is_about = source.target.dataset in ("", key) and source.target.agency in ("", world.dataset.agency)
        mine = {"everyone": {""}, "group": caller.groups, "agency": {caller.agency}, "client": {caller.client}}
        is_mine = source.party.name in mine[source.party.kind]
    else:
        is_about = source.dataset == key and source.key != ""
        is_mine = source.agency == caller.agency and (not source.clients or caller.client in source.clients)
    has_begun = source.valid_from is None or source.valid_from <= world.at
    is_over = source.valid_to is not None and source.valid_to <= world.at and not getattr(source, "is_firm", False)
    return is_about and is_mine and has_begun and not is_over


def _rank(rule: RuleFacts) -> tuple[int, int]:
    return (2 if rule.target.dataset else 1 if rule.target.agency else 0), PARTIES.index(rule.party.kind)
