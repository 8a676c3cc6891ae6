"""Starts the embedded PostgreSQL and Valkey for a test run, before the settings are read; loaded with ``-p``."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable

import pytest

from hub.local import connection, postgres, valkey

_FASTER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
_stops: list[Callable[[], object]] = []


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Workers of a parallel run inherit the engines of the process that started them."""
    if "HUB_TEST_DATA" in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="hub-test-")
    os.chmod(folder, 0o711)
    os.environ["HUB_TEST_DATA"] = os.environ["HUB_DATA"] = folder
    _stops.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    broker = valkey.start()
    _stops.append(lambda: (broker.terminate(), broker.communicate()))
    server = postgres.start(_FASTER)
    _stops.append(lambda: (server.send_signal(signal.SIGINT), server.wait()))
    postgres.wait_ready(server)
    postgres.ensure_database()
    valkey.wait_ready(broker)
    os.environ["DATABASE_URL"] = connection.database_url()


def pytest_unconfigure() -> None:
    while _stops:
        _stops.pop()()
