"""A MariaDB server of the tests' own, from the system's packages, on loopback."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest

from tests.whole.conftest import free_port

PASSWORD = "not-in-any-log-5d1c"
NEEDED = ("mariadbd", "mariadb-install-db")


@dataclass(frozen=True)
class Server:
    """Where it listens; ``hub_reader`` may read the database ``registry``."""

    port: int
    admin: pymysql.connections.Connection

    def execute(self, *statements: str) -> None:
        with self.admin.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def require() -> None:
    """Skip where the machine has no MariaDB; on CI that is a failure."""
    absent = [name for name in NEEDED if shutil.which(name, path=_path()) is None]
    if absent:
        message = f"{', '.join(absent)} not found: install Debian's package mariadb-server."
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """Run one in ``folder`` until the end of the ``with``."""
    data, path, port = folder / "data", folder / "s", free_port()
    environment = {**os.environ, "PATH": _path()}
    user = ["--user=root"] if os.getuid() == 0 else []
    common = ["--no-defaults", f"--datadir={data}", *user]
    subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
        env=environment,
    )
    options = [f"--socket={path}", f"--port={port}", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M"]
    with subprocess.Popen(
        ["mariadbd", *common, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            admin = _reached(path)
            server = Server(port, admin)
            server.execute(
                "CREATE DATABASE registry CHARACTER SET utf8mb4",
                f"CREATE USER hub_reader@'%' IDENTIFIED BY '{PASSWORD}'",
                "GRANT SELECT ON registry.* TO hub_reader@'%'",
                "USE registry",
            )
            yield server
            admin.close()
        finally:
            process.terminate()


def _reached(path: Path) -> pymysql.connections.Connection:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with closing(socket.socket(socket.AF_UNIX)) as probe, suppress(OSError):
            probe.connect(str(path))
            break
        time.sleep(0.1)
    return pymysql.connect(unix_socket=str(path), user="root", autocommit=True, charset="utf8mb4")


def _path() -> str:
    return os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
