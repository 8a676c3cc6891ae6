"""A dataset opened for one caller: the decision, and the physical names it is compiled against."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from uuid import UUID

from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.errors import Forbidden, NotFound
from hub.predicates import FieldType
from hub.query.params import RowsQuery
from hub.store.select.relation import Shown
from hub.store.select.values import Masked, Sql, seen
from policies import queries
from policies.decision import Decision
from policies.pdp import seen_type

_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field's cells stand."""

    name: str
    column: str
    type: FieldType
    never_null: bool
    hash_key: str


@dataclass(frozen=True, slots=True)
class View:
    """What ``caller`` gets of a dataset at one epoch; holds no row."""

    caller: Caller
    dataset: UUID
    key: str
    primary_key: tuple[str, ...]
    decision: Decision
    columns: Mapping[str, Column]
    fields: tuple[Shown, ...]
    relation: int
    generation: int
    table: str
    agreement: str

    def field(self, name: str) -> Shown | None:
        """The field as this caller sees it; None where there is none for this caller."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def key_is_clear(self) -> bool:
        """Whether rows can be told apart and ordered by the dataset's own key."""
        return bool(self.primary_key) and all(
            (field := self.field(name)) is not None and field.is_plain for name in self.primary_key
        )


def open_view(caller: Caller, key: str, *, mode: str = "rows", agreement: str = "") -> View:
    """The view of the dataset ``key``.

    Raises ``NotFound`` where it does not exist for this caller and ``Forbidden`` where the gate denies it.
    """
    agreement = agreement or caller.agreement
    name = (caller, key, mode, agreement)
    view = _opened.get(name)
    if view is None or (view.decision.until is not None and view.decision.until <= now()):
        view = _open(caller, key, mode, agreement)
        _opened.put(name, view)
    return view


def decision_for(caller: Caller, key: str, mode: str = "rows", agreement: str = "") -> Decision:
    """The decision alone, a denial included; raises ``NotFound`` where the dataset is not there for this caller."""
    return _decided(caller, key, mode, agreement)[1]


def _open(caller: Caller, key: str, mode: str, agreement: str) -> View:
    facts, decision = _decided(caller, key, mode, agreement)
    if not decision.permit:
        raise Forbidden(
            f"{caller.agency} may not read {key}: {decision.reason}",
            code=decision.code,
            hint=decision.next_step,
        )
    place = queries.place_of(key)
    columns = {column.name: column for column in place.columns}
    return View(
        caller=caller,
        dataset=place.dataset,
        key=key,
        primary_key=place.primary_key,
        decision=decision,
        columns=columns,
        fields=tuple(_shown(columns[field.name], field.access) for field in decision.fields if field.is_seen),
        relation=place.relation,
        generation=place.generation,
        table=place.table,
        agreement=agreement,
    )
