"""The hostile corpus: each is refused with its code, within its time, in little memory, and changes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from connectors.commands import register_source
from connectors.models import Run, Source
from hub.accounts.caller import HUB
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.store.models import Rejected, Relation
from tests.cast import agency
from tests.connectors.conftest import FIELDS, RunOf, stream_of
from tests.connectors.hostile.files import FILES, HostileFile
from tests.connectors.hostile.servers import SERVERS, HostileServer
from tests.whole.conftest import ROOT

MAX_MB = 512
GOOD_FILES = {
    ("id", "name", "at"): "id,name,at\n1,one,2020-01-01T00:00:00Z\n",
    ("id", "value"): "id,value\n1,1.5\n",
    ("x",): "x\n1\n",
}
_START_SECONDS = 60


@pytest.mark.parametrize("hostile", FILES, ids=lambda hostile: hostile.label.replace(" ", "-"))
def test_hostile_file_is_refused(files: Source, folder: Path, hostile: HostileFile, run_of: RunOf) -> None:
    into = _filled("met.hostile", hostile.fields, files, folder, run_of)
    hostile.put(folder)

    run, peak = _carried_out(files, into, {"path": hostile.name, **hostile.select}, hostile.seconds)

    assert peak["begun"] > 0
    assert (run.error_code, run.status in (Run.Status.FAILED, Run.Status.HELD)) == (hostile.code, True)
    assert run.error_message.endswith(".")
    assert run.error_hint
    rules = set(Rejected.objects.filter(run=run.pk).values_list("rule", flat=True))
    assert rules == ({hostile.rule} if hostile.rule else set())
    _assert_as_it_was(into)


@pytest.mark.parametrize("hostile", SERVERS, ids=lambda hostile: hostile.label.replace(" ", "-"))
def test_hostile_server_is_refused(
    files: Source, folder: Path, hostile: HostileServer, run_of: RunOf, tmp_path_factory: pytest.TempPathFactory
) -> None:
    into = _filled("met.hostile", FIELDS, files, folder, run_of)
    with hostile.running(tmp_path_factory.mktemp("server")) as asking:
        source = register_source(
            actor=HUB, key="hostile", agency=into.agency, kind=asking.kind, config=asking.config, secrets=asking.secrets
        )
        run, _ = _carried_out(source, into, asking.select, hostile.seconds)

    assert (run.status, run.error_code) == (Run.Status.FAILED, hostile.code)
    assert "not-to-be-told" not in run.error_message + run.error_hint
    _assert_as_it_was(into)


def _filled(key: str, fields: list[dict[str, str]], files: Source, folder: Path, run_of: RunOf) -> Dataset:
    """A dataset with one good row in it."""
    names = tuple(field["name"] for field in fields)
    primary_key = [name for name in names if name == "id"]
    into = register_dataset(actor=HUB, agency=agency("met"), key=key, title="H", fields=fields, primary_key=primary_key)
    publish_dataset(actor=HUB, dataset=into)
    (folder / "good.csv").write_text(GOOD_FILES[names])
    assert run_of(stream_of(files, into, key="good", select={"path": "good.csv"}, mode="append")).inserted == 1
    return into


def _carried_out(source: Source, into: Dataset, select: dict[str, Any], seconds: float) -> tuple[Run, dict[str, float]]:
    """By a process of its own; looks at its time and its memory."""
    run = Run.objects.create(stream=stream_of(source, into, key="hostile", select=select, mode="append"))
    argv = [sys.executable, "-m", "tests.connectors.hostile.worker", connection.settings_dict["NAME"], str(run.pk)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings"}
    done = subprocess.run(
        argv, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds + _START_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    run.refresh_from_db()
    assert run.started_at is not None
    assert run.finished_at is not None
    peak = json.loads(done.stdout.splitlines()[-1])
    took = (run.finished_at - run.started_at).total_seconds()
    print(f"{run.error_code} {took:.1f} s, {peak['own']:.0f} + {peak['children']:.0f} MB")  # noqa: T201 shown with -rP
    assert took < seconds
    assert peak["own"] + peak["children"] < MAX_MB
    return run, peak


def _assert_as_it_was(into: Dataset) -> None:
    relation = Relation.objects.get(dataset=into)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {relation.table}")
        assert (relation.version, cursor.fetchone()) == (1, (1,))
