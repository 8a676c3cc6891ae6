"""Publishes what stands in staging: data, version and change log move in the caller's one transaction."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from hub.catalog.models import Dataset
from hub.store.intake.quarantine import set_aside
from hub.store.intake.staging import Staging
from hub.store.models import Relation
from hub.store.tables import VERSION, create_table, ensure_relation, index_key, key_columns

Mode = Literal["replace", "append", "merge"]

_PLACE = "_place"
"""In staging, where the row stands among the incoming cells."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load did, in rows; ``before`` is how many the dataset had, ``version`` the one it has now."""

    version: int
    before: int
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.before + self.inserted - self.deleted


def publish(staging: Staging, dataset: Dataset, mode: Mode, run: UUID) -> Outcome:
    """Bring the dataset to what is staged, bad rows left out; only rows that differ are written.

    Runs in the caller's transaction, and holds the dataset's pointer until it ends, so that loads of one dataset
    follow one another.
    """
    ensure_relation(dataset)
    relation = Relation.objects.select_for_update().get(dataset=dataset)
    load = _Load(staging, dataset, relation, mode, run)
    is_new_table = relation.rows == 0 or (mode == "replace" and not load.key)
    outcome = load.into_new_table() if is_new_table else load.into_present_table()
    relation.version = outcome.version
    relation.rows = outcome.rows
    relation.synced_at = now()
    relation.save(update_fields=["version", "rows", "generation", "synced_at"])
    return outcome


