"""A dataset of extremes, brought in through the intake and read through the door by the serving role."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections, transaction

from connectors.base import copy_lines
from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset, Field
from hub.local import postgres
from hub.predicates import FIELD_TYPES
from hub.query.door import RowsPage, read_rows, stream_rows
from hub.query.params import parse_rows_query
from hub.store.intake import quarantine, staging
from hub.store.intake.contract import contract_of
from hub.store.intake.load import Outcome, publish
from hub.store.intake.staging import Staging
from policies.access import Access
from policies.models import Rule
from tests.totality import comparing
from tests.totality.extremes import rows

KEY = "dot.extremes"


@pytest.fixture
def dataset(transactional_db: None) -> Dataset:
    """One field of each type, called by it, and a key."""
    owner = Agency.objects.create(code="dot", name="Transport")
    Agency.objects.create(code="ops", name="Operations")
    dataset = Dataset.objects.create(agency=owner, key=KEY, title="Extremes", status="published", primary_key=["id"])
    for number, name in enumerate(("id", *FIELD_TYPES), start=1):
        type_ = "integer" if name == "id" else name
        Field.objects.create(dataset=dataset, number=number, name=name, type=type_, sensitivity="public")
    return dataset


@pytest.fixture
def load(dataset: Dataset) -> Callable[..., Outcome]:
    """Bring rows of text cells in, as a run does."""

    def loaded(rows: Sequence[Mapping[str, str | None]]) -> Outcome:
        run = uuid4()
        into = Staging(f"r{run.hex}_1", contract_of(dataset))
        staging.create(into)
        cells = [[row.get(field.name) for field in into.fields] for row in rows]
        staging.copy_in(into, [copy_lines([(str(n), *row) for n, row in enumerate(cells)])], positioned=True)
        refused = quarantine.check(into, dataset, run)
        with transaction.atomic():
            outcome = publish(into, dataset, "replace", run)
        staging.drop(into)
        assert (outcome.inserted, outcome.rejected) == (len(rows) - refused, 0)
        return outcome

    return loaded


@pytest.fixture
def extremes(dataset: Dataset, load: Callable[..., Outcome]) -> Dataset:
    assert load(rows()).inserted == len(rows())
    return dataset


@pytest.fixture
def mask(dataset: Dataset) -> Callable[[Mapping[str, Access]], None]:
    """Show each of these fields so from now on, and all others in clear."""

    def masked(accesses: Mapping[str, Access]) -> None:
        Rule.objects.all().delete()
        words = {"status": "approved", "reason": "Because", "author": "a", "approver": "b", "target_dataset": dataset}
        Rule.objects.bulk_create(
            Rule(key=f"show-{name}", target_field=name, access=access.as_json(), **words)
            for name, access in accesses.items()
        )
        bump_epoch()

    return masked


@pytest.fixture
def read() -> Callable[..., RowsPage]:
    """A page as ``ops``, who reads through masks."""
    return lambda **params: read_rows(reader("ops"), KEY, parse_rows_query({name: [v] for name, v in params.items()}))


@pytest.fixture
def stream() -> Callable[..., str]:
    """All rows in one text; the owner ``dot`` sees them as they are."""

    def streamed(agency: str = "ops", **params: str) -> str:
        query = parse_rows_query({name: [value] for name, value in {"limit": "all", **params}.items()})
        return b"".join(stream_rows(reader(agency), KEY, query).chunks).decode()

    return streamed


@pytest.fixture
def compare(read: Callable[..., RowsPage], stream: Callable[..., str]) -> Callable[..., dict[str, set[int]]]:
    """Ask each filter; answers those that find other rows than Python finds among what is shown."""
    return partial(comparing.compare, read, stream)


@pytest.fixture(autouse=True)
def silent(transactional_db: None) -> Iterator[None]:
    """Nothing that the test asks makes the database complain, in its log least of all."""
    if not postgres.data().exists():
        yield
        return
    before = {log: log.stat().st_size for log in _logs()}
    backends = {_backend(name) for name in ("default", "serving")}
    yield
    backends |= {_backend(name) for name in ("default", "serving")}
    said = "".join(log.read_bytes()[before.get(log, 0) :].decode(errors="replace") for log in _logs())
    lines = [line for line in said.splitlines() if re.search(r" (WARNING|ERROR|FATAL|PANIC): ", line)]
    assert [line[:300] for line in lines if any(f"[{pid}]" in line for pid in backends)] == []


def reader(agency: str) -> Caller:
    return Caller(agency=agency, email=f"reader@{agency}.example", epoch=current_epoch())


def _logs() -> list[Path]:
    return sorted((postgres.data() / "log").glob("*.log"))


def _backend(name: str) -> int:
    with connections[name].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
