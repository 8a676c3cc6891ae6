"""Publishes what stands in staging: data, version and change log move in the caller's one transaction."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from hub.catalog.models import Dataset
from hub.store.intake.quarantine import set_aside
from hub.store.intake.staging import NotDirect, Staging
from hub.store.models import Relation
from hub.store.tables import LINE, VERSION, create_table, ensure_relation, index_key, key_columns, publish_table

Mode = Literal["replace", "append", "merge"]


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
    outcome = load.into_new_table() if is_first(dataset, relation, mode) else load.into_present_table()
    relation.version = outcome.version
    relation.rows = outcome.rows
    relation.synced_at = now()
    relation.save(update_fields=["version", "rows", "generation", "synced_at"])
    return outcome


def is_first(dataset: Dataset, relation: Relation, mode: Mode) -> bool:
    """Whether a load fills a table of its own: no rows are there yet, or all give way and no key tells them apart."""
    return relation.rows == 0 or (mode == "replace" and not key_columns(dataset, dataset.fields.all()))


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
        """Point to a table that no reader knows yet: nobody waits, nobody sees a part."""
        before = self.relation.rows
        inserted, rejected = self._made_ready()
        self.relation.generation += 1
        if self.staging.is_first:
            publish_table(self.staging.rows, self.relation)
            self.staging.published = self.relation.table
        else:
            create_table(self.relation.table, self.fields)
            _run(self._insert(self.relation.table))
            index_key(self.relation.table, self.dataset, self.fields)
            _run(f"ANALYZE {self.relation.table}")
        gone = before if self.mode == "replace" else 0
        return Outcome(self.version, before, inserted=inserted, deleted=gone, rejected=rejected)

    def into_present_table(self) -> Outcome:
        fresh, rejected = self._made_ready()
        if not self.key:
            return Outcome(self.version, self.relation.rows, inserted=_run(self._insert(self.relation.table)))
        deleted = self._delete_gone() if self.mode == "replace" else 0
        if self.mode == "append":
            clashes = self._set_clashes_aside()
            fresh, rejected, updated = fresh - clashes, rejected + clashes, 0
        else:
            updated = self._update_changed()
        inserted = _run(self._insert(self.relation.table) + f" WHERE NOT EXISTS ({self._there('r')})")
        outcome = Outcome(self.version, self.relation.rows, inserted, updated, deleted, 0, rejected)
        return replace(outcome, unchanged=fresh - inserted - updated)

    def _made_ready(self) -> tuple[int, int]:
        """All good rows typed, one of a key; answers how many they are, and how many were set aside for their key.

        That a key repeats is only looked for where the index refuses it.
        """
        rows, columns = self.staging.rows, self.staging.columns
        cells = [field.typed() for field in self.staging.fields]
        texts = _run(
            f"INSERT INTO {rows} ({', '.join(columns)})"
            f" SELECT {', '.join([LINE] * self.staging.is_positioned + cells)} FROM {self.staging.table}"
        )
        doubles = 0
        try:
            with transaction.atomic():
                self._index(rows)
        except IntegrityError:
            if texts and self.staging.is_direct:
                raise NotDirect from None
            doubles = self._set_doubles_aside()
            self._index(rows)
        _run(f"ANALYZE {rows}")
        return _count(rows), doubles

    def _index(self, rows: str) -> None:
        if self.staging.is_first:
            index_key(rows, self.dataset, self.fields)
        elif self.key:
            _run(f"CREATE UNIQUE INDEX ON {rows} ({', '.join(self.key)})")

    def _insert(self, table: str) -> str:
        names = ", ".join(self.columns)
        return f"INSERT INTO {table} ({names}, {VERSION}) SELECT {names}, {self.version} FROM {self.staging.rows} r"

    def _set_doubles_aside(self) -> int:
        """Of rows with one key the first stays; in a merge the last one, which supersedes the others."""
        rows, order = self.staging.rows, "ctid DESC" if self.mode == "merge" else "ctid"
        places = (
            f"SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY {', '.join(self.key)} ORDER BY {order})"
            f" AS nth FROM {rows}) n WHERE nth > 1"
        )
        if self.mode == "merge":
            _run(f"DELETE FROM {rows} r USING ({places}) p WHERE r.ctid = p.ctid")
            return 0
        return self._set_aside(places, "duplicate-key", "Another row of this load has the same key; the first counts.")

    def _set_clashes_aside(self) -> int:
        """Rows to append whose key is there with other values: what was appended is never changed."""
        places = (
            f"SELECT f.ctid FROM {self.staging.rows} f JOIN {self.relation.table} t ON {self._same_key('f')}"
            f" WHERE {self._differs('f')}"
        )
        return self._set_aside(places, "key-exists", "There is already a row with this key and other values.")

    def _set_aside(self, places: str, rule: str, message: str) -> int:
        key = ", ".join(self.dataset.primary_key)
        return set_aside(self.staging, self.dataset, self.run, places, rule, message, key)

    def _delete_gone(self) -> int:
        return _run(
            f"WITH gone AS (DELETE FROM {self.relation.table} t WHERE NOT EXISTS"
            f" (SELECT FROM {self.staging.rows} f WHERE {self._same_key('f')}) RETURNING to_jsonb(t) AS before)"
            f" INSERT INTO {self.relation.change_log} SELECT {self.version}, 'delete', before FROM gone"
        )

    def _update_changed(self) -> int:
        """The rows before go to the change log by themselves: ``RETURNING old`` reads them in the same pass."""
        table, log = self.relation.table, self.relation.change_log
        changes = ", ".join(f"{column} = f.{column}" for column in self.columns)
        return _run(
            f"WITH changed AS (UPDATE {table} t SET {changes}, {VERSION} = {self.version}"
            f" FROM {self.staging.rows} f WHERE {self._same_key('f')} AND {self._differs('f')}"
            f" RETURNING to_jsonb(old) AS before)"
            f" INSERT INTO {log} SELECT {self.version}, 'update', before FROM changed"
        )

    def _there(self, fresh: str) -> str:
        return f"SELECT FROM {self.relation.table} t WHERE {self._same_key(fresh)}"

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


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])
