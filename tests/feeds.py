"""Loads of rows as the worker makes them, and readers who keep a copy by the change feed."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction

from connectors.base import copy_lines
from hub.accounts.caller import Caller
from hub.accounts.models import Agency, Client
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset
from hub.query import changes, door
from hub.query.params import MAX_LIMIT, ChangesQuery, RowsQuery
from hub.store.intake import quarantine, staging
from hub.store.intake.contract import contract_of
from hub.store.intake.load import Mode, Outcome, publish
from hub.store.intake.staging import Staging


def load_cells(dataset: Dataset, rows: Sequence[Sequence[str | None]], mode: Mode = "replace") -> Outcome:
    """Load rows of text cells, each with its number as its line, and answer what came of it."""
    run = uuid4()
    into = Staging(f"r{run.hex}_1", contract_of(dataset))
    staging.create(into)
    lines = copy_lines([(str(number), *row) for number, row in enumerate(rows, start=1)])
    staging.copy_in(into, [lines[:10], lines[10:]], positioned=True)
    quarantine.check(into, dataset, run)
    with transaction.atomic():
        outcome = publish(into, dataset, mode, run)
    staging.drop(into)
    return outcome


def load_rows(dataset: Dataset, rows: Sequence[Mapping[str, Any]], mode: Mode = "replace") -> Outcome:
    """The same with typed cells by name; a name that is missing is null."""
    fields = list(dataset.fields.all())
    return load_cells(dataset, [[_cell(row.get(f.name), f.type) for f in fields] for row in rows], mode)


def _cell(value: Any, type_: str) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dt.date() | dt.time():
            return value.isoformat()
    return json.dumps(value) if type_ in ("json", "geometry") else str(value)


@dataclass
class Copy:
    """What the program ``app`` of an agency keeps of a dataset; what does not change the copy should not be said."""

    agency: str
    dataset: str
    rows: dict[str, Any] = field(default_factory=dict)
    since: str = ""

    @property
    def caller(self) -> Caller:
        owner = Agency.objects.get(code=self.agency)
        Client.objects.get_or_create(agency=owner, name="app")
        return Caller(agency=self.agency, client=f"{self.agency}/app", epoch=current_epoch())

    def take(self, limit: int = 100) -> list[tuple[str, str]]:
        """One page: what was said, as op and key, and is done to the copy."""
        query = ChangesQuery(self.since, limit, numbers_as_strings=True)
        page = changes.read_changes(self.caller, self.dataset, query)
        said = [self._done(change) for change in json.loads(f"[{page.changes}]")]
        self.since = page.next
        return said

    def take_all(self, limit: int = 100) -> list[tuple[str, str]]:
        """Pages until one is empty."""
        taken: list[tuple[str, str]] = []
        while page := self.take(limit):
            taken += page
        return taken

    def seen(self) -> list[Any]:
        """All rows that the reader may read now."""
        page = door.read_rows(self.caller, self.dataset, RowsQuery(limit=MAX_LIMIT, numbers_as_strings=True))
        rows: list[Any] = json.loads(f"[{page.rows}]")
        return rows

    def _done(self, change: dict[str, Any]) -> tuple[str, str]:
        key = ",".join(str(cell) for cell in change["key"].values())
        if change["op"] == "delete":
            assert change["row"] is None
            assert key in self.rows, f"{key} was never here"
            del self.rows[key]
        else:
            assert self.rows.get(key) != change["row"], f"{key} is so already"
            assert all(_is_same(cell, change["row"][name]) for name, cell in change["key"].items())
            self.rows[key] = change["row"]
        return change["op"], key

    def is_equal(self) -> bool:
        """Whether the copy holds what the reader may read, and nothing else."""
        order = [json.dumps(row, sort_keys=True) for row in self.rows.values()]
        return sorted(order) == sorted(json.dumps(row, sort_keys=True) for row in self.seen())


def _is_same(cell: str, other: str) -> bool:
    """Equal numbers are the same key, however they are written."""
    return cell == other or Decimal(cell) == Decimal(other)
