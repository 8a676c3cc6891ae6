"""China's administrative divisions, from files as they are to what the API gives: every cell, whoever names fields."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from hub.catalog.models import Dataset
from tests.api.conftest import Api
from tests.realdata.conftest import Apply, Sync, api_of, digest, rows_of

ROWS = {
    "cn-divisions-provinces": 31,
    "cn-divisions-cities": 342,
    "cn-divisions-areas": 2_978,
    "cn-divisions-streets": 41_352,
    "cn-area-codes": 3_212,
}
HUB_OF_DIVISIONS = """
[[agency]]
code = "mca"
name = "Civil Affairs"
[[agency]]
code = "ops"
name = "Operations"
[[client]]
agency = "mca"
name = "app"
[[client]]
agency = "ops"
name = "app"
[[source]]
key = "divisions"
agency = "mca"
kind = "file"
config = {{ url = "{url}" }}
[[dataset]]
key = "mca.divisions"
title = "Administrative divisions"
primary_key = ["code"]
discover = {discover}
{fields}
[[stream]]
key = "divisions"
source = "divisions"
dataset = "mca.divisions"
select = {{ path = "{file}" }}
"""
FIELD = """
[[dataset.field]]
name = "{name}"
type = "string"
sensitivity = "public"
required = true
"""


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def first_page(api: Api) -> Any:
    return json.loads(api.get("datasets/mca.divisions/rows", {"limit": "1"}).content)


def declared(folder: Path, file: str, header: list[str]) -> str:
    fields = "".join(FIELD.format(name=name) for name in header)
    return HUB_OF_DIVISIONS.format(url=f"{folder.as_uri()}/", discover="false", fields=fields, file=file)


def discovered(folder: Path, file: str) -> str:
    return HUB_OF_DIVISIONS.format(url=f"{folder.as_uri()}/", discover="true", fields="", file=file)


@pytest.mark.parametrize(("name", "count"), ROWS.items())
def test_declared_divisions_reach_another_agency_cell_by_cell(
    real_data: Path, apply: Apply, sync: Sync, monkeypatch: pytest.MonkeyPatch, name: str, count: int
) -> None:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(real_data))
    header, *rows = cells(real_data / f"{name}.csv")
    apply(declared(real_data, f"{name}.csv", header))

    run = sync("divisions")
    given = rows_of(api_of("ops"), "mca.divisions")
    page = first_page(api_of("ops"))

    assert (run.status, run.rows_read, run.inserted, run.rejected) == ("succeeded", count, count, 0)
    assert len(rows) == count
    assert digest(given[0], given[1:]) == digest(header, rows)
    assert {type(value) for value in page["data"][0].values()} == {str}


@pytest.mark.parametrize(("name", "count"), ROWS.items())
def test_discovered_divisions_are_their_owners_until_classified_cell_by_cell(
    real_data: Path, apply: Apply, sync: Sync, monkeypatch: pytest.MonkeyPatch, name: str, count: int
) -> None:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(real_data))
    header, *rows = cells(real_data / f"{name}.csv")
    apply(discovered(real_data, f"{name}.csv"))

    run = sync("divisions")
    given = rows_of(api_of("mca"), "mca.divisions")
    seen = first_page(api_of("ops"))

    assert (run.status, run.inserted, run.rejected) == ("succeeded", count, 0)
    assert digest(given[0], given[1:]) == digest(header, rows)
    assert seen["data"] == [{}]


def test_identifiers_with_leading_zeros_are_found_to_be_text_and_keep_them(
    real_data: Path, apply: Apply, sync: Sync, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    header, *rows = cells(real_data / "cn-divisions-provinces.csv")
    padded = [[code.zfill(6), name] for code, name in rows]
    with (tmp_path / "provinces.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *padded])
    apply(discovered(tmp_path, "provinces.csv"))

    sync("divisions")
    given = rows_of(api_of("mca"), "mca.divisions")

    assert Dataset.objects.get().fields.get(name="code").type == "string"
    assert given[1] == ["000011", "北京市"]
    assert digest(given[0], given[1:]) == digest(header, padded)
