"""The hub's part of ``tests.bench.intake``: one step in a process of its own, answered as JSON."""

import json
import os
import sys
from typing import Any

import django

from hub.local import postgres
from tests import mariadb
from tests.bench.rows import FIELDS, PAGE, SOURCE
from tests.peak import Peak

_SELECTS = {
    "things": ("database", {"table": "things"}, "replace"),
    "delta": ("database", {"table": "delta"}, "merge"),
    "file": ("web", {"path": "things.csv", "missing": [""]}, "replace"),
    "gz": ("web", {"path": "things.csv.gz", "missing": [""]}, "replace"),
    "parquet": ("web", {"path": "things.parquet"}, "replace"),
    "xlsx": ("web", {"path": "things.xlsx", "missing": [""]}, "replace"),
    "rest": ("api", {"path": "things"}, "replace"),
    "mysql": ("mariadb", {"table": "things"}, "replace"),
    "tap": ("tap", {"stream": "things"}, "replace"),
}


def prepare(url: str, port: str) -> dict[str, Any]:
    """An agency and its sources: the database, the server at ``url``, the MariaDB at ``port`` and a tap."""
    from connectors.commands import register_source
    from hub.accounts.caller import HUB
    from hub.accounts.models import Agency
    from hub.store.roles import ensure_serving_role

    ensure_serving_role()
    agency = Agency.objects.create(code="met", name="Weather")
    server = postgres.environment()
    database = {"host": server["PGHOST"], "database": SOURCE, "user": server["PGUSER"]}
    mysql = {"host": "127.0.0.1", "port": int(port), "database": "registry", "user": "hub_reader"}
    paging = {"kind": "page", "size": PAGE, "size_param": "size"}
    for key, kind, config, secrets in (
        ("database", "postgres", database, {"password": server["PGPASSWORD"]}),
        ("web", "file", {"url": url}, {}),
        ("api", "rest", {"url": url, "paging": paging}, {}),
        ("mariadb", "mysql", mysql, {"password": mariadb.PASSWORD}),
        ("tap", "singer", {"tap": "things"}, {}),
    ):
        config = {**config, "allow_loopback": True}
        register_source(actor=HUB, key=key, agency=agency, kind=kind, config=config, secrets=secrets)
    return {}


def load(select: str, key: str) -> dict[str, Any]:
    """Run the stream ``key`` once: seconds, greatest memory in MB with all that it begins, rows read and written."""
    from connectors.models import Run
    from connectors.runs.runner import carry_out

    run = Run.objects.create(stream=_stream(select, key))
    with Peak() as peak:
        carry_out(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED, (run.status, run.error_message)
    assert run.started_at is not None
    assert run.finished_at is not None
    return {
        "seconds": (run.finished_at - run.started_at).total_seconds(),
        "peak": peak.megabytes,
        "rows": run.rows_read,
        "written": run.inserted + run.updated + run.deleted,
        "timings": run.timings,
    }


def _stream(select: str, key: str) -> Any:
    """The stream as it is, told what to read next; made with a dataset of its own where there is none."""
    from connectors.commands import register_stream
    from connectors.models import Source, Stream
    from hub.accounts.caller import HUB
    from hub.accounts.models import Agency
    from hub.catalog.commands import publish_dataset, register_dataset

    source, choice, mode = _SELECTS[select]
    if Stream.objects.filter(key=key).exists():
        Stream.objects.filter(key=key).update(select=choice, mode=mode)
        return Stream.objects.get(key=key)
    fields = [{"name": name, "type": type_, "required": name in ("id", "code")} for name, type_ in FIELDS.items()]
    agency = Agency.objects.get(code="met")
    dataset = register_dataset(actor=HUB, agency=agency, key=f"met.{key}", title=key, fields=fields, primary_key=["id"])
    publish_dataset(actor=HUB, dataset=dataset)
    values = {"source": Source.objects.get(key=source), "dataset": dataset, "select": choice, "mode": mode}
    return register_stream(actor=HUB, key=key, **values)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
    django.setup()
    print(json.dumps({"prepare": prepare, "load": load}[sys.argv[1]](*sys.argv[2:])))
