"""Publishes what stands in staging: data, version and change log move in the caller's one transaction."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from hub.accounts.commands import bump_epoch
from hub.catalog.models import Dataset
from hub.store.indexing.following import index_apart, make_way, note_ready
from hub.store.intake.keys import KeyPart, parts_of
from hub.store.intake.quarantine import set_aside
from hub.store.intake.staging import NotDirect, Staging, set_gone_apart
from hub.store.models import Index, Relation
from hub.store.queries import is_of_other_size
from hub.store.tables import FLAG, LINE, VERSION, create_table, ensure_relation, index_key, key_columns, publish_table

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
    relation.save(update_fields=["version", "rows", "generation", "synced_at", "null_columns"])
    if load.has_dropped or is_of_other_size(outcome.before, outcome.rows):
        bump_epoch()  # what may be asked of the dataset depends on it
    load.note_indexes()
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
        required = {field.column for field in self.staging.fields if field.is_required}
        self.nullable = [column for column in self.key if column not in required]
        self.columns = [field.column for field in self.staging.fields]
        self.version = self.relation.version + 1
        self.parts: dict[KeyPart, int] = {}
        self.indexes: list[Index] = []
        self.has_dropped = False

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
        self.indexes = index_apart(self.dataset, self.relation)
        self.relation.null_columns = self._lacking()
        gone = before if self.mode == "replace" else 0
        return Outcome(self.version, before, inserted=inserted, deleted=gone, rejected=rejected)

    def note_indexes(self) -> None:
        """Last, as whoever builds on the table before waits from here on to hear that its work is done."""
        if self.indexes:
            note_ready(self.indexes, self.relation.generation)

    def into_present_table(self) -> Outcome:
        fresh, rejected = self._made_ready()
        self.has_dropped = make_way(self.dataset, self.relation, rows=self.staging.rows)
        if not self.key:
            return Outcome(self.version, self.relation.rows, inserted=_run(self._insert(self.relation.table)))
        deleted = self._delete_absent() if self.mode == "replace" else self._delete_gone()
        if self.mode == "append":
            clashes = self._set_clashes_aside()
            fresh, rejected, updated = fresh - clashes, rejected + clashes, 0
        else:
            updated = self._update_changed()
        inserted = self._insert_new()
        self._note_nulls()
        outcome = Outcome(self.version, self.relation.rows, inserted, updated, deleted, 0, rejected)
        return replace(outcome, unchanged=fresh - inserted - updated)

    def _made_ready(self) -> tuple[int, int]:
        """All good rows typed, one of a key; answers how many they are, and how many were set aside for their key.

        That a key repeats is only looked for where the index refuses it. A row that is gone counts among those of its
        key in a merge, which goes by the last; what replaces all others is made of the rows that are not gone.
        """
        rows, columns = self.staging.rows, self.staging.columns
        cells = [self.staging.typed(field) for field in self.staging.fields]
        cells += [] if self.staging.mark is None else [FLAG]
        texts = _run(
            f"INSERT INTO {rows} ({', '.join(columns)})"
            f" SELECT {', '.join([LINE] * self.staging.is_positioned + cells)} FROM {self.staging.table}"
        )
        doubles = 0
        if self.mode == "replace":
            self._set_gone_apart()
        try:
            with transaction.atomic():
                self._index(rows)
        except IntegrityError:
            if texts and self.staging.is_direct:
                raise NotDirect from None
            doubles = self._set_doubles_aside()
            self._index(rows)
        if self.mode != "replace":
            self._set_gone_apart()
        _run(f"ANALYZE {rows}")
        self.parts = parts_of(rows, self.key, self.nullable)
        return sum(self.parts.values()), doubles

    def _set_gone_apart(self) -> None:
        if self.staging.mark is not None:
            set_gone_apart(self.staging)

    def _index(self, rows: str) -> None:
        if self.staging.is_first:
            index_key(rows, self.dataset, self.fields)
        elif self.key:
            _run(f"CREATE UNIQUE INDEX ON {rows} ({', '.join(self.key)}) NULLS NOT DISTINCT")

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
        places = " UNION ALL ".join(
            f"SELECT f.ctid FROM {self.staging.rows} f JOIN {self.relation.table} t ON {part.same('t', 'f')}"
            f" WHERE {self._differs('f')}"
            for part in self.parts
        )
        if not places:
            return 0
        return self._set_aside(places, "key-exists", "There is already a row with this key and other values.")

    def _set_aside(self, places: str, rule: str, message: str) -> int:
        key = ", ".join(self.dataset.primary_key)
        return set_aside(self.staging, self.dataset, self.run, places, rule, message, key)

    def _delete_absent(self) -> int:
        rows = self.staging.rows
        parts = parts_of(self.relation.table, self.key, self.nullable)
        return sum(
            self._delete(f"{part.has('t')} AND NOT EXISTS (SELECT FROM {rows} f WHERE {part.same('t', 'f')})")
            for part in parts
        )

    def _delete_gone(self) -> int:
        if self.staging.mark is None:
            return 0
        gone = self.staging.gone
        parts = parts_of(gone, self.key, self.nullable)
        return sum(self._delete(f"EXISTS (SELECT FROM {gone} f WHERE {part.same('t', 'f')})") for part in parts)

    def _delete(self, which: str) -> int:
        return _run(
            f"WITH gone AS (DELETE FROM {self.relation.table} t WHERE {which} RETURNING to_jsonb(t) AS before)"
            f" INSERT INTO {self.relation.change_log} SELECT {self.version}, 'delete', before FROM gone"
        )

    def _update_changed(self) -> int:
        """The rows before go to the change log by themselves: ``RETURNING old`` reads them in the same pass."""
        table, log = self.relation.table, self.relation.change_log
        changes = ", ".join(f"{column} = f.{column}" for column in self.columns)
        return sum(
            _run(
                f"WITH changed AS (UPDATE {table} t SET {changes}, {VERSION} = {self.version}"
                f" FROM {self.staging.rows} f WHERE {part.same('t', 'f')} AND {self._differs('f')}"
                f" RETURNING to_jsonb(old) AS before)"
                f" INSERT INTO {log} SELECT {self.version}, 'update', before FROM changed"
            )
            for part in self.parts
        )

    def _insert_new(self) -> int:
        table = self.relation.table
        return sum(
            _run(
                f"{self._insert(table)} WHERE {part.has('r')}"
                f" AND NOT EXISTS (SELECT FROM {table} t WHERE {part.same('t', 'r')})"
            )
            for part in self.parts
        )

    def _lacking(self) -> list[str]:
        """The columns of the key in which some incoming row has no value."""
        return sorted({column for part in self.parts for column in part.empty})

    def _note_nulls(self) -> None:
        """Pages are cut by what the key's columns may hold: whoever has the table in mind looks at it again."""
        before, lacking = set(self.relation.null_columns), set(self._lacking())
        if lacking - before:
            bump_epoch()
        self.relation.null_columns = sorted(lacking if self.mode == "replace" else lacking | before)

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
