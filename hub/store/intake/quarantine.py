"""Rows that break a contract: found in SQL, kept with place, value and rule, and left out of the load."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from hub.catalog.models import Dataset
from hub.store.intake import direct
from hub.store.intake.records import keep_typed, keep_whole
from hub.store.intake.staging import Staging
from hub.store.models import Rejected
from hub.store.sql import Sql, join
from hub.store.tables import FLAG, LINE

MAX_KEPT = 10_000
"""So many rejects of a run are kept; all are counted."""
_MAX_VALUE = 1000


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that was no row at all: its place in the source, why, and its text where it is known."""

    position: int
    rule: str
    message: str
    text: str | None


@transaction.atomic
def check(staging: Staging, dataset: Dataset, run: UUID) -> int:
    """Take out the rows that break a contract and write down why; answers how many rows that are.

    Typed rows that break it are moved among those that came as text, which are told what is wrong in one way only.
    What an earlier attempt of the run wrote of cells is replaced.
    """
    _take_out_suspects(staging)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM store_rejected WHERE run = %s AND field <> ''", [str(run)])
        cursor.execute("DELETE FROM store_quarantined WHERE run = %s", [str(run)])
        faulty = join(" OR ", [staging.fault(field) + " IS NOT NULL" for field in staging.fields])
        found = Sql(f"INSERT INTO {staging.bad} SELECT ctid, row_number() OVER () FROM {staging.table} WHERE ") + faulty
        cursor.execute(found.text, found.params)
        count = int(cursor.rowcount)
        if count:
            kept = _kept(staging, dataset, run)
            cursor.execute(kept.text, kept.params)
            whole = keep_whole(staging, dataset, run)
            cursor.execute(whole.text, whole.params)
            cursor.execute(f"DELETE FROM {staging.table} s USING {staging.bad} b WHERE s.ctid = b.place")
    return count


def set_aside(staging: Staging, dataset: Dataset, run: UUID, places: str, rule: str, message: str, field: str) -> int:
    """Take out typed rows at ``places``, a query of ``ctid``, for a reason that is about whole rows; answers how many.

    Part of the caller's transaction: where that is rolled back, so is what was written here.
    """
    line = f"r.{LINE}" if staging.is_positioned else "NULL::bigint"
    taken = (
        Sql(f"WITH p AS MATERIALIZED ({places}), told AS (SELECT r.ctid AS place, {line} AS line,")
        + Sql(" row_number() OVER (ORDER BY ")
        + line
        + Sql(") + (SELECT coalesce(max(number), 0) FROM store_quarantined WHERE run = %s) AS number", (str(run),))
        + Sql(f" FROM {staging.rows} r JOIN p ON r.ctid = p.ctid ORDER BY {line} LIMIT %s), ", (MAX_KEPT,))
        + Sql(
            "kept AS (INSERT INTO store_rejected (dataset_id, run, number, position, field, rule, message)"
            " SELECT %s, %s, number, line, %s, %s, %s FROM told), whole AS (",
            (dataset.pk, str(run), field[:60], rule, message),
        )
        + keep_typed(staging, dataset, run)
        + f"), gone AS (DELETE FROM {staging.rows} r USING p WHERE r.ctid = p.ctid RETURNING 1)"
        + " SELECT count(*) FROM gone"
    )
    with connection.cursor() as cursor:
        cursor.execute(taken.text, taken.params)
        (count,) = cursor.fetchone()
        return int(count)


def keep_broken(dataset: Dataset, run: UUID, broken: Iterable[Broken]) -> None:
    """Write down records that were no rows."""
    Rejected.objects.bulk_create(
        Rejected(dataset=dataset, run=run, position=b.position, rule=b.rule, message=b.message[:300], value=b.text)
        for b in broken
    )


def count_kept(run: UUID, rule: str) -> int:
    """How many of the values written down for the run broke this rule."""
    return Rejected.objects.filter(run=run, rule=rule).count()


def forget_broken(run: UUID) -> None:
    """What an earlier attempt of the run wrote of broken records."""
    Rejected.objects.filter(run=run, field="").delete()


def _take_out_suspects(staging: Staging) -> None:
    """Mostly there are none, which two processors find out in half the time; only a statement that reads takes two."""
    suspicions = [suspicion for field in staging.fields for suspicion in staging.suspicion(field)]
    if not (staging.is_direct and suspicions):
        return
    suspect = join(" OR ", suspicions)
    with connection.cursor() as cursor:
        found = f"SELECT count(*) FROM {staging.rows} WHERE " + suspect
        cursor.execute(found.text, found.params or None)
        if cursor.fetchone() == (0,):
            return
    types = dict(zip((field.name for field in staging.given), staging.types))
    cells = [direct.as_text(field, types.get(field.name, "")) for field in staging.fields]
    flag = [] if staging.mark is None else [FLAG]
    texts = ", ".join([LINE] * staging.is_positioned + cells + flag)
    columns = ", ".join(staging.columns)
    taken = (
        Sql(f"WITH taken AS (DELETE FROM {staging.rows} WHERE ")
        + suspect
        + f" RETURNING {texts}) INSERT INTO {staging.table} ({columns}) SELECT * FROM taken"
    )
    with connection.cursor() as cursor:
        cursor.execute(taken.text, taken.params or None)


def _kept(staging: Staging, dataset: Dataset, run: UUID) -> Sql:
    cells = [
        Sql(f"(%s, s.{field.column}, %s::jsonb, ", (field.name, field.messages())) + staging.fault(field) + f", {nth})"
        for nth, field in enumerate(staging.fields)
    ]
    return (
        Sql(
            "INSERT INTO store_rejected (dataset_id, run, number, position, field, rule, message, value)"
            f" SELECT %s, %s, b.number, s.{LINE}, f.name, f.rule, f.messages ->> f.rule, left(f.value, %s)"
            f" FROM {staging.table} s JOIN {staging.bad} b ON s.ctid = b.place CROSS JOIN LATERAL (VALUES ",
            (dataset.pk, str(run), _MAX_VALUE),
        )
        + join(", ", cells)
        + Sql(
            ") f(name, value, messages, rule, nth) WHERE f.rule IS NOT NULL ORDER BY b.number, f.nth LIMIT %s",
            (MAX_KEPT,),
        )
    )
