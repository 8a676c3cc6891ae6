"""A dataset to load into, and a short way to load text cells."""

from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest
from django.db import connection, transaction

from connectors.base import copy_lines
from hub.accounts.models import Agency
from hub.catalog.models import Dataset, Field
from hub.store.intake import quarantine, staging
from hub.store.intake.contract import contract_of
from hub.store.intake.load import Mode, Outcome, publish
from hub.store.intake.staging import Staging
from hub.store.models import Relation

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

    def loaded(dataset: Dataset, rows: Sequence[Row], mode: Mode = "replace") -> Outcome:
        run = uuid4()
        into = Staging(f"r{run.hex}_1", contract_of(dataset))
        staging.create(into)
        lines = copy_lines([(str(number), *row) for number, row in enumerate(rows, start=1)])
        staging.copy_in(into, [lines[:10], lines[10:]], positioned=True)
        quarantine.check(into, dataset, run)
        with transaction.atomic():
            outcome = publish(into, dataset, mode, run)
        staging.drop(into)
        return outcome

    return loaded


@pytest.fixture
def stored() -> Callable[[Dataset], list[tuple[object, ...]]]:
    """The rows of a dataset as they stand, without the hub's own columns, in order."""

    def rows(dataset: Dataset) -> list[tuple[object, ...]]:
        columns = ", ".join(field.column for field in dataset.fields.all())
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {Relation.objects.get(dataset=dataset).table} ORDER BY 1, 2")
            return cursor.fetchall()

    return rows
