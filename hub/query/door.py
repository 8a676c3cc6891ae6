"""The only way out for rows: decide, select and record, in one statement."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID, uuid4

from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.queries import refreshed
from hub.audit.commands import record
from hub.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from hub.query import cursor, wishes
from hub.query.callers import renewed
from hub.query.costs import check_cost, note_time
from hub.query.formats.text import csv_head, csv_lines, ndjson_lines
from hub.query.params import AggregateQuery, RowsQuery
from hub.query.statements import ESTIMATED, read_page
from hub.query.views import View, kept_view, open_view, pass_of
from hub.store.connection import serve
from hub.store.copying import TableGone, serve_snapshot
from hub.store.select.copied import csv_copy, json_copy
from hub.store.select.gate import MAX_PAGE, Reading, closing, gate_sql, opening, still_open
from hub.store.select.relation import Selection
from hub.store.sql import Sql
from hub.waiting import aside, leave_loop
from policies.facts import Mode

_ATTEMPTS = 5
_TOO_LARGE = "page-too-large"
_LOOKS_UP_EVERY = 2.0
"""Seconds after which a running stream asks again whether it may go on."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a consumer says of its read: the agreement it is under and what it is for; both are recorded."""

    agreement: str = ""
    text: str = ""


NO_PURPOSE = Purpose()


def _uncounted(rows: int) -> None:
    """Where nobody counts."""


@dataclass(frozen=True, slots=True)
class RowsPage:
    """One page. ``rows`` is ``size`` JSON objects joined by commas; ``etag`` a digest of the answer but for its
    receipt.
    """

    rows: str
    size: int
    next: str | None
    count: int | str | None
    version: int
    receipt: UUID

    @property
    def etag(self) -> str:
        said = f"{self.rows}\0{self.next is None}\0{self.count}\0{self.version}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class RowsStream:
    """A whole view on its way out, in chunks of encoded text."""

    chunks: Iterator[bytes]
    version: int
    receipt: UUID


def read_rows(caller: Caller, key: str, query: RowsQuery | AggregateQuery, purpose: Purpose = NO_PURPOSE) -> RowsPage:
    """A page of what ``caller`` may see of the dataset ``key``: of its rows, or of groups of them.

    Raises ``NotFound``, ``Forbidden``, ``Invalid`` (names are resolved against the caller's own schema; also where
    the page is too large, or too many rows would be looked at), ``Unauthenticated`` when the token has ended,
    ``Unavailable``.
    """
    for view in views_for(caller, key, purpose, query.mode):
        page = _read(view, query, purpose)
        if page is not None:
            return page
    raise unsettled()


def read_row(caller: Caller, key: str, values: tuple[str | None, ...], purpose: Purpose = NO_PURPOSE) -> RowsPage:
    """The one row with this primary key, None for a field of it without a value.

    ``NotFound`` also where a field of the key is not clear to the caller.
    """
    for view in views_for(caller, key, purpose):
        if not view.key_is_clear or len(values) != len(view.primary_key):
            raise _no_such_row(key)
        query = RowsQuery(equals=tuple(zip(view.primary_key, values, strict=True)), limit=1)
        try:
            page = _read(view, query, purpose)
        except Invalid as error:  # a text that is no value of the key's type is the key of no row
            if error.code == _TOO_LARGE:
                raise
            raise _no_such_row(key) from None
        if page is not None and not page.rows:
            raise _no_such_row(key)
        if page is not None:
            return page
    raise unsettled()


def _no_such_row(key: str) -> NotFound:
    return NotFound(f"{key} has no such row.")


def _read(view: View, query: RowsQuery | AggregateQuery, purpose: Purpose) -> RowsPage | None:
    """The page and its event; None, and no event, where the view's pass is void."""
    reading = _reading(view, query.event, query, purpose)
    check_cost(view, query)
    began = time.monotonic()
    answer = read_page(view, query, reading)
    if answer is None:
        return None
    note_time(view, query, time.monotonic() - began)
    return _page(view, query, reading, *answer)


def stream_rows(
    caller: Caller, key: str, query: RowsQuery, purpose: Purpose = NO_PURPOSE, count: Callable[[int], None] = _uncounted
) -> RowsStream:
    """The view as ``ndjson`` or ``csv``, up to ``query.limit`` rows; the opening event stands before this returns.

    ``count`` is told the rows of each piece before it goes out.
    """
    leave_loop()
    for view in views_for(caller, key, purpose):
        selection = wishes.select(view, query)
        check_cost(view, query)
        reading = _reading(view, "rows.stream", query, purpose)
        answer = serve(opening(pass_of(view), reading))
        if answer is not None:
            return RowsStream(_chunks(view, query, selection, reading, count), answer[0], reading.id)
    raise unsettled()


def views_for(caller: Caller, key: str, purpose: Purpose, mode: Mode = "rows") -> Iterator[View]:
    """The view, and after each refusal of its pass a newer one of the caller as it is by then."""
    yield kept_view(caller, key, mode, purpose.agreement) or aside(partial(_opened, caller, key, purpose, mode))
    for _ in range(_ATTEMPTS):
        caller, view = aside(partial(_opened_anew, caller, key, purpose, mode))
        yield view


