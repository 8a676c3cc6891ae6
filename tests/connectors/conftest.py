"""A department with a dataset, and streams into it that run as a worker would run them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.commands import register_source, register_stream
from connectors.models import Run, Source, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from tests.cast import agency

FIELDS = [
    {"name": "id", "type": "integer", "sensitivity": "public"},
    {"name": "name", "type": "string", "sensitivity": "public"},
    {"name": "at", "type": "datetime", "sensitivity": "public"},
]
RunOf = Callable[..., Run]


@pytest.fixture
def dataset(transactional_db: None) -> Dataset:
    made = register_dataset(
        actor=HUB, agency=agency("met"), key="met.things", title="Things", fields=FIELDS, primary_key=["id"]
    )
    return publish_dataset(actor=HUB, dataset=made)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def files(dataset: Dataset, folder: Path) -> Source:
    return register_source(
        actor=HUB, key="files", agency=dataset.agency, kind="file", config={"url": f"file://{folder}/"}
    )


@pytest.fixture
def stream(dataset: Dataset, files: Source) -> Stream:
    return stream_of(files, dataset, select={"path": "things.csv", "missing": [""]})


def stream_of(source: Source, dataset: Dataset, **values: Any) -> Stream:
    return register_stream(actor=HUB, key=values.pop("key", "things"), source=source, dataset=dataset, **values)


@pytest.fixture
def run_of() -> RunOf:
    """Run a stream once, here, and answer how it ended."""

    def ran(stream: Stream) -> Run:
        run = Run.objects.create(stream=stream)
        carry_out(run.pk)
        run.refresh_from_db()
        return run

    return ran
