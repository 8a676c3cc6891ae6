"""Real files that are not part of the project, from a folder that ``HUB_REAL_DATA`` names or that lies beside it."""

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import call_command

from connectors.models import Run, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.accounts.commands import issue_token
from hub.accounts.models import Client
from tests.api.conftest import Api

SETTING: Final = "HUB_REAL_DATA"
_ROOT: Final = Path(__file__).parents[2]
Apply = Callable[[str], None]
Sync = Callable[[str], Run]


def _real_data() -> Path | None:
    named = os.environ.get(SETTING)
    beside = [_ROOT.parent / "shared" / "data", _ROOT.parent.parent / "shared" / "data"]
    return next((path for path in ([Path(named)] if named else beside) if (path / "cn-area-codes.csv").exists()), None)


@pytest.fixture
def real_data() -> Path:
    """The folder of real files; without it the test is skipped."""
    found = _real_data()
    if found is None:
        pytest.skip(f"There are no real files: set {SETTING} to the folder that has cn-area-codes.csv and the others.")
    return found


@pytest.fixture
def apply(transactional_db: None, tmp_path: Path) -> Apply:
    """Bring the hub to what a manifest declares."""

    def applied(manifest: str) -> None:
        path = tmp_path / "hub.toml"
        path.write_text(manifest)
        call_command("apply", str(path))

    return applied


@pytest.fixture
def sync() -> Sync:
    """Run a stream as ``manage.py sync`` and a worker would; answers how it ended."""

    def synced(key: str) -> Run:
        call_command("sync", key)
        run = Run.objects.get(stream=Stream.objects.get(key=key), status="queued")
        carry_out(run.pk)
        run.refresh_from_db()
        return run

    return synced


def api_of(agency: str, name: str = "app") -> Api:
    """Calls as a client of the manifest."""
    client = Client.objects.get(agency__code=agency, name=name)
    return Api(issue_token(actor=HUB, client=client, lifetime=timedelta(days=1))[1])


def rows_of(api: Api, dataset: str) -> list[list[str]]:
    """All rows that the API gives as CSV, header first."""
    response: Any = api.get(f"datasets/{dataset}/rows", {"f": "csv", "limit": "all"})
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode(), newline="")))


def digest(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """One digest of all cells, whatever the order of the rows."""
    text = "\n".join(map(repr, [list(header), *sorted(list(row) for row in rows)]))
    return hashlib.sha256(text.encode()).hexdigest()
