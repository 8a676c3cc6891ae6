"""The physical tables of datasets: synthetic names, so that no name from outside reaches DDL."""

from collections.abc import Iterable
from contextlib import suppress

from django.db import OperationalError, connection, transaction

from hub.catalog.models import Dataset, Field
from hub.predicates import FieldType
from hub.store.models import Relation

PHYSICAL_TYPES: dict[FieldType, str] = {
    "string": 'text COLLATE "C"',
    "integer": "bigint",
    "number": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "time": "time",
    "json": "jsonb",
    "geometry": "jsonb",
}
"""A datetime is stored without a zone and is always UTC, so that no operator on it depends on a session."""

TIE_BREAKER = "_r"
"""A random number drawn at load: orders rows whose key the caller does not see in clear."""

VERSION = "_v"
"""The dataset's version at which the row came or last changed."""

LINE = "_line"
"""The record's place in the source, while the row is on its way in."""

FLAG, GONE = "_flag", "_gone"
"""The source's cell that tells whether the row is gone, as text, and whether it is: while it is on its way in."""


@transaction.atomic
def ensure_relation(dataset: Dataset) -> Relation:
    """The dataset's table with a column for every field; made or widened where needed, rows untouched."""
    relation, is_new = Relation.objects.get_or_create(dataset=dataset)
    fields = list(dataset.fields.all())
    if is_new:
        create_table(relation.table, fields)
        index_key(relation.table, dataset, fields)
        execute(f"CREATE TABLE {relation.change_log} ({VERSION} integer NOT NULL, op text NOT NULL, before jsonb)")
        _index_versions(relation)
        return relation
    present = columns_of(relation.table)
    added = [f"ADD COLUMN {_column(field)}" for field in fields if field.column not in present]
    if added:
        put_out_builders(relation.table)
        execute(f"ALTER TABLE {relation.table} {', '.join(added)}")
    index_key(relation.table, dataset, fields)
    _index_versions(relation)
    return relation


def _index_versions(relation: Relation) -> None:
    """What finds the rows and log entries of the last versions; a few pages, and next to nothing to keep."""
    for table in (relation.table, relation.change_log):
        name = table.removeprefix("data.")
        _ensure_index(
            name + "_v",
            f"CREATE INDEX IF NOT EXISTS {name}_v ON {table} USING brin ({VERSION})"
            " WITH (pages_per_range = 16, autosummarize = on)",
        )


_RANDOM = f"random({-(2**63)}, {2**63 - 1})"


def create_table(table: str, fields: Iterable[Field]) -> None:
    """An empty table for ``fields``, without indexes: a first load is faster without."""
    columns = [
        *map(_column, fields),
        f"{TIE_BREAKER} bigint NOT NULL DEFAULT {_RANDOM}",
        f"{VERSION} integer NOT NULL DEFAULT 0",
    ]
    execute(f"CREATE TABLE {table} ({', '.join(columns)})")


def index_key(table: str, dataset: Dataset, fields: Iterable[Field]) -> None:
    """The unique index of the primary key, and the one that orders pages for those who do not see the key."""
    name = table.removeprefix("data.")
    _ensure_index(name + "_r", f"CREATE INDEX IF NOT EXISTS {name}_r ON {table} ({TIE_BREAKER})")
    columns = key_columns(dataset, fields)
    if columns:
        unique = f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_key ON {table} ({', '.join(columns)}) NULLS NOT DISTINCT"
        _ensure_index(name + "_key", unique)


def _ensure_index(name: str, statement: str) -> None:
    """Make an index that is not there; ``IF NOT EXISTS`` alone locks the table, and waits for who builds on it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_class WHERE relname = %s AND relnamespace = 'data'::regnamespace)", [name]
        )
        is_there = bool(cursor.fetchone()[0])
    if not is_there:
        execute(statement)


def put_out_builders(table: str) -> None:
    """End what builds an index on the table: whoever has to change the table would wait, and all readers behind it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index"
            " WHERE relid = to_regclass(%s) AND command = 'CREATE INDEX CONCURRENTLY'",
            [table],
        )


def publish_table(table: str, relation: Relation) -> None:
    """Let a table that was filled and indexed apart, and that nobody else knows, be the relation's new generation.

    All its rows come with the relation's next version, which stands once beside them instead of in each.
    """
    version = relation.version + 1
    execute(
        f"ALTER TABLE {table} DROP COLUMN IF EXISTS {LINE}, DROP COLUMN IF EXISTS {GONE},"
        f" DROP COLUMN IF EXISTS {FLAG}, ALTER {TIE_BREAKER} SET DEFAULT {_RANDOM},"
        f" ADD COLUMN {VERSION} integer NOT NULL DEFAULT {version}, RESET (autovacuum_enabled)"
    )
    execute(f"ALTER TABLE {table} ALTER {VERSION} SET DEFAULT 0")
    execute(f"DROP SEQUENCE {table}_seq")
    name = relation.table.removeprefix("data.")
    for index in ("r", "key"):
        execute(f"ALTER INDEX IF EXISTS {table}_{index} RENAME TO {name}_{index}")
    execute(f"ALTER TABLE {table} RENAME TO {name}")


def drop_generations(dataset: Dataset) -> None:
    """Drop the tables that the pointer has left, but for the last one: readers may be on their way to it.

    One that a reader still holds is left for the next time.
    """
    relation = Relation.objects.get(dataset=dataset)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'data' AND tablename ~ %s",
            [f"^d{relation.pk}_g[0-9]+$"],
        )
        tables = [f"data.{name}" for (name,) in cursor.fetchall()]
    kept = {relation.table, f"data.d{relation.pk}_g{relation.generation - 1}"}
    for table in tables:
        if table not in kept:
            with suppress(OperationalError), transaction.atomic():
                execute("SET LOCAL lock_timeout = '500ms'")
                execute(f"DROP TABLE IF EXISTS {table}")


def key_columns(dataset: Dataset, fields: Iterable[Field]) -> list[str]:
    """The physical columns of the primary key, in its order; empty without a key or while a field of it is missing."""
    columns = {field.name: field.column for field in fields}
    if not all(name in columns for name in dataset.primary_key):
        return []
    return [columns[name] for name in dataset.primary_key]


def _column(field: Field) -> str:
    return f"{field.column} {PHYSICAL_TYPES[field.type]}"  # type: ignore[index]


def columns_of(table: str) -> set[str]:
    """The names of the columns that a table has now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        return {name for (name,) in cursor.fetchall()}


def execute(statement: str) -> None:
    """One statement of DDL by the owner; its names are synthetic."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
