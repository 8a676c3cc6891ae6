"""Where this hub's database, broker and key are: real servers that the environment names, else the embedded ones."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

DATABASE = "hub"
OWNER = "hub"
_SOCKET_PATH_LIMIT = 100
"""A socket's path has at most 107 bytes on Linux; PostgreSQL adds a name to its folder's."""


def from_environment(name: str) -> str | None:
    """The variable ``name``, or the content of the file that ``<name>_FILE`` names; None without either."""
    if name in os.environ:
        return os.environ[name]
    if f"{name}_FILE" in os.environ:
        return Path(os.environ[f"{name}_FILE"]).read_text().strip()
    return None


def data_dir() -> Path:
    """The folder that holds all that the embedded hub writes."""
    return Path(os.environ.get("HUB_DATA", ".hub")).resolve()


def lock_file() -> Path:
    """Held by the hub that runs on the data folder; says where it answers."""
    return data_dir() / "hub.lock"


def running_url() -> str:
    """The address of the hub that runs on the data folder, or ran there last; empty where none did."""
    path = lock_file()
    return path.read_text().strip() if path.is_file() else ""


def key_file() -> Path:
    """Where the hub's key is kept while the environment gives none."""
    return data_dir() / "secret.key"


def secret_key() -> str:
    """The hub's key: from ``HUB_SECRET_KEY``, else made once and kept in the data folder."""
    given = from_environment("HUB_SECRET_KEY")
    if given:
        return given
    path = key_file()
    if not path.exists():
        keep_key(path, secrets.token_urlsafe(48))
    return path.read_text().strip()


def keep_key(path: Path, key: str) -> None:
    """Write ``key`` to ``path``, whole or not at all; the first of two writers wins."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(key + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def password(of: str) -> str:
    """The password of an account of the hub's own, derived from its key."""
    return hmac.digest(secret_key().encode(), f"password of {of}".encode(), hashlib.sha256).hex()


def socket_dir(server: str) -> Path:
    """The folder of an embedded server's socket: in the data folder, or in ``/tmp`` where that path is too long."""
    folder = data_dir() / server
    if len(os.fsencode(folder)) < _SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
        return folder
    return Path("/tmp") / f"hub-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"


def is_postgres_embedded() -> bool:
    return not from_environment("DATABASE_URL")


def is_valkey_embedded() -> bool:
    return not from_environment("BROKER_URL")


def database_url() -> str:
    """As the owner of everything in the database."""
    given = from_environment("DATABASE_URL")
    return given or f"postgresql://{OWNER}:{password(OWNER)}@/{DATABASE}?host={quote(str(socket_dir('postgres')))}"


def serving_database_url() -> str:
    """As the role that serves rows: the same database with an account that owns nothing, named after it."""
    given = from_environment("SERVING_DATABASE_URL")
    if given:
        return given
    parts = urlsplit(database_url())
    role = f"{parts.path.strip('/')}_serving"
    server = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password(role)}@{server}"))


def is_serving_role_given() -> bool:
    """Whether somebody else looks after the serving role and its password."""
    return bool(from_environment("SERVING_DATABASE_URL"))


def broker_url() -> str:
    """Of Valkey, as Celery reads it."""
    given = from_environment("BROKER_URL")
    return given or f"redis+socket://:{password('valkey')}@{quote(str(socket_dir('valkey') / 'valkey.sock'))}"


def valkey_url() -> str:
    """Of Valkey, as its own client reads it."""
    return broker_url().replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
