"""Bounds that a slip of the intake does not stay within: what goes straight in, and what a replacement writes."""

import statistics
import time
from collections.abc import Sequence
from uuid import uuid4

import pytest
from django.db import connection, transaction

from hub.catalog.models import Dataset, Field
from hub.store.intake import quarantine, staging
from hub.store.intake.contract import contract_of
from hub.store.intake.lines import Lines
from hub.store.intake.load import Outcome, is_first, publish
from hub.store.intake.staging import Staging
from hub.store.models import Relation
from hub.store.tables import ensure_relation

ROWS = 100_000
ROUNDS = 3
TYPES = ("int8", "text", "numeric", "date", "timestamptz", "bool")
FIELDS = ("integer", "string", "decimal", "date", "datetime", "boolean")


@pytest.fixture
def dataset(dataset: Dataset) -> Dataset:
    return _like(dataset, "met.first")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("types", "positioned", "limit"), [(TYPES, False, 10.0), ((), True, 10.0)])
def test_first_load_takes_a_few_times_as_long_as_a_bare_copy(
    dataset: Dataset, types: tuple[str, ...], positioned: bool, limit: float
) -> None:
    chunks = _chunks(ROWS, positioned=positioned)
    copies, loads = [], []
    for number in range(ROUNDS):
        copies.append(_seconds_of_copy(_chunks(ROWS, positioned=False)))
        began = time.perf_counter()
        outcome = _loaded(_like(dataset, f"met.r{number}"), chunks, types, positioned=positioned)
        loads.append(time.perf_counter() - began)
        assert outcome == Outcome(version=1, before=0, inserted=ROWS)

    assert statistics.median(loads) < limit * statistics.median(copies)


@pytest.mark.django_db(transaction=True)
def test_replacement_writes_what_has_changed_and_no_more(dataset: Dataset) -> None:
    _loaded(dataset, _chunks(ROWS // 10, positioned=False), TYPES)
    before = _written(dataset)

    outcome = _loaded(dataset, _chunks(ROWS // 10, positioned=False, changed_every=100), TYPES)

    assert outcome == Outcome(version=2, before=ROWS // 10, updated=ROWS // 1000, unchanged=ROWS // 10 - ROWS // 1000)
    assert [now - then for now, then in zip(_written(dataset), before, strict=True)] == [0, ROWS // 1000, 0]


def _like(dataset: Dataset, key: str) -> Dataset:
    made = Dataset.objects.create(agency=dataset.agency, key=key, title=key, primary_key=["f1"])
    for number, type_ in enumerate(FIELDS, start=1):
        Field.objects.create(dataset=made, number=number, name=f"f{number}", type=type_)
    return made


def _chunks(rows: int, *, positioned: bool, changed_every: int = 0) -> list[bytes]:
    """COPY text of rows, a thousand a chunk; of ``changed_every`` rows one has another text."""
    lines = [
        f"{row}\t{'changed' if changed_every and row % changed_every == 0 else f'name {row}'}\t{row}.50"
        f"\t2020-01-{row % 28 + 1:02}\t2020-01-01 00:{row % 60:02}:00+00\t{'true' if row % 2 else 'false'}\n"
        for row in range(rows)
    ]
    if positioned:
        lines = [f"{place}\t{line}" for place, line in enumerate(lines, start=2)]
    return ["".join(lines[at : at + 1000]).encode() for at in range(0, rows, 1000)]


def _seconds_of_copy(chunks: Sequence[bytes]) -> float:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare")
        cursor.execute("CREATE TABLE bare (a bigint, b text, c numeric, d date, e timestamptz, f boolean)")
        began = time.perf_counter()
        cursor.copy_expert("COPY bare FROM STDIN", Lines(chunks), size=1 << 20)
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE bare")
    return seconds


def _loaded(dataset: Dataset, chunks: Sequence[bytes], types: tuple[str, ...], *, positioned: bool = False) -> Outcome:
    run = uuid4()
    relation = ensure_relation(dataset)
    into = Staging(f"r{run.hex}_1", contract_of(dataset), is_first(dataset, relation, "replace"))
    staging.create(into)
    staging.copy_in(into, chunks, positioned=positioned, types=types)
    assert quarantine.check(into, dataset, run) == 0
    assert _is_empty(into.table)
    with transaction.atomic():
        outcome = publish(into, dataset, "replace", run)
    staging.drop(into)
    return outcome


def _is_empty(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT NOT EXISTS (SELECT FROM {table})")
        return bool(cursor.fetchone()[0])


def _written(dataset: Dataset) -> tuple[int, int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relid = %s::regclass",
            [Relation.objects.get(dataset=dataset).table],
        )
        found: tuple[int, int, int] = cursor.fetchone()
        return found
