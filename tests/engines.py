"""Starts the embedded PostgreSQL and Valkey for a test run, before the settings are read; loaded with ``-p``.

A new hub's database is made and migrated once, which takes as long as a hundred tests. The databases of the tests are
copies of it, and whole hubs start from a copy of its folder.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hub.local import connection, postgres, valkey

_NO_CARE = {"fsync": "off", "full_page_writes": "off"}
"""What only a machine that loses its power would miss; whoever kills PostgreSQL finds all that was committed."""
_FASTER = {**_NO_CARE, "synchronous_commit": "off", "max_connections": "200", "log_line_prefix": "%m [%p] %d "}
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
    _make_new_hub()
    _stops.append(_served(_FASTER))
    valkey.wait_ready(broker)
    os.environ["DATABASE_URL"] = connection.database_url()


def pytest_unconfigure() -> None:
    while _stops:
        _stops.pop()()


def copy_of_new_hub(folder: Path) -> None:
    """Make ``folder`` the data folder of a hub that has its database, and nothing in it yet."""
    subprocess.run(["cp", "-a", str(_new_hub()), str(folder)], check=True)


def _new_hub() -> Path:
    return Path(os.environ["HUB_TEST_DATA"]) / "new"


def _make_new_hub() -> None:
    """Migrate a database by the hub's own command, and keep its folder beside the one that goes on."""
    stop = _served(_FASTER)
    postgres.ensure_database()
    migrate = [sys.executable, str(Path(__file__).parents[1] / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(migrate, check=True)
    stop()
    with (postgres.data() / "postgresql.conf").open("a") as settings:
        settings.writelines(f"{name} = {value}\n" for name, value in _NO_CARE.items())
    _new_hub().mkdir(mode=0o711)
    shutil.copy2(connection.key_file(), _new_hub())
    subprocess.run(["cp", "-a", str(postgres.folder()), str(_new_hub())], check=True)


def _served(settings: Mapping[str, str]) -> Callable[[], object]:
    """Start PostgreSQL; answers what stops it."""
    server = postgres.start(settings)
    postgres.wait_ready(server)
    return lambda: (server.send_signal(signal.SIGINT), server.wait())
