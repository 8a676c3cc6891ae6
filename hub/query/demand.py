"""How long reads took that lack an index, added up in this process and written down now and then."""

import time
from collections.abc import Mapping
from threading import Lock
from typing import Final

from django.db import DatabaseError, connection
from django.utils.timezone import now

from hub.query.shapes import Terms
from hub.waiting import aside

_WRITTEN_EVERY: Final = 15.0
"""Seconds; what a process had noted when it is killed is lost, and reads of tomorrow tell the same."""
_MOST: Final = 1_000
_lock = Lock()
_noted: dict[tuple[int, Terms], tuple[int, float]] = {}
_written_at = float("-inf")


def note(relation: int, terms: Terms, seconds: float) -> None:
    """Add one read that an index on ``terms`` would have served."""
    global _written_at
    with _lock:
        if len(_noted) < _MOST or (relation, terms) in _noted:
            reads, took = _noted.get((relation, terms), (0, 0.0))
            _noted[relation, terms] = (reads + 1, took + seconds)
        if time.monotonic() - _written_at < _WRITTEN_EVERY:
            return
        _written_at = time.monotonic()
    aside(write_down)


def write_down() -> None:
    """Write what was noted since the last time; reads never fail for it."""
    with _lock:
        noted = dict(_noted)
        _noted.clear()
    if not noted:
        return
    try:
        _add(noted)
    except DatabaseError:
        if not connection.in_atomic_block:
            connection.close()


def forget() -> None:
    """Drop what was noted, and write the next one down at once."""
    global _written_at
    with _lock:
        _noted.clear()
        _written_at = float("-inf")


def _add(noted: Mapping[tuple[int, Terms], tuple[int, float]]) -> None:
    day = now().date()
    values = [
        (relation, list(terms), day, reads, round(1000 * took)) for (relation, terms), (reads, took) in noted.items()
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO store_demand AS d (relation_id, fields, day, reads, milliseconds)"
            " SELECT r.id, v.fields, v.day, v.reads, v.took"
            " FROM (VALUES (%s, %s::varchar[], %s::date, %s, %s)) AS v(relation, fields, day, reads, took)"
            " JOIN store_relation r ON r.id = v.relation"
            " ON CONFLICT (relation_id, fields, day) DO UPDATE"
            " SET reads = d.reads + excluded.reads, milliseconds = d.milliseconds + excluded.milliseconds",
            values,
        )