@dataclass
class _Load:
    staging: Staging
    dataset: Dataset
    relation: Relation
    mode: Mode
    run: UUID

    def __post_init__(self) -> None:
        self.fields = list(self.dataset.fields.all())
        self.key = key_columns(self.dataset, self.fields)
        self.columns = [field.column for field in self.staging.fields]
        self.version = self.relation.version + 1

    def into_new_table(self) -> Outcome:
        """Fill a table that no reader knows yet, then point to it: nobody waits, nobody sees a part."""
        before = self.relation.rows
        self.relation.generation += 1
        table = self.relation.table
        create_table(table, self.fields)
        inserted, rejected = self._filled(table)
        _run(f"ANALYZE {table}")
        gone = before if self.mode == "replace" else 0
        return Outcome(self.version, before, inserted=inserted, deleted=gone, rejected=rejected)

    def into_present_table(self) -> Outcome:
        if not self.key:
            inserted = _run(self._insert(self.relation.table))
            return Outcome(self.version, self.relation.rows, inserted=inserted)
        fresh, rejected = self._made_fresh()
        deleted = self._delete_gone() if self.mode == "replace" else 0
        if self.mode == "append":
            clashes = self._set_clashes_aside()
            fresh, rejected, updated = fresh - clashes, rejected + clashes, 0
        else:
            updated = self._update_changed()
        inserted = self._insert_new()
        _run(f"DROP TABLE {self.staging.fresh}")
        outcome = Outcome(self.version, self.relation.rows, inserted, updated, deleted, 0, rejected)
        return replace(outcome, unchanged=fresh - inserted - updated)

    def _made_fresh(self) -> tuple[int, int]:
        """What is staged as typed rows beside the dataset's own."""
        table = self.staging.fresh
        _run(f"CREATE UNLOGGED TABLE {table} (LIKE {self.relation.table} INCLUDING DEFAULTS, {_PLACE} tid)")
        made = self._filled(table)
        _run(f"ANALYZE {table}")
        return made

    def _filled(self, table: str) -> tuple[int, int]:
        """Fill an empty table and index it; answers rows put in, and rows set aside for a key that came before.

        That a key repeats is only looked for where the index refuses it.
        """
        try:
            with transaction.atomic():
                count = _run(self._insert(table))
                self._index(table)
            return count, 0
        except IntegrityError:
            doubles = self._set_doubles_aside()
        count = _run(self._insert(table))
        self._index(table)
        return count, doubles

    def _index(self, table: str) -> None:
        if table == self.staging.fresh:
            if self.key:
                _run(f"CREATE UNIQUE INDEX ON {table} ({', '.join(self.key)})")
        else:
            index_key(table, self.dataset, self.fields)

    def _insert(self, table: str) -> str:
        """All good rows of the staging table, typed; beside the dataset's own table they remember their place."""
        names, cells = list(self.columns), [field.typed() for field in self.staging.fields]
        if table == self.staging.fresh:
            names, cells = [*names, _PLACE], [*cells, "ctid"]
        return (
            f"INSERT INTO {table} ({', '.join(names)}, {VERSION}) SELECT {', '.join(cells)}, {self.version}"
            f" FROM {self.staging.table} s WHERE {self._is_good}"
        )

    @property
    def _is_good(self) -> str:
        return f"NOT EXISTS (SELECT FROM {self.staging.bad} b WHERE b.place = s.ctid)"

    def _set_doubles_aside(self) -> int:
        """Of rows with one key the first stays; in a merge the last one, which supersedes the others."""
        key = ", ".join(field.typed() for field in self.staging.fields if field.column in self.key)
        order = "ctid DESC" if self.mode == "merge" else "ctid"
        places = (
            f"SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY {key} ORDER BY {order}) AS nth"
            f" FROM {self.staging.table} s WHERE {self._is_good}) n WHERE nth > 1"
        )
        if self.mode == "merge":
            _run(f"INSERT INTO {self.staging.bad} {places}")
            return 0
        return self._set_aside(places, "duplicate-key", "Another row of this load has the same key; the first counts.")

    def _set_clashes_aside(self) -> int:
        """Rows to append whose key is there with other values: what was appended is never changed."""
        places = (
            f"SELECT f.{_PLACE} FROM {self.staging.fresh} f JOIN {self.relation.table} t ON {self._same_key('f')}"
            f" WHERE {self._differs('f')}"
        )
        return self._set_aside(places, "key-exists", "There is already a row with this key and other values.")

    def _set_aside(self, places: str, rule: str, message: str) -> int:
        key = ", ".join(self.dataset.primary_key)
        return set_aside(self.staging, self.dataset, self.run, places, rule, message, key)

    def _delete_gone(self) -> int:
        return _run(
            f"WITH gone AS (DELETE FROM {self.relation.table} t WHERE NOT EXISTS"
            f" (SELECT FROM {self.staging.fresh} f WHERE {self._same_key('f')}) RETURNING to_jsonb(t) AS before)"
            f" INSERT INTO {self.relation.change_log} SELECT {self.version}, 'delete', before FROM gone"
        )

    def _update_changed(self) -> int:
        """The rows before go to the change log by themselves: ``RETURNING old`` reads them in the same pass."""
        table, log = self.relation.table, self.relation.change_log
        changes = ", ".join(f"{column} = f.{column}" for column in self.columns)
        return _run(
            f"WITH changed AS (UPDATE {table} t SET {changes}, {VERSION} = {self.version}"
            f" FROM {self.staging.fresh} f WHERE {self._same_key('f')} AND {self._differs('f')}"
            f" RETURNING to_jsonb(old) AS before)"
            f" INSERT INTO {log} SELECT {self.version}, 'update', before FROM changed"
        )

    def _insert_new(self) -> int:
        names = ", ".join([*self.columns, VERSION])
        return _run(
            f"INSERT INTO {self.relation.table} ({names}) SELECT {names} FROM {self.staging.fresh} f"
            f" WHERE NOT EXISTS (SELECT FROM {self.relation.table} t WHERE {self._same_key('f')})"
        )

    def _same_key(self, fresh: str) -> str:
        return " AND ".join(f"t.{column} = {fresh}.{column}" for column in self.key)

    def _differs(self, fresh: str) -> str:
        rest = [column for column in self.columns if column not in self.key]
        if not rest:
            return "false"
        there, here = (", ".join(f"{side}.{column}" for column in rest) for side in ("t", fresh))
        return f"ROW({there}) IS DISTINCT FROM ROW({here})"


def _run(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)
