"""Parquet goes straight into typed columns; the end is the one of the same rows as text, quarantine and all."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from django.db import connection

from connectors.models import Run, Source
from hub.accounts.caller import HUB
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.store.intake import staging
from hub.store.models import Rejected, Relation
from tests.connectors.conftest import RunOf, stream_of

FIELDS = [
    {"name": "id", "type": "integer", "required": True},
    {"name": "whole", "type": "integer", "max": "9223372036854775806"},
    {"name": "exact", "type": "decimal"},
    {"name": "real", "type": "number"},
    {"name": "day", "type": "date", "min": "1900-01-01"},
    {"name": "at", "type": "datetime"},
    {"name": "seen", "type": "datetime"},
    {"name": "is", "type": "boolean"},
    {"name": "text", "type": "string", "codes": ["上海", "a\tb", 'q"q', ""]},
]
GOOD: dict[str, list[Any]] = {
    "id": [1, 2, 3, 4],
    "whole": [-(2**63), 2**63 - 2, None, 0],
    "exact": [Decimal("12.50"), Decimal("-0.01"), None, Decimal("0.00")],
    "real": [0.1, -0.0, 1e300, 5e-324],
    "day": [date(2024, 2, 29), date(9999, 12, 31), None, date(1900, 1, 1)],
    "at": [datetime(2024, 2, 29, 12, 30, 1, 250_000), datetime(1, 1, 1), None, datetime(9999, 12, 31, 23, 59, 59)],
    "seen": [datetime(2024, 2, 29, 12, 30, 1), None, datetime(1970, 1, 1, 0, 0, 0, 1), datetime(2024, 1, 1)],
    "is": [True, False, None, True],
    "text": ["上海", "a\tb", 'q"q', ""],
}
BAD: dict[str, list[Any]] = {**GOOD, "real": [float("nan"), float("inf"), 1.0, 1.0], "text": ["上海", "", "no", "a\tb"]}
FAR = {"day": pa.array([2932897, 0, -719529, -30000], pa.int32()).cast(pa.date32())}  # years 10000, 1970, 0, 1887
TYPES = {
    "id": pa.int64(), "whole": pa.int64(), "exact": pa.decimal128(12, 2), "real": pa.float64(), "day": pa.date32(),
    "at": pa.timestamp("us"), "seen": pa.timestamp("us", "UTC"), "is": pa.bool_(), "text": pa.string(),
}  # fmt: skip
Loaded = tuple[str, int, list[Any], list[Any]]


@pytest.fixture
def load(files: Source, folder: Path, run_of: RunOf) -> Callable[..., Loaded]:
    """Load a table into a dataset of its own: how it ended, rows rejected, the rows, and the quarantine."""

    def loaded(table: pa.Table, key: str, **select: Any) -> Loaded:
        parquet.write_table(table, folder / f"{key}.parquet")
        agency = files.agency
        made = register_dataset(
            actor=HUB, agency=agency, key=f"met.{key}", title=key, fields=FIELDS, primary_key=["id"]
        )
        dataset = publish_dataset(actor=HUB, dataset=made)
        select = {"path": f"{key}.parquet", **select}
        run = run_of(stream_of(files, dataset, key=key, select=select, contract={"max_rejects": "100%"}))
        return run.status, run.rejected, rows(dataset), kept(run)

    return loaded


def rows(dataset: Dataset) -> list[Any]:
    relation = Relation.objects.filter(dataset=dataset).first()
    columns = ", ".join(f"{field.column}::text" for field in dataset.fields.all())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {relation.table} ORDER BY c1" if relation else "SELECT WHERE false")
        return cursor.fetchall()


def kept(run: Run) -> list[Any]:
    return sorted(Rejected.objects.filter(run=run.pk).values_list("position", "field", "rule", "value"))


def table(values: dict[str, list[Any]], **columns: pa.Array) -> pa.Table:
    return pa.table({name: columns.get(name, pa.array(cells, TYPES[name])) for name, cells in values.items()})


@pytest.fixture
def as_text(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on nothing is believed of any cell but its text."""

    def switch() -> None:
        monkeypatch.setattr(staging.direct, "is_vouched", lambda fields, types: False)
        monkeypatch.setattr(staging.direct, "line_form", lambda fields, positioned: None)

    return switch


@pytest.fixture
def vouched(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each load could go straight in."""
    answers: list[bool] = []
    ask = staging.direct.is_vouched
    monkeypatch.setattr(staging.direct, "is_vouched", lambda *told: answers.append(ask(*told)) or answers[-1])
    return answers


@pytest.mark.parametrize(
    ("cells", "status", "rejected"),
    [(table(GOOD), "succeeded", 0), (table(BAD), "partial", 3), (table(GOOD, **FAR), "partial", 3)],
    ids=["good", "bad", "far"],
)
def test_typed_load_ends_as_one_of_texts(
    load: Callable[..., Loaded],
    vouched: list[bool],
    as_text: Callable[[], None],
    cells: pa.Table,
    status: str,
    rejected: int,
) -> None:
    straight = load(cells, "straight")
    is_vouched = list(vouched)
    as_text()
    plain = load(cells, "plain")

    assert is_vouched[0]
    assert straight == plain
    assert straight[:2] == (status, rejected)


def test_times_without_zone_are_in_the_zone_of_the_stream(load: Callable[..., Loaded]) -> None:
    found = load(table(GOOD), "zoned", timezone="Asia/Shanghai")

    assert found[2][0][5:7] == ("2024-02-29 04:30:01.25", "2024-02-29 12:30:01")


def test_dataset_takes_its_fields_from_the_file(files: Source, folder: Path, run_of: RunOf) -> None:
    parquet.write_table(table(GOOD), folder / "own.parquet")
    made = register_dataset(actor=HUB, agency=files.agency, key="met.own", title="Own", discover=True)
    run = run_of(stream_of(files, made, key="own", select={"path": "own.parquet"}))

    types = ["integer", "integer", "decimal", "number", "date", "datetime", "datetime", "boolean", "string"]
    assert run.status == "succeeded"
    assert [field.type for field in made.fields.all()] == types
