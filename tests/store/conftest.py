"""A dataset to load into, and a short way to load text cells."""

from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from hub.accounts.models import Agency
from hub.catalog.models import Dataset, Field
from hub.store.intake.load import Outcome
from hub.store.models import Relation
from tests.feeds import load_cells

Row = Sequence[str | None]
Load = Callable[..., Outcome]


@pytest.fixture
def dataset(transactional_db: None) -> Dataset:
    agency = Agency.objects.create(code="met", name="Weather")
    dataset = Dataset.objects.create(agency=agency, key="met.wind", title="Wind", primary_key=["station", "day"])
    for number, (name, type_) in enumerate((("station", "string"), ("day", "date"), ("speed", "decimal")), start=1):
        Field.objects.create(dataset=dataset, number=number, name=name, type=type_)
    return dataset


@pytest.fixture
def load() -> Load:
    """Load rows of cells, each with its number as its line, and answer what came of it."""

    return load_cells


@pytest.fixture
def stored() -> Callable[[Dataset], list[tuple[object, ...]]]:
    """The rows of a dataset as they stand, without the hub's own columns, in order."""

    def rows(dataset: Dataset) -> list[tuple[object, ...]]:
        columns = ", ".join(field.column for field in dataset.fields.all())
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {Relation.objects.get(dataset=dataset).table} ORDER BY 1, 2")
            return cursor.fetchall()

    return rows