def _opened_anew(caller: Caller, key: str, purpose: Purpose, mode: Mode) -> tuple[Caller, View]:
    """The caller as it is by now, and its view of the dataset as it is by now."""
    caller = renewed(caller)
    return caller, _opened(caller, key, purpose, mode, is_stale=True)


def _opened(caller: Caller, key: str, purpose: Purpose, mode: Mode = "rows", *, is_stale: bool = False) -> View:
    """The view; that it was refused is an event too: what is asked for in vain shows where the flow is blocked."""
    if caller.token is not None and not is_stale:
        caller = renewed(caller)  # what is decided now is decided for the caller as it is, not as it was kept
    try:
        return open_view(caller, key, mode=mode, agreement=purpose.agreement, is_stale=is_stale)
    except Forbidden as error:
        details = {"code": error.code, "agreement": purpose.agreement, "purpose": purpose.text[:500]}
        details |= {"mode": mode} if mode != "rows" else {}
        record(actor=caller, kind="rows.refused", dataset=key, **{name: said for name, said in details.items() if said})
        raise


def _reading(view: View, kind: str, query: RowsQuery | AggregateQuery, purpose: Purpose) -> Reading:
    details = wishes.recorded(query, purpose.text, view.agreement)
    return Reading(uuid4(), kind, view.caller.agency, view.caller.name, view.key, details)


def _page(
    view: View,
    query: RowsQuery | AggregateQuery,
    reading: Reading,
    version: int,
    fits: bool,
    rows: str | None,
    found: int,
    position: list[str | None] | None,
    count: int | None,
) -> RowsPage:
    if not fits:
        raise too_large("limit, properties")
    has_more = query.limit is not None and found > query.limit and position is not None
    return RowsPage(
        rows=rows or "",
        size=min(found, query.limit or found),
        next=cursor.seal(tuple(position or ()), wishes.binding(view, query)) if has_more else None,
        count=f">{ESTIMATED}" if query.count == "estimate" and count and count > ESTIMATED else count,
        version=version,
        receipt=reading.id,
    )


def _chunks(
    view: View, query: RowsQuery, selection: Selection, reading: Reading, count: Callable[[int], None]
) -> Iterator[bytes]:
    """The encoded rows. Whatever ends the stream, its closing event says how many rows went out and why it ended."""
    written = csv_lines if query.format == "csv" else ndjson_lines
    sent, outcome = 0, "broken off"
    try:
        yield csv_head(field.name for field in selection.fields) if query.format == "csv" else b""
        for _ in range(_ATTEMPTS):
            with suppress(TableGone), serve_snapshot() as snapshot:
                if snapshot.row(gate_sql(pass_of(view))) is not None:
                    watch = Watch(view)
                    for rows in snapshot.copied(_copy(query, selection)):
                        watch.look_again()
                        sent += len(rows)
                        count(len(rows))
                        yield written(rows)
                    outcome = "complete"
                    return
            view = _renewed(view)  # the pass was void, or the rows had moved, before there was any of them
            selection = wishes.select(view, query)
        raise unsettled()
    except (Forbidden, NotFound, Unauthenticated):
        outcome = "revoked"
        raise
    finally:
        serve(closing(_closing(reading, sent, outcome)))


def _renewed(view: View) -> View:
    """The same view at the present epoch; raises ``Forbidden`` where it is no longer the same."""
    caller, mode = refreshed(view.caller), view.decision.mode
    renewed = open_view(caller, view.key, mode=mode, agreement=view.agreement, is_stale=True)
    if renewed.decision.digest() != view.decision.digest():
        raise Forbidden("What you may see of this dataset has changed while it was sent.", code="revoked")
    return renewed


def _copy(query: RowsQuery, selection: Selection) -> Sql:
    if query.format == "csv":
        return csv_copy(selection, safe=query.csv_safe)
    return json_copy(selection, numbers_as_strings=query.numbers_as_strings)


class Watch:
    """Asks now and then whether a running stream still has its pass, or one with the same decision."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._looked = time.monotonic()

    def look_again(self) -> None:
        if time.monotonic() - self._looked > _LOOKS_UP_EVERY:
            self._look()

    def _look(self) -> None:
        self._looked = time.monotonic()
        until = self._view.decision.until
        if (until is not None and until <= now()) or serve(still_open(pass_of(self._view))) is None:
            self._view = _renewed(self._view)


def _closing(reading: Reading, sent: int, outcome: str) -> Reading:
    details = {"opening": str(reading.id), "rows": sent, "outcome": outcome}
    return replace(reading, id=uuid4(), kind="rows.streamed", details=details)


def too_large(parameters: str) -> Invalid:
    """The refusal of a page of too many bytes; ``parameters`` say how to ask for less."""
    return Invalid(
        f"The page is larger than {MAX_PAGE >> 20} MiB.",
        code=_TOO_LARGE,
        hint=f"Ask for less at once ({parameters}), or take a stream of rows: limit=all, f=ndjson or f=csv.",
    )


def unsettled() -> Unavailable:
    """The refusal of a read that met a change of the rules each time it was tried."""
    return Unavailable("The rules on this dataset are changing at this moment.", hint="Ask again in a second.")
