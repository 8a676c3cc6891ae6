"""What goes straight into typed columns ends as what comes in as text: rows, quarantine, counters and change log."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from connectors.base import copy_lines
from hub.catalog.models import Dataset, Field
from hub.predicates import FieldType
from hub.store.intake import quarantine, staging
from hub.store.intake.contract import MAX_CELL, contract_of
from hub.store.intake.load import Mode, is_first, publish
from hub.store.intake.staging import NotDirect, Staging
from hub.store.models import Rejected, Relation
from hub.store.tables import ensure_relation

from .test_contract import BAD, GOOD

VALUES: dict[tuple[str, str], Sequence[str]] = {
    ("integer", "int2"): ["0", "-32768", "32767"],
    ("integer", "int8"): ["0", "-9223372036854775808", "9223372036854775807", "7"],
    ("integer", "oid"): ["4294967295", "0"],
    ("number", "float8"): ["0", "-0", "NaN", "Infinity", "-Infinity", "1e308", "5e-324", "1e15", "0.1", "123456789.5"],
    ("number", "int4"): ["0", "1000000000", "-2147483648"],
    ("decimal", "numeric"): [
        "0", "-0.00", "1.50", "NaN", "Infinity", "-Infinity", "1e50", "-1.1e51", "1e998", "1e1000", "1e-60", "1e-999",
        "123456789012345678901234567890.123456789012345678901234567890",
    ],
    ("decimal", "int8"): ["-5", "9223372036854775807"],
    ("boolean", "bool"): ["true", "false"],
    ("date", "date"): [
        "0001-01-01", "0001-12-31 BC", "4713-01-01 BC", "9999-12-31", "10000-01-01", "5874897-12-31", "infinity",
        "-infinity", "2024-02-29",
    ],
    ("datetime", "timestamp"): [
        "0001-01-01 00:00:00", "0001-12-31 23:59:59 BC", "9999-12-31 23:59:59.999999", "10000-01-01 00:00:00",
        "infinity", "-infinity", "2024-02-29 12:00:00.5", "294276-12-31 23:59:59.999999",
    ],
    ("datetime", "timestamptz"): [
        "0001-01-01 00:00:00+00", "0001-01-01 00:00:00+08", "9999-12-31 23:59:59-05", "infinity", "-infinity",
        "2024-02-29 23:30:00.123456-03:30",
    ],
    ("time", "time"): ["00:00:00", "24:00:00", "23:59:59.999999", "12:30:00.5"],
    ("string", "text"): ["", " ", "\\N", "\\.", "a\tb\\\n\r", "浦东新区", "x" * 2000, "A1"],
    ("string", "bpchar"): ["a ", ""],
}  # fmt: skip
"""For each type of field and the source's type that vouches for it, what the source can hold; a usual value last."""
LIMITS = {
    "integer": ("-40000", "1000000"),
    "number": ("-1e10", "1e100"),
    "decimal": ("-1000", "1e40"),
    "date": ("1900-01-01", "2100-01-01"),
    "datetime": ("1900-01-01T00:00:00Z", "2100-01-01T00:00:00+08:00"),
    "time": ("00:00:01", "23:00"),
}
HIGHEST = {
    "integer": "9223372036854775807",
    "number": "1e308",
    "decimal": "1e400",
    "date": "9999-12-31",
    "datetime": "9999-12-31T23:59:59Z",
    "time": "23:59:59.999999",
}
State = dict[str, Any]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(12))
def test_typed_source_ends_alike_by_both_ways(dataset: Dataset, seed: int) -> None:
    draw = random.Random(seed)
    kinds = draw.sample(list(VALUES), 5)
    types = ("int4", *(type_ for _, type_ in kinds))
    _fields(dataset, draw, [type_ for type_, _ in kinds])
    loads = [(mode, _typed_lines(draw, kinds)) for mode in ("replace", draw.choice(["replace", "merge", "append"]))]

    direct = [_loaded(dataset, lines, mode, types=types, positioned=False) for mode, lines in loads]
    _forget(dataset)
    as_text = [_loaded(dataset, lines, mode, is_direct=False, positioned=False) for mode, lines in loads]

    _assert_alike(direct, as_text)
    assert direct[0]["outcome"].inserted > 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(12))
