"""The daily figures of an epidemic as they came, a file a day: read one after another, corrected by what came later."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection

from hub.catalog.models import Dataset
from hub.store.models import Relation
from tests.realdata.conftest import Apply, Sync, api_of, rows_of

TEXTS: Final = ("date", "country", "countryCode", "province", "provinceCode", "city", "cityCode")
FIGURES: Final = ("confirmed", "suspected", "cured", "dead")
NAMES: Final = (*TEXTS, *FIGURES)
BY_DAY: Final = ("date", "country", "province", "city")
BY_PLACE: Final = ("country", "province", "city")
Row = dict[str, Any]
Key = tuple[str | None, ...]


def manifest(folder: Path, key: tuple[str, ...]) -> str:
    types = {"date": "date", **dict.fromkeys(FIGURES, "integer")}
    fields = "".join(
        f'[[dataset.field]]\nname = "{name}"\ntype = "{types.get(name, "string")}"\nsensitivity = "public"\n'
        for name in NAMES
    )
    return f"""
[[agency]]
code = "nhc"
name = "Health Commission"
[[agency]]
code = "ops"
name = "Operations"
[[client]]
agency = "ops"
name = "app"
[[source]]
key = "reports"
agency = "nhc"
kind = "file"
config = {{ url = "{folder.as_uri()}/" }}
[[dataset]]
key = "nhc.epidemic"
title = "Daily figures"
primary_key = {json.dumps(key)}
{fields}
[[stream]]
key = "epidemic"
source = "reports"
dataset = "nhc.epidemic"
mode = "merge"
select = {{ path = "2020-*.json" }}
"""


@pytest.fixture
def days(real_data: Path) -> list[Path]:
    """The real files, day by day."""
    return sorted((real_data / "cn-epidemic-daily").glob("*.json"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reports arrive."""
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


def records(path: Path) -> list[Row]:
    return json.loads(path.read_text(encoding="utf-8"))


def folded(files: Iterable[Path], key: tuple[str, ...]) -> tuple[dict[Key, Row], list[tuple[Row, Row]]]:
    """What is left where each record takes the place of the one with its key; and what differs, before and after."""
    last: dict[Key, Row] = {}
    changes = []
    for path in files:
        for row in records(path):
            place = tuple(row[name] for name in key)
            if last.get(place, row) != row:
                changes.append((last[place], row))
            last[place] = row
    return last, changes


def as_cells(rows: Iterable[Row]) -> list[list[str]]:
    return sorted(["" if row[name] is None else str(row[name]) for name in NAMES] for row in rows)


def before(dataset: Dataset) -> list[list[str]]:
    """The rows before that the change log keeps, as cells."""
    columns = [dataset.fields.get(name=name).column for name in NAMES]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT before FROM {Relation.objects.get(dataset=dataset).change_log}")
        logged = [json.loads(one) if isinstance(one, str) else one for (one,) in cursor.fetchall()]
    return sorted(["" if row[column] is None else str(row[column]) for column in columns] for row in logged)


def test_figures_of_each_day_add_up_and_a_day_that_is_corrected_is_read_alone(
    days: list[Path], folder: Path, apply: Apply, sync: Sync
) -> None:
    apply(manifest(folder, BY_DAY))
    counted = []
    for path in days:
        shutil.copy(path, folder)
        run = sync("epidemic")
        counted.append((run.status, run.rows_read, run.inserted, run.updated, run.rejected))
    expected, changes = folded(days, BY_DAY)
    dataset = Dataset.objects.get()

    assert counted == [("succeeded", len(records(path)), len(records(path)), 0, 0) for path in days]
    assert (len(expected), changes) == (8_217, [])  # no file says anything of another day than its own
    assert sorted(rows_of(api_of("ops"), "nhc.epidemic")[1:]) == as_cells(expected.values())
    assert before(dataset) == []

    early = folder / days[3].name
    corrected = records(early)
    old = next(row for row in corrected if (row["province"], row["city"]) == (None, None))
    new = {**old, "confirmed": old["confirmed"] + 1}
    early.write_text(json.dumps([new if row is old else row for row in corrected]))
    run = sync("epidemic")
    expected, _ = folded(sorted(folder.iterdir()), BY_DAY)

    assert (run.rows_read, run.inserted, run.updated) == (len(corrected), 0, 1)
    assert before(dataset) == as_cells([old])
    assert sorted(rows_of(api_of("ops"), "nhc.epidemic")[1:]) == as_cells(expected.values())


def test_later_days_correct_the_latest_figures_of_each_place_and_the_rows_before_are_kept(
    days: list[Path], folder: Path, apply: Apply, sync: Sync
) -> None:
    apply(manifest(folder, BY_PLACE))
    runs = []
    for path in days:
        shutil.copy(path, folder)
        runs.append(sync("epidemic"))
    expected, changes = folded(days, BY_PLACE)
    fallen = {name: sum(after[name] < row[name] for row, after in changes) for name in FIGURES}

    assert {run.status for run in runs} == {"succeeded"}
    assert sum(run.rows_read for run in runs) == sum(len(records(path)) for path in days)
    assert sum(run.inserted for run in runs) == len(expected) == 571
    assert sum(run.updated for run in runs) == len(changes) == 8_217 - 571
    assert fallen == {"confirmed": 27, "suspected": 374, "cured": 45, "dead": 4}  # sums that fall have been revised
    assert sorted(rows_of(api_of("ops"), "nhc.epidemic")[1:]) == as_cells(expected.values())
    assert before(Dataset.objects.get()) == as_cells(row for row, _ in changes)


def test_whole_folder_at_once_gives_what_one_day_after_another_gives(
    days: list[Path], folder: Path, apply: Apply, sync: Sync
) -> None:
    apply(manifest(folder, BY_PLACE))
    for path in reversed(days):
        shutil.copy(path, folder)
    run = sync("epidemic")
    expected, _ = folded(days, BY_PLACE)

    assert (run.status, run.rows_read, run.inserted) == ("succeeded", 8_217, 571)
    assert sorted(rows_of(api_of("ops"), "nhc.epidemic")[1:]) == as_cells(expected.values())
