"""Whether each thing that the hub depends on answers right now."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils.timezone import now

from connectors.queries import last_tick

_PATIENCE_SECONDS = 2
_LATE = timedelta(seconds=60)
"""A tick is due every three seconds; without one for this long, worker or scheduler are gone."""


def dependencies() -> Mapping[str, str]:
    """``ok``, or what is wrong, for each of ``database``, ``serving``, ``broker`` and ``scheduler``."""
    return {
        "database": _state(lambda: _ask("default")),
        "serving": _state(lambda: _ask("serving")),
        "broker": _state(_ping),
        "scheduler": _state(_tick),
    }


def _state(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, InterfaceError, redis.RedisError):
        return "does not answer"


def _ask(alias: str) -> str:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        if not connections[alias].in_atomic_block:
            connections[alias].close()
        raise
    return "ok"


def _ping() -> str:
    url = settings.HUB_VALKEY_URL
    client = redis.Redis.from_url(url, socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS)
    with client:
        client.ping()
    return "ok"


def _tick() -> str:
    tick = last_tick()
    if tick is None:
        return "no tick yet"
    return "ok" if now() - tick < _LATE else f"last tick {tick.isoformat(timespec='seconds')}"
