"""What every read carries in its own statement: token, epoch and pointer still hold, and the event is written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from hub.store.select.relation import Selection, count_sql, rows_sql
from hub.store.sql import Sql

MAX_PAGE = 64 << 20
"""Bytes of a page's rows; PostgreSQL makes no text of more than 1 GB."""

PASSED: Final = Sql("SELECT true FROM gate")
"""The condition on every row: the pass of the statement holds."""
NOT_COUNTED: Final = Sql("NULL::bigint")


@dataclass(frozen=True, slots=True)
class Pass:
    """Under which state of the world a decision was made; a read under any other gives no row and no event."""

    relation: int
    generation: int
    epoch: int
    token: UUID | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The audit event of a read; ``id`` is its receipt."""

    id: UUID
    kind: str
    agency: str
    actor: str
    dataset: str
    details: Mapping[str, Any]


def audited(held: Pass, reading: Reading, selection: Selection, row: str, count_to: int | None) -> Sql:
    """One page and its event.

    Answers ``version, whether the page fits, rows joined by commas, rows found (one over the limit when there are
    more), position of the last row shown, count``, where ``count`` is None unless asked for; no row at all when the
    pass is void. A page of more than ``MAX_PAGE`` bytes does not fit, and gives no rows.
    ``count_to`` is None for no count, 0 for an exact one, else how far to count.
    """
    limit = selection.limit or 0
    looked_further = replace(selection, limit=limit + 1)
    counted = NOT_COUNTED if count_to is None else "(" + count_sql(selection, count_to or None) + ")"
    return audited_page(held, reading, rows_sql(looked_further, row, PASSED), limit, counted)


def audited_page(held: Pass, reading: Reading, page: Sql, limit: int, counted: Sql = NOT_COUNTED) -> Sql:
    """The same for any ``page`` of texts and positions that holds ``PASSED`` and looks one further than ``limit``."""
    return (
        "WITH gate AS MATERIALIZED ("
        + gate_sql(held)
        + "), page AS MATERIALIZED ("
        + page
        + Sql("), shown AS (SELECT row FROM page LIMIT %s), size AS MATERIALIZED (", (limit,))
        + Sql("SELECT count(*) AS rows, coalesce(sum(octet_length(row)), 0) <= %s AS fits FROM shown", (MAX_PAGE,))
        + "), event AS ("
        + _event(reading, Sql("jsonb_build_object('rows', (SELECT CASE WHEN fits THEN rows ELSE 0 END FROM size))"))
        + ") SELECT version, (SELECT fits FROM size), "
        + "CASE WHEN (SELECT fits FROM size) THEN (SELECT string_agg(row, ',') FROM shown) END, "
        + "(SELECT count(*) FROM page), "
        + Sql(
            "(SELECT position FROM page OFFSET greatest(0, least((SELECT count(*) FROM page), %s) - 1) LIMIT 1), ",
            (limit,),
        )
        + counted
        + " FROM gate"
    )


def opening(held: Pass, reading: Reading) -> Sql:
    """The event that opens a stream; answers ``version``, or no row when the pass is void."""
    return (
        "WITH gate AS MATERIALIZED ("
        + gate_sql(held)
        + "), event AS ("
        + _event(reading, Sql("'{}'::jsonb"))
        + ") SELECT version FROM gate"
    )


def streamed(held: Pass, selection: Selection, row: str) -> Sql:
    """The rows of a stream; none when the pass is void at this statement, which ``still_open`` then tells."""
    return "WITH gate AS MATERIALIZED (" + gate_sql(held) + ") " + rows_sql(selection, row, PASSED)


def still_open(held: Pass, *, pointer: bool = False) -> Sql:
    """Answers one row while the pass holds; whatever the ``pointer``: a stream goes on over the rows it began with."""
    return "SELECT true FROM (" + gate_sql(held, pointer=pointer) + ") gate"


def closing(reading: Reading) -> Sql:
    """The event that closes a stream."""
    return _event(reading, Sql("'{}'::jsonb"), source="") + " RETURNING true"


def gate_sql(held: Pass, *, pointer: bool = True) -> Sql:
    """Answers the dataset's version and the moment it came while the pass holds."""
    gate = Sql(
        "SELECT r.version, r.synced_at FROM store_relation r, accounts_epoch e WHERE r.id = %s AND e.value = %s",
        (held.relation, held.epoch),
    )
    if pointer:
        gate += Sql(" AND r.generation = %s", (held.generation,))
    if held.token is not None:
        gate += Sql(
            " AND EXISTS (SELECT FROM accounts_token"
            " WHERE id = %s AND revoked_at IS NULL AND expires_at > statement_timestamp())",
            (str(held.token),),
        )
    return gate


def _event(reading: Reading, extra: Sql, source: str = " FROM gate") -> Sql:
    return (
        Sql(
            "INSERT INTO audit_event (id, kind, agency, actor, dataset, details)"
            " SELECT %s, %s, %s, %s, %s, %s::jsonb || ",
            (
                str(reading.id),
                reading.kind,
                reading.agency,
                reading.actor,
                reading.dataset,
                json.dumps(dict(reading.details)),
            ),
        )
        + extra
        + source
    )
