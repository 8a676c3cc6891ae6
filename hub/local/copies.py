"""Backup and restore of the embedded hub: its database with all that stands in it, and the key that reads it."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from hub.local import connection, postgres
from hub.local.process import CannotStart
from hub.local.supervisor import hold_data
from hub.store.models import Sight

_KEY = "secret.key"
_RESTORED = "restored"
"""Stands in the data folder from a restore to the first start after it."""


def backup(target: Path) -> None:
    """Write a consistent copy of the running hub into ``target``, a folder that is empty or not there yet.

    The broker's queue is left out: what is to be done stands in the database.
    """
    _check_embedded()
    if target.exists() and any(target.iterdir()):
        raise CannotStart(f"{target} is not empty.", hint="Name a folder that is empty or not there yet.")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = ["-X", "stream", "-c", "fast", "--manifest-checksums=SHA256"]
    copied = postgres.run("pg_basebackup", "-D", str(target / "postgres"), *options)
    if copied.returncode != 0:
        shutil.rmtree(target / "postgres", ignore_errors=True)
        raise CannotStart("The database could not be copied.", hint=copied.stderr.strip())
    connection.keep_key(target / _KEY, connection.secret_key())


def restore(source: Path) -> None:
    """Make the data folder at hand from a backup; raises ``CannotStart`` where it already holds a hub."""
    _check_embedded()
    if not (source / "postgres" / "PG_VERSION").is_file() or not (source / _KEY).is_file():
        raise CannotStart(f"{source} is no backup of a hub.", hint="Name the folder that backup was given.")
    with hold_data():
        if postgres.data().exists():
            raise CannotStart(
                f"There is already a hub in {connection.data_dir()}.", hint="Name an empty folder with --data."
            )
        _verify(source)
        _take_key((source / _KEY).read_text().strip())
        postgres.folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        postgres.own(postgres.folder())
        draft = postgres.folder() / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source / "postgres", draft)
        for place in (draft, *draft.rglob("*")):
            postgres.own(place)
        draft.chmod(0o700)
        (connection.data_dir() / _RESTORED).touch()
        draft.rename(postgres.data())


def forget_what_was_lost() -> None:
    """After a restore, let readers of change feeds start again: they may have versions that the backup has not.

    Versions count on from the backup's, so that nothing else would tell the lost ones from those that follow.
    """
    mark = connection.data_dir() / _RESTORED
    if mark.exists():
        Sight.objects.all().delete()
        mark.unlink()


def _check_embedded() -> None:
    if not connection.is_postgres_embedded():
        raise CannotStart(
            "This hub's database is on a server of its own.",
            hint="Back it up with that server's tools, and the key too.",
        )


def _verify(source: Path) -> None:
    """Compare every file with the digest that PostgreSQL noted when it was copied.

    In Python, because the wheel's own ``pg_verifybackup`` crashes.
    """
    manifest = json.loads((source / "postgres" / "backup_manifest").read_text())
    for file in manifest["Files"]:
        path = source / "postgres" / os.fsdecode(_path_of(file))
        if not path.is_file() or _digest(path) != file["Checksum"]:
            raise CannotStart(
                f"The backup in {source} is damaged; nothing was restored.",
                hint=f"{path.relative_to(source)} is missing or not what was copied.",
            )


def _path_of(file: Mapping[str, str]) -> bytes:
    """A path that is not UTF-8 stands in the manifest in hex digits."""
    return bytes.fromhex(file["Encoded-Path"]) if "Encoded-Path" in file else file["Path"].encode()


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _take_key(key: str) -> None:
    path = connection.key_file()
    given = connection.from_environment("HUB_SECRET_KEY")
    if given and given != key:
        raise CannotStart(
            "HUB_SECRET_KEY is not the key of this backup.", hint="Set the backup's key, or none: it is then restored."
        )
    path.unlink(missing_ok=True)
    connection.keep_key(path, key)
    os.chmod(path, 0o600)