def test_cells_of_files_end_alike_by_both_ways(dataset: Dataset, seed: int) -> None:
    draw = random.Random(seed)
    kinds = draw.sample(["string", "integer", "number", "decimal", "boolean", "date", "datetime", "time"], 4)
    _fields(dataset, draw, kinds)
    loads = [(mode, _cells(draw, kinds)) for mode in ("replace", draw.choice(["replace", "merge", "append"]))]

    direct = [_loaded(dataset, lines, mode) for mode, lines in loads]
    _forget(dataset)
    as_text = [_loaded(dataset, lines, mode, is_direct=False) for mode, lines in loads]

    _assert_alike(direct, as_text)
    assert direct[0]["outcome"].inserted > 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_limited", [False, True])
@pytest.mark.parametrize("kind", list(VALUES))
def test_each_typed_value_ends_alike_by_both_ways(dataset: Dataset, kind: tuple[str, str], is_limited: bool) -> None:
    _one_field(dataset, kind[0], is_limited)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE source (id int, v {kind[1]})")
        for number, value in enumerate(VALUES[kind]):
            cursor.execute(f"INSERT INTO source SELECT %s, %s::{kind[1]}", [number, value])
        lines: list[bytes] = []
        shown = "v::text" if kind[1] == "bool" else "v"
        cursor.copy_expert(f"COPY (SELECT id, {shown} FROM source ORDER BY id) TO STDOUT", _Taking(lines))
        cursor.execute("DROP TABLE source")
    chunk = b"".join(lines)

    direct = _loaded(dataset, chunk, "replace", types=("int4", kind[1]), positioned=False)
    _forget(dataset)

    _assert_alike([direct], [_loaded(dataset, chunk, "replace", is_direct=False, positioned=False)])
    assert direct["broken"] + direct["outcome"].inserted == len(VALUES[kind])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_limited", [False, True])
@pytest.mark.parametrize("kind", list(GOOD))
def test_each_cell_ends_alike_by_both_ways(dataset: Dataset, kind: FieldType, is_limited: bool) -> None:
    _one_field(dataset, kind, is_limited)
    cells = [*GOOD[kind], *BAD.get(kind, [])]
    chunk = copy_lines([(str(number + 2), str(number), cell) for number, cell in enumerate(cells)])

    direct = _loaded(dataset, chunk, "replace")
    _forget(dataset)

    _assert_alike([direct], [_loaded(dataset, chunk, "replace", is_direct=False)])
    assert direct["broken"] >= len(BAD.get(kind, []))


@pytest.mark.django_db(transaction=True)
def test_longest_text_ends_alike_by_both_ways(dataset: Dataset) -> None:
    _one_field(dataset, "string", is_limited=False)
    chunk = copy_lines([("2", "1", "x" * MAX_CELL), ("3", "2", "x" * (MAX_CELL + 1))])

    direct = _loaded(dataset, chunk, "replace")
    _forget(dataset)

    _assert_alike([direct], [_loaded(dataset, chunk, "replace", is_direct=False)])
    assert [(position, rule) for position, _, rule, *_ in direct["rejected"]] == [(3, "size")]


def _one_field(dataset: Dataset, type_: str, is_limited: bool) -> None:
    """A key and one field; where limited, so that no value at all is high enough."""
    dataset.fields.all().delete()
    Dataset.objects.filter(pk=dataset.pk).update(primary_key=["id"])
    Field.objects.create(dataset=dataset, number=1, name="id", type="integer")
    least = HIGHEST.get(type_, "") if is_limited else ""
    Field.objects.create(dataset=dataset, number=2, name="v", type=type_, minimum=least)
    dataset.refresh_from_db()


def _fields(dataset: Dataset, draw: random.Random, types: Sequence[str]) -> None:
    """A key and a field of each type, at random with what its contract can ask."""
    dataset.fields.all().delete()
    Dataset.objects.filter(pk=dataset.pk).update(primary_key=["id"])
    Field.objects.create(dataset=dataset, number=1, name="id", type="integer")
    for number, type_ in enumerate(types, start=2):
        minimum, maximum = LIMITS.get(type_, ("", ""))
        Field.objects.create(
            dataset=dataset,
            number=number,
            name=f"f{number}",
            type=type_,
            is_required=draw.random() < 0.2,
            minimum=minimum if draw.random() < 0.4 else "",
            maximum=maximum if draw.random() < 0.4 else "",
            pattern="[0-9A-Za-z.: -]*" if type_ in ("string", "integer", "date") and draw.random() < 0.3 else "",
        )
    dataset.refresh_from_db()


