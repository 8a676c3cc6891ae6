"""An index as it stands in PostgreSQL: its name, its columns, what it has been used for."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from hub.catalog.models import Dataset, Field
from hub.store.models import Index
from hub.store.tables import TIE_BREAKER, columns_of, key_columns

LONGEST: Final = 2_000
"""Bytes of an entry's texts; a B-tree takes entries of 2,704, and refuses the row where one is longer."""
_NAME: Final = re.compile(r"d[0-9]+_g[0-9]+_i([0-9a-f]{32})")


class TooLong(Exception):
    """Some row's values are longer than an entry of an index may be."""


class NoSuchField(Exception):
    """The table has no column for a field of the index."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One index that is there: its size in bytes, how often it was read, and when last."""

    name: str
    id: UUID
    is_valid: bool
    size: int
    uses: int
    used_at: datetime | None


def terms_of(fields: Sequence[str]) -> list[tuple[str, bool]]:
    """Names of fields, and whether each descends."""
    return [(term.removeprefix("-"), term.startswith("-")) for term in fields]


def name_of(index: Index, table: str) -> str:
    """The index's name on one generation's table."""
    return f"{table.removeprefix('data.')}_i{index.pk.hex}"


def columns_for(index: Index, dataset: Dataset, table: str) -> str:
    """Its columns as the pages' order has them, and behind them the key's, by which every page goes on.

    Raises ``NoSuchField``, and ``TooLong`` where a row would not fit.
    """
    fields = {field.name: field for field in dataset.fields.all()}
    terms = terms_of(index.fields)
    if not {fields[name].column for name, _ in terms if name in fields} <= columns_of(table) or any(
        name not in fields for name, _ in terms
    ):
        raise NoSuchField
    columns = {fields[name].column: " DESC NULLS LAST" if descends else "" for name, descends in terms}
    last = key_columns(dataset, fields.values()) or [TIE_BREAKER]
    columns |= {column: "" for column in last if column not in columns}
    if has_long(index, dataset, table):
        raise TooLong
    return ", ".join(column + direction for column, direction in columns.items())


def has_long(index: Index, dataset: Dataset, table: str) -> bool:
    """Whether some row of ``table`` has values that make an entry too long; fixed types never do."""
    names = {name for name, _ in terms_of(index.fields)} | set(dataset.primary_key)
    texts = [field.column for field in dataset.fields.all() if field.name in names and _is_long(field)]
    texts = [column for column in texts if column in columns_of(table)]
    if not texts:
        return False
    length = " + ".join(f"coalesce(octet_length({column}::text), 0)" for column in texts)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE {length} > {LONGEST})")
        return bool(cursor.fetchone()[0])


def _is_long(field: Field) -> bool:
    return field.type in ("string", "decimal")


def standing() -> Iterator[Standing]:
    """Every index there is of this kind, on whatever table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, i.indisvalid, pg_relation_size(c.oid), coalesce(s.idx_scan, 0), s.last_idx_scan"
            " FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid"
            " LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = c.oid"
            " WHERE c.relnamespace = 'data'::regnamespace AND c.relkind = 'i' AND c.relname ~ %s",
            ["^d[0-9]+_g[0-9]+_i[0-9a-f]{32}$"],
        )
        rows = cursor.fetchall()
    for name, is_valid, size, uses, used_at in rows:
        found = _NAME.fullmatch(name)
        assert found is not None
        yield Standing(name, UUID(found[1]), is_valid, size or 0, uses, used_at)


def is_valid(name: str) -> bool | None:
    """Whether the index serves; None where there is none."""
    return next((index.is_valid for index in standing() if index.name == name), None)


def drop_beside(name: str, on: Any = connection) -> None:
    """Drop an index while readers go on; outside transactions. Raises where a reader holds it for a minute.

    A drop that was broken off leaves an index that serves nobody, which is dropped as any other.
    """
    with on.cursor() as cursor:
        cursor.execute("SET lock_timeout = '60s'")
        try:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS data.{name}")
        finally:
            cursor.execute("RESET lock_timeout")
