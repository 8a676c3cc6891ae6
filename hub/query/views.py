"""A dataset opened for one caller: the decision, and what it means for the dataset's table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.catalog.models import Dataset
from hub.errors import Forbidden
from hub.predicates import Predicate
from hub.query.decisions import decided_anew
from hub.query.kept import Kept
from hub.store.connection import serve
from hub.store.pseudonyms import ensure_hash_key, hash_key_name
from hub.store.queries import Column, Place, place_of
from hub.store.select.conditions import condition
from hub.store.select.gate import Pass
from hub.store.select.relation import Selection, Shown, count_sql
from hub.store.select.values import Masked, seen
from hub.store.sql import Sql, join
from policies.decision import Decision, FieldDecision, RowPolicy
from policies.facts import Mode

COUNTED = 1_000_000
_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class View:
    """What ``caller`` gets of a dataset at one epoch; holds no row.

    ``fields`` are those that are not hidden, as the caller sees them; ``where`` is the decision's row filter.
    """

    caller: Caller
    key: str
    agreement: str
    decision: Decision
    primary_key: tuple[str, ...]
    place: Place
    fields: tuple[Shown, ...]
    where: tuple[Sql, ...]
    key_is_clear: bool = field(init=False)
    """Whether rows can be told apart and ordered by the dataset's own key."""

    def __post_init__(self) -> None:
        key = [self.field(name) for name in self.primary_key]
        object.__setattr__(self, "key_is_clear", bool(key) and all(one is not None and one.is_plain for one in key))

    def field(self, name: str) -> Shown | None:
        """The field as this caller sees it; None where there is none for this caller."""
        return next((one for one in self.fields if one.name == name), None)


_views: Kept[View] = Kept(_KEPT)


def open_view(caller: Caller, key: str, *, mode: Mode = "rows", agreement: str = "", is_stale: bool = False) -> View:
    """The dataset ``key`` as ``caller`` sees it; kept for as long as neither epoch nor clock changes it.

    ``is_stale`` says that what was kept did not hold: the rows have moved to another table.
    Raises ``NotFound`` where it does not exist for this caller and ``Forbidden`` where the gate denies it.
    """
    view = None if is_stale else kept_view(caller, key, mode, agreement)
    if view is None:
        name = (caller, key, mode, agreement or caller.agreement)
        view = _opened(*name)
        _views.put(name, view)
    return view


def kept_view(caller: Caller, key: str, mode: Mode, agreement: str) -> View | None:
    """The same where it is kept."""
    view = _views.get((caller, key, mode, agreement or caller.agreement))
    return None if view is None or (view.decision.until is not None and view.decision.until <= now()) else view


def _opened(caller: Caller, key: str, mode: Mode, agreement: str) -> View:
    dataset, decided = decided_anew(caller, key, mode, agreement)
    decision = decided.decision
    if not decision.permit:
        raise Forbidden(_denial(decision), code=decision.code, hint=decision.next_step)
    place = place_of(dataset)
    return View(
        caller=caller,
        key=key,
        agreement=decision.grant.key if decision.grant is not None else agreement,
        decision=decision,
        primary_key=tuple(dataset.primary_key),
        place=place,
        fields=tuple(_shown(caller, dataset, place, one) for one in decision.seen_fields),
        where=row_filter(decision.rows, place.columns),
    )


def pass_of(view: View) -> Pass:
    """Under which state of the world the view was decided."""
    return Pass(view.place.relation, view.place.generation, view.caller.epoch, view.caller.token)


def _shown(caller: Caller, dataset: Dataset, place: Place, field: FieldDecision) -> Shown:
    column, access = place.columns[field.name], field.access
    mask = mask_of(caller.agency, dataset.key, field)
    if mask.key:
        ensure_hash_key(mask.key)
    return Shown(
        name=field.name,
        type=field.seen_type,
        expression=seen(column.column, column.type, mask),
        is_plain=access.kind == "clear",
        never_null=column.never_null and access.kind in {"clear", "round", "partial", "hash"},
    )


def mask_of(agency: str, dataset: str, field: FieldDecision) -> Masked:
    """How the field's cells are shown to ``agency``."""
    access = field.access
    key = hash_key_name(agency, dataset, field.name, field.facts.link) if access.kind == "hash" else ""
    return Masked(access.kind, access.head, access.tail, access.to or 0, key)


def count_visible(dataset: Dataset, decision: Decision) -> int:
    """How many rows the decision lets through; counted no further than ``COUNTED``."""
    if not decision.permit:
        return 0
    place = place_of(dataset)
    counted = serve(count_sql(Selection(place.table, (), row_filter(decision.rows, place.columns)), COUNTED))
    return int(counted[0]) if counted is not None else 0


def row_filter(rows: RowPolicy, columns: Mapping[str, Column]) -> tuple[Sql, ...]:
    """Rows that some permit's filter admits and no prohibit's filter takes: a prohibit takes all but a plain false."""

    def sql(tree: Predicate) -> Sql:
        return condition(tree, lambda name: Sql(columns[name].column))

    parts = [sql(tree) + " IS FALSE" for tree in rows.none_of]
    if rows.any_of != "all":
        admitted = [sql(tree) for tree in rows.any_of]
        parts.append(join(" OR ", admitted) if admitted else Sql("FALSE"))
    return tuple(parts)


def _denial(decision: Decision) -> str:
    asker, dataset = decision.caller.agency, decision.dataset.key
    return f"{asker} may not read {dataset}" + (f": {decision.reason}" if decision.reason else ".")
