"""What a load does for a dataset's indexes: a new table has them before readers know it; no row stays out for one."""

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, connections
from django.db.models import F
from django.utils.timezone import now

from hub.catalog.models import Dataset
from hub.store.indexing.physical import NoSuchField, TooLong, columns_for, drop_beside, has_long, name_of
from hub.store.models import Index, Relation
from hub.store.tables import execute, put_out_builders


def index_apart(dataset: Dataset, relation: Relation) -> list[Index]:
    """Build every index that is wanted or stands on a new generation that nobody reads yet; answers them."""
    built = []
    for index in Index.objects.filter(dataset=dataset, status__in=Index.STANDING).order_by("created_at"):
        try:
            columns = columns_for(index, dataset, relation.table)
        except (NoSuchField, TooLong):
            continue  # the next builder says so
        execute(f"CREATE INDEX {name_of(index, relation.table)} ON {relation.table} ({columns})")
        built.append(index)
    return built


def note_ready(indexes: Sequence[Index], generation: int) -> None:
    """They stand on ``generation``; who builds one of them elsewhere has lost it."""
    Index.objects.filter(pk__in=[index.pk for index in indexes]).update(
        status=Index.Status.READY,
        generation=generation,
        built_at=now(),
        fence=F("fence") + 1,
        lease_until=None,
        attempts=0,
        error="",
    )


def make_way(dataset: Dataset, relation: Relation, *, rows: str) -> bool:
    """Drop the indexes whose entries would be too long for the rows of the table ``rows``, which are about to come in.

    Whether there was one. On a connection of its own, so that readers do not wait until the load is over.
    """
    has_gone = False
    for index in Index.objects.filter(dataset=dataset, status__in=Index.STANDING):
        if has_long(index, dataset, rows):
            Index.objects.filter(pk=index.pk).update(
                status=Index.Status.FAILED, error="A value is too long for an index.", fence=F("fence") + 1
            )
            put_out_builders(relation.table)
            _drop(name_of(index, relation.table))
            has_gone = True
    return has_gone


def _drop(name: str) -> None:
    own: Any = connections["default"].copy()
    try:
        drop_beside(name, own)
    except DatabaseError:  # a reader has held it for too long, or this very transaction has the table
        execute(f"DROP INDEX IF EXISTS data.{name}")
    finally:
        own.close()
