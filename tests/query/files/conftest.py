"""A dataset of every type with what is hard about each, read by an agency that is not its owner."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, Membership, User
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset, Field
from hub.query.files.reading import FileRead, read_file
from hub.query.formats import form_of
from hub.store.models import Relation
from hub.store.roles import ensure_serving_role
from hub.store.tables import ensure_relation
from policies.models import Rule

KEY = "dot.all"
TYPES: Mapping[str, str] = {
    "id": "integer",
    "名字": "string",
    "amount": "decimal",
    "ratio": "number",
    "ok": "boolean",
    "day": "date",
    "at": "datetime",
    "clock": "time",
    "extra": "json",
    "ssn": "string",
}
SECRET = "secret-777"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: Any) -> None:
    """A folder of files for each test."""
    settings.HUB_DATA = tmp_path / "data"


@pytest.fixture
def dataset(transactional_db: None) -> Dataset:
    """Published by ``dot``, still without rows; ``ssn`` is personal."""
    owner = Agency.objects.create(code="dot", name="Transport")
    for agency in (owner, Agency.objects.create(code="ops", name="Operations")):
        user = User.objects.create_user(f"reader@{agency.code}.example")
        Membership.objects.create(user=user, agency=agency)
    made = Dataset.objects.create(agency=owner, key=KEY, title="All", status="published", primary_key=["id"])
    for number, (name, type_) in enumerate(TYPES.items(), start=1):
        Field.objects.create(
            dataset=made, number=number, name=name, type=type_, sensitivity="personal" if name == "ssn" else "public"
        )
    ensure_relation(made)
    ensure_serving_role()
    return made


@pytest.fixture
def fill(dataset: Dataset) -> Callable[..., None]:
    """Put rows in, each a mapping from a field to the text of its cell; the version moves."""

    def filled(*rows: Mapping[str, Any]) -> None:
        relation = Relation.objects.get(dataset=dataset)
        columns = {name: f"c{number}" for number, name in enumerate(TYPES, start=1)}
        with connection.cursor() as cursor:
            for number, row in enumerate(rows, start=1):
                cells = {"id": number, "ssn": SECRET, **row}
                names = ", ".join(columns[name] for name in cells)
                marks = ", ".join(["%s"] * len(cells))
                cursor.execute(f"INSERT INTO {relation.table} ({names}) VALUES ({marks})", list(cells.values()))
        relation.version += 1
        relation.save()

    return filled


@pytest.fixture
def rule(dataset: Dataset) -> Callable[..., Rule]:
    from hub.accounts.commands import bump_epoch

    def made(**values: object) -> Rule:
        values = {"target_dataset": dataset, "reason": "Because", "author": "a", "approver": "b", **values}
        rule = Rule.objects.create(key=f"rule-{Rule.objects.count()}", status="approved", **values)
        bump_epoch()
        return rule

    return made


@pytest.fixture
def ops(dataset: Dataset) -> Callable[..., Caller]:
    """A member of ``ops``, as of now."""

    def caller(agency: str = "ops") -> Caller:
        return Caller(agency=agency, email=f"reader@{agency}.example", epoch=current_epoch())

    return caller


@pytest.fixture
def read(ops: Callable[..., Caller]) -> Callable[..., FileRead]:
    return lambda format, agency="ops", **more: read_file(ops(agency), KEY, form_of(format), **more)


@pytest.fixture
def written(read: Callable[..., FileRead], tmp_path: Path) -> Callable[..., Path]:
    """The file that ``agency`` gets, on the disk of the one who reads it."""

    def file(format: str, agency: str = "ops") -> Path:
        got = read(format, agency)
        path = tmp_path / f"view.{format}"
        path.write_bytes(b"".join(got.chunks(0, got.contents.size)))
        return path

    return file
