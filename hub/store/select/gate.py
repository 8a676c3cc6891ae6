"""What every read carries in its own statement: token, epoch and pointer still hold, and the event is written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from hub.store.select.relation import Selection, count_sql, position, rows_sql
from hub.store.sql import Slot, Sql, bound

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
    return bound(page_read(selection, row, count_to, has_token=held.token is not None), given(held, reading))


def unrecorded(held: Pass, selection: Selection, row: str, count_to: int | None) -> Sql:
    """The same page without its event, which has to follow, by ``opening``, before anything of the page is used.

    PostgreSQL reads with several processes at once only where a statement writes nothing.
    """
    page = page_read(selection, row, count_to, has_token=held.token is not None, is_recorded=False)
    return bound(page, _of_pass(held))


def page_read(
    selection: Selection, row: str, count_to: int | None, *, has_token: bool, is_recorded: bool = True
) -> Sql:
    """The same for any pass and event, whose values come from ``given``; ``selection`` may hold slots of its own."""
    limit = selection.limit or 0
    looked_further = replace(selection, limit=limit + 1)
    counted = NOT_COUNTED if count_to is None else "(" + count_sql(selection, count_to or None) + ")"
    page, terms = rows_sql(looked_further, row, PASSED), len(selection.order)
    return _page(page, terms, limit, counted, has_token, is_recorded=is_recorded)


def given(held: Pass, reading: Reading) -> dict[str, Any]:
    """The values for the slots of gate and event."""
    return {**_of_pass(held), **_of_event(reading)}


def _of_pass(held: Pass) -> dict[str, Any]:
    return {
        "relation": held.relation,
        "generation": held.generation,
        "epoch": held.epoch,
        "token": None if held.token is None else str(held.token),
    }


def _of_event(reading: Reading) -> dict[str, Any]:
    return {
        "receipt": str(reading.id),
        "kind": reading.kind,
        "agency": reading.agency,
        "actor": reading.actor,
        "dataset": reading.dataset,
        "details": json.dumps(dict(reading.details)),
    }


def audited_page(held: Pass, reading: Reading, page: Sql, terms: int, limit: int, counted: Sql = NOT_COUNTED) -> Sql:
    """The same for any ``page`` that holds ``PASSED`` and looks one further than ``limit``.

    Its columns are those of ``rows_sql``, with so many sort ``terms``.
    """
    return bound(_page(page, terms, limit, counted, held.token is not None), given(held, reading))


def _page(page: Sql, terms: int, limit: int, counted: Sql, has_token: bool, *, is_recorded: bool = True) -> Sql:
    shown = Sql("jsonb_build_object('rows', (SELECT CASE WHEN fits THEN rows ELSE 0 END FROM size))")
    event = "), event AS (" + _event(shown) if is_recorded else Sql("")
    return (
        "WITH gate AS MATERIALIZED ("
        + _gate(has_token)
        + "), page AS MATERIALIZED ("
        + page
        + Sql("), shown AS NOT MATERIALIZED (SELECT row FROM page LIMIT %s), size AS MATERIALIZED (", (limit,))
        + Sql("SELECT count(*) AS rows, coalesce(sum(octet_length(row)), 0) <= %s AS fits FROM shown", (MAX_PAGE,))
        + event
        + ") SELECT version, (SELECT fits FROM size), "
        + "CASE WHEN (SELECT fits FROM size) THEN (SELECT string_agg(row, ',') FROM shown) END, "
        + "(SELECT count(*) FROM page), "
        + f"(SELECT {position(terms)} FROM page"
        + Sql(" OFFSET greatest(0, least((SELECT count(*) FROM page), %s) - 1) LIMIT 1), ", (limit,))
        + counted
        + " FROM gate"
    )


def opening(held: Pass, reading: Reading) -> Sql:
    """The event that opens a stream, or that a page waits for; answers ``version``, or no row when the pass is void."""
    event = _event(Sql("'{}'::jsonb"))
    text = "WITH gate AS MATERIALIZED (" + _gate(held.token is not None) + "), event AS (" + event
    return bound(text + ") SELECT version FROM gate", given(held, reading))


def still_open(held: Pass, *, pointer: bool = False) -> Sql:
    """Answers one row while the pass holds; whatever the ``pointer``: a stream goes on over the rows it began with."""
    return "SELECT true FROM (" + gate_sql(held, pointer=pointer) + ") gate"


def closing(reading: Reading) -> Sql:
    """The event that closes a stream."""
    return bound(_event(Sql("'{}'::jsonb"), source="") + " RETURNING true", _of_event(reading))


def gate_sql(held: Pass, *, pointer: bool = True) -> Sql:
    """Answers the dataset's version and the moment it came while the pass holds."""
    return bound(_gate(held.token is not None, pointer=pointer), _of_pass(held))


def _gate(has_token: bool, *, pointer: bool = True) -> Sql:
    gate = Sql(
        "SELECT r.version, r.synced_at FROM store_relation r, accounts_epoch e WHERE r.id = %s AND e.value = %s",
        (Slot("relation"), Slot("epoch")),
    )
    if pointer:
        gate += Sql(" AND r.generation = %s", (Slot("generation"),))
    if has_token:
        gate += Sql(
            " AND EXISTS (SELECT FROM accounts_token"
            " WHERE id = %s AND revoked_at IS NULL AND expires_at > statement_timestamp())",
            (Slot("token"),),
        )
    return gate


def _event(extra: Sql, source: str = " FROM gate") -> Sql:
    slots = tuple(Slot(name) for name in ("receipt", "kind", "agency", "actor", "dataset", "details"))
    columns = "INSERT INTO audit_event (id, kind, agency, actor, dataset, details)"
    return Sql(f"{columns} SELECT %s, %s, %s, %s, %s, %s::jsonb || ", slots) + extra + source
