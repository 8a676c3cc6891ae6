"""A whole hub in one place: engines, migrations, web, worker and scheduler, ready or not started at all."""

import http.client
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import DatabaseError, connections
from django.utils.timezone import now

from connectors.queries import last_tick
from hub.local import connection, postgres, valkey
from hub.local.copies import forget_what_was_lost
from hub.local.process import CannotStart
from hub.local.supervisor import Child, Supervisor, check_port, hold_data, python, say_where
from hub.store.roles import ensure_serving_role

_READY_SECONDS = 90
_DEAF_AFTER = timedelta(seconds=45)
_LOOKS_EVERY = 0.5
_WEB_WORKERS = 2


class Hub:
    """A hub that runs; ``serve`` keeps it running until it is asked to stop."""

    def __init__(self, url: str, supervisor: Supervisor) -> None:
        self.url = url
        self._supervisor = supervisor
        self._is_stopping = False
        self._heard = now()

    def add(self, child: Child) -> None:
        """Run one more part beside the hub's own."""
        self._supervisor.add(child)

    def serve(self) -> None:
        """Look after the children until SIGINT or SIGTERM."""
        while not self._is_stopping:
            self.look_after()
            time.sleep(_LOOKS_EVERY)

    def look_after(self) -> None:
        """Restart what died, and what is alive but deaf to the broker, which happens when the broker was restarted."""
        self._supervisor.look_after()
        if now() - self._heard > _DEAF_AFTER:
            self._heard = _last_heard(otherwise=now())
        if now() - self._heard > _DEAF_AFTER:
            logging.getLogger("hub").warning("no tick for %s; starting the workers again", _DEAF_AFTER)
            for name in ("worker", "courier", "ticker", "scheduler"):
                self._supervisor.restart(name)
            self._heard = now()

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask ``serve`` to return; also serves as a signal's handler."""
        self._is_stopping = True


@contextmanager
def running(host: str, port: int) -> Iterator[Hub]:
    """Start everything on the data folder at hand; stops all of it on the way out.

    Raises ``CannotStart`` with a sentence where the folder has a hub, the port is taken or a part does not come up.
    """
    lock = hold_data()
    supervisor = Supervisor()
    try:
        check_port(host, port)
        url = f"http://{_reachable(host)}:{port}"
        say_where(lock, url)
        _start_engines(supervisor)
        _prepare_database()
        _start_parts(supervisor, host, port, url)
        _wait_ready(supervisor, url)
        yield Hub(url, supervisor)
    finally:
        connections.close_all()
        supervisor.stop()
        lock.close()


def _start_engines(supervisor: Supervisor) -> None:
    if connection.is_postgres_embedded():
        supervisor.add(Child("postgres", postgres.start, signal.SIGINT, postgres.wait_ready))
        postgres.ensure_database()
    if connection.is_valkey_embedded():
        supervisor.add(Child("valkey", valkey.start, signal.SIGTERM, valkey.wait_ready))


def _prepare_database() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    ensure_serving_role()
    forget_what_was_lost()


def _start_parts(supervisor: Supervisor, host: str, port: int, url: str) -> None:
    environment = {"HUB_URL": os.environ.get("HUB_URL", url), "PYTHONUNBUFFERED": "1"}
    listen = ["--host", host, "--port", str(port), "--workers", str(_WEB_WORKERS)]
    served = ["--interface", "asginl", "--no-ws", "--respawn-failed-workers"]
    celery = ["celery", "--app", "hub.celery", "--quiet"]
    worker = [*celery, "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    parts = {
        "web": ["granian", *listen, *served, "hub.asgi:application"],
        "worker": [*worker, "--queues", "runs,exports", "--concurrency", "2", "--hostname", "runs@%h"],
        "courier": [
            *worker,
            "--queues",
            "notices",
            "--pool",
            "threads",
            "--concurrency",
            "4",
            "--hostname",
            "notices@%h",
        ],
        "ticker": [*worker, "--queues", "ticks", "--pool", "solo", "--hostname", "ticks@%h"],
        "scheduler": [*celery, "beat", "--schedule", str(connection.data_dir() / "scheduler"), "--pidfile="],
    }
    for name, arguments in parts.items():
        supervisor.add(Child(name, python(*arguments, environment=environment)))


def _wait_ready(supervisor: Supervisor, url: str) -> None:
    """Until the web answers that every dependency is there, the worker's first tick included."""
    until = time.monotonic() + _READY_SECONDS
    started = now()
    while time.monotonic() < until:
        supervisor.look_after()
        if _is_ready(url) and _last_heard(otherwise=started) > started:
            return
        time.sleep(0.1)
    logs = connection.data_dir() / "logs"
    raise CannotStart(f"Not every part of the hub answered within {_READY_SECONDS} s.", hint=f"Look into {logs}.")


def _is_ready(url: str) -> bool:
    place = urlsplit(url)
    asking = http.client.HTTPConnection(place.hostname or "", place.port, timeout=2)
    try:
        asking.request("GET", "/readyz")
        return asking.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def _last_heard(*, otherwise: datetime) -> datetime:
    """When the last tick was carried out; ``otherwise`` while the database cannot tell."""
    try:
        return last_tick() or otherwise
    except DatabaseError:
        connections.close_all()
        return otherwise


def _reachable(host: str) -> str:
    """An address under which this machine reaches a server that listens on ``host``."""
    if host in {"0.0.0.0", "::", ""}:
        return "127.0.0.1" if host != "::" else "[::1]"
    return f"[{host}]" if ":" in host else host