def _typed_lines(draw: random.Random, kinds: Sequence[tuple[str, str]]) -> bytes:
    """COPY text as a real PostgreSQL writes it of a table with these columns."""
    columns = ", ".join(f"v{place} {type_}" for place, (_, type_) in enumerate(kinds))
    outs = ", ".join(f"v{place}::text" if type_ == "bool" else f"v{place}" for place, (_, type_) in enumerate(kinds))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE source (n serial, id int, {columns})")
        for _ in range(60):
            values = [draw.choice([*VALUES[kind], None]) if draw.random() < 0.4 else VALUES[kind][-1] for kind in kinds]
            marks = ", ".join(f"%s::{type_}" for _, type_ in kinds)
            cursor.execute(
                f"INSERT INTO source SELECT nextval('source_n_seq'), %s, {marks}",
                [draw.choice([None, *range(60)]) if draw.random() < 0.1 else draw.randrange(10**6), *values],
            )
        lines: list[bytes] = []
        cursor.copy_expert(f"COPY (SELECT id, {outs} FROM source ORDER BY n) TO STDOUT", _Taking(lines))
        cursor.execute("DROP TABLE source")
    return b"".join(lines)


def _cells(draw: random.Random, kinds: Sequence[str]) -> bytes:
    rows = []
    for line in range(1, 80):
        key = str(draw.randrange(40)) if draw.random() < 0.2 else str(line + 1000)
        cells = [_cell(draw, kind) for kind in kinds]
        rows.append([str(line + 1), draw.choice([key, key, key, f"+{key}", f"0{key}"]), *cells])
    return copy_lines(rows)


def _cell(draw: random.Random, kind: str) -> str | None:
    if draw.random() < 0.5:
        return {"time": "12:30:00", "date": "2000-01-31", "datetime": "2000-01-31 08:00:00Z"}.get(kind, "1")
    bad = BAD.get(kind, []) if draw.random() < 0.4 else []  # type: ignore[call-overload]
    return draw.choice([*GOOD[kind], *bad, None])  # type: ignore[index]


def _loaded(
    dataset: Dataset,
    lines: bytes,
    mode: Mode,
    *,
    is_direct: bool = True,
    types: tuple[str, ...] = (),
    positioned: bool = True,
) -> State:
    """Load as a run does, and tell all that came of it."""
    run = uuid4()
    relation = ensure_relation(dataset)
    into = Staging(f"r{run.hex}_1", contract_of(dataset), is_first(dataset, relation, mode), is_direct)
    try:
        staging.create(into)
        staging.copy_in(into, [lines], positioned=positioned, types=types)
        broken = quarantine.check(into, dataset, run)
        with transaction.atomic():
            outcome = publish(into, dataset, mode, run)
            cursor_value = staging.greatest(into, "id")
    except NotDirect:
        assert is_direct
        assert not types
        return _loaded(dataset, lines, mode, is_direct=False, positioned=positioned)
    finally:
        staging.drop(into)
    relation.refresh_from_db()
    columns = ", ".join(f"{field.column}::text" for field in dataset.fields.all())
    return {
        "broken": broken,
        "outcome": outcome,
        "cursor": cursor_value,
        "rows": _all(f"SELECT {columns}, _v FROM {relation.table} ORDER BY 1"),
        "log": _all(f"SELECT _v, op, before - '_r' FROM {relation.change_log} ORDER BY 1, 2, 3"),
        "rejected": sorted(
            Rejected.objects.filter(run=run).values_list("position", "field", "rule", "message", "value"), key=repr
        ),
    }


def _assert_alike(states: Sequence[State], others: Sequence[State]) -> None:
    for state, other in zip(states, others, strict=True):
        for name in state:
            if isinstance(state[name], list):
                assert [r for r in state[name] if r not in other[name]] == [
                    r for r in other[name] if r not in state[name]
                ]
            assert state[name] == other[name]


def _forget(dataset: Dataset) -> None:
    relation = Relation.objects.get(dataset=dataset)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {relation.table}, {relation.change_log}")
    relation.delete()


def _all(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


class _Taking:
    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def write(self, line: bytes) -> None:
        self._lines.append(bytes(line))
