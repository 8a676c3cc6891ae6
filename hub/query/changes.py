"""The change feed: what a reader who keeps a copy has to do to it, page by page, so that it is what it may see."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from hub.accounts.caller import Caller
from hub.errors import Conflict, Gone
from hub.query import cursor
from hub.query.door import NO_PURPOSE, Purpose, too_large, unsettled, views_for
from hub.query.params import ChangesQuery
from hub.query.position import Position, Stand
from hub.query.sights import keep_sight, position_gone, seeing_by, seeing_of
from hub.query.views import View, pass_of
from hub.query.wishes import said_of
from hub.store.connection import serve
from hub.store.models import change_log_of
from hub.store.select.changes import Given, Stretch, changes_sql
from hub.store.select.gate import Reading, audited_page
from hub.store.select.relation import Shown


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """One page: ``size`` JSON objects joined by commas, none where the reader has all; ``next`` is the position
    after it.
    """

    changes: str
    size: int
    next: str
    receipt: UUID


@dataclass(frozen=True, slots=True)
class _Step:
    """One statement's answer; ``position`` is that after it."""

    changes: str
    size: int
    position: Position
    receipt: UUID
    binding: str


def read_changes(caller: Caller, key: str, query: ChangesQuery, purpose: Purpose = NO_PURPOSE) -> ChangesPage:
    """What to do to a copy at ``query.since`` (empty: to an empty one), so that it is what ``caller`` sees now.

    A page without changes says that the copy is equal: nothing was found on a walk through all keys.
    Raises like ``read_rows``, ``Conflict`` (``no-key``) where the caller cannot tell rows apart by the key, and
    ``Gone`` (``position-gone``) where nobody knows any more what the copy holds.
    """
    position, is_whole_walk = None, False
    while True:
        step, is_first = _step(caller, key, query, purpose, position)
        position, is_whole_walk = step.position, is_whole_walk or is_first
        if step.changes or (is_whole_walk and not position.behind):
            if position.is_long:
                raise _too_slow(key)
            return ChangesPage(step.changes, step.size, cursor.seal((position.text(),), step.binding), step.receipt)


def _step(
    caller: Caller, key: str, query: ChangesQuery, purpose: Purpose, position: Position | None
) -> tuple[_Step, bool]:
    """One statement over one stretch, and whether it began at the first key."""
    for view in views_for(caller, key, purpose, "changes"):
        key_fields = _key(view)
        binding = _binding(view)
        at = position or _opened(query.since, binding)
        sight = keep_sight(view)
        stretch = _stretch(view, key_fields, at, sight)
        reading = _reading(view, query, purpose)
        page = changes_sql(stretch, query.limit + 1, numbers_as_strings=query.numbers_as_strings)
        answer = serve(audited_page(pass_of(view), reading, page, len(stretch.key), query.limit))
        if answer is None:
            continue
        version, fits, changes, found, end, _ = answer
        if not fits:
            raise too_large("limit")
        if stretch.given is not None and stretch.given.version > version:
            raise position_gone(key)
        upto = tuple(end) if found > query.limit else None
        after = at.gone_on(Stand(version, sight), upto)
        return _Step(changes or "", min(found, query.limit), after, reading.id, binding), not at.behind
    raise unsettled()


def _key(view: View) -> tuple[Shown, ...]:
    """The key's fields; whether there is none or it is not clear is the same answer."""
    if not view.key_is_clear:
        raise Conflict(
            f"{view.key} has no primary key that you see in clear, so its rows cannot be followed.",
            code="no-key",
            hint=f"Read all of it from time to time: GET /api/v1/datasets/{view.key}/rows?limit=all&f=ndjson",
        )
    return tuple(field for name in view.primary_key if (field := view.field(name)) is not None)


def _binding(view: View) -> str:
    """Whose position it is. What may be seen is no part of it: a feed goes on over a change of that."""
    return repr(("changes", view.caller.agency, view.caller.name, view.key, view.agreement))


def _opened(since: str, binding: str) -> Position:
    if not since:
        return Position()
    (text,) = cursor.unseal(since, binding, lifetime=None)
    return Position.of(str(text))


def _stretch(view: View, key: tuple[Shown, ...], at: Position, sight: UUID) -> Stretch:
    held = at.ahead[0]
    given = None
    if held.stand is not None:
        is_same = held.stand.sight == sight
        given = Given(held.stand.version, None if is_same else seeing_by(held.stand.sight, view))
    return Stretch(
        table=view.place.table,
        log=change_log_of(view.place.relation),
        key=key,
        seeing=seeing_of(view),
        given=given,
        after=at.place,
        upto=held.upto,
    )


def _reading(view: View, query: ChangesQuery, purpose: Purpose) -> Reading:
    details = {"limit": query.limit, "since": bool(query.since), **said_of(purpose.text, view.agreement)}
    return Reading(uuid4(), "rows.changes", view.caller.agency, view.caller.name, view.key, details)


def _too_slow(key: str) -> Gone:
    return Gone(
        f"Too many versions of {key} came while you walked through it once.",
        code="position-gone",
        hint="Empty your copy and start again without since, with more rows to a page (limit).",
    )
