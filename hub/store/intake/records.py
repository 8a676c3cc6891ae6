"""Records that stayed out, whole: kept for the dataset's owner, to be corrected and tried again."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.timezone import now

from hub.catalog.models import Dataset
from hub.store.intake.staging import Staging
from hub.store.models import Quarantined
from hub.store.sql import Sql
from hub.store.tables import LINE

MAX_RECORD: Final = 64 << 10
"""Bytes of a record's texts; a larger one is told of, but not kept whole."""
MAX_OF_RUN: Final = 64 << 20
"""Bytes of all records of a run; what comes after is told of alone."""
KEPT_FOR: Final = timedelta(days=90)


def keep_whole(staging: Staging, dataset: Dataset, run: UUID) -> Sql:
    """The statement that keeps the bad records with all their texts, as far as they were told of."""
    size = " + ".join(f"coalesce(octet_length(s.{field.column}), 0)::bigint" for field in staging.fields)
    pairs = ", ".join(f"(%s, s.{field.column})" for field in staging.fields)
    cells = f"(SELECT jsonb_object_agg(c.name, c.value) FROM (VALUES {pairs}) c(name, value))"
    return Sql(
        "INSERT INTO store_quarantined (dataset_id, run, number, position, cells, kept_at)"
        f" SELECT %s, %s, b.number, s.{LINE}, CASE WHEN b.size <= %s AND b.total <= %s THEN {cells} END, now()"
        f" FROM (SELECT b.*, {size} AS size, sum({size}) OVER (ORDER BY b.number) AS total FROM {staging.bad} b"
        f" JOIN {staging.table} s ON s.ctid = b.place"
        f" WHERE b.number IN (SELECT number FROM store_rejected WHERE run = %s)) b"
        f" JOIN {staging.table} s ON s.ctid = b.place ORDER BY b.number",
        (dataset.pk, str(run), MAX_RECORD, MAX_OF_RUN, *(field.name for field in staging.fields), str(run)),
    )


def keep_typed(staging: Staging, dataset: Dataset, run: UUID) -> Sql:
    """The same for typed rows at the places ``told``, each with its number and line; a time is told with its zone."""
    zones = {field.column: " || 'Z'" for field in staging.fields if field.type == "datetime"}
    pairs = ", ".join(f"(%s, r.{field.column}::text{zones.get(field.column, '')})" for field in staging.fields)
    cells = f"(SELECT jsonb_object_agg(c.name, c.value) FROM (VALUES {pairs}) c(name, value))"
    found = f"SELECT told.number, told.line, {cells} AS cells FROM told JOIN {staging.rows} r ON r.ctid = told.place"
    return Sql(
        "INSERT INTO store_quarantined (dataset_id, run, number, position, cells, kept_at)"
        " SELECT %s, %s, number, line, CASE WHEN size <= %s AND sum(size) OVER (ORDER BY number) <= %s THEN cells END,"
        f" now() FROM (SELECT number, line, cells, octet_length(cells::text) AS size FROM ({found}) c) s",
        (dataset.pk, str(run), MAX_RECORD, MAX_OF_RUN, *(field.name for field in staging.fields)),
    )


def lines_of(dataset: Dataset, run: UUID) -> Iterator[bytes]:
    """The records kept of a run as NDJSON of texts: each field that the dataset has by now, null where none came."""
    names = list(dataset.fields.values_list("name", flat=True))
    kept = Quarantined.objects.filter(dataset=dataset, run=run, cells__isnull=False).order_by("number")
    each: Iterator[Any] = kept.values_list("cells", flat=True).iterator(chunk_size=1000)
    for cells in each:
        yield json.dumps({name: cells.get(name) for name in names}, ensure_ascii=False).encode() + b"\n"


def let_go(dataset: Dataset, run: UUID) -> None:
    """What was kept of ``run`` has been tried again: what passed is in, what did not is kept anew."""
    Quarantined.objects.filter(dataset=dataset, run=run, cells__isnull=False).delete()


def let_go_of_old(dataset: Dataset, run: UUID, *, is_replaced: bool) -> None:
    """Records of earlier runs: of all, where ``run`` has brought all that there is, else those kept for long."""
    earlier = Quarantined.objects.filter(dataset=dataset).exclude(run=run)
    (earlier if is_replaced else earlier.filter(kept_at__lt=now() - KEPT_FOR)).delete()
