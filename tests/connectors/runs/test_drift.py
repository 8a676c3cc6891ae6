"""Columns that come, go, are renamed or change their type: held, taken in, or refused, as the contract says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from connectors.commands import edit_stream, register_source, release_run
from connectors.models import Run, Source, Stream
from connectors.runs.drift import Drift
from connectors.runs.runner import carry_out
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.models import Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import Execute

GOOD = "id,name,at\n1,one,2020-01-01T00:00:00Z\n"
WIDER = "id,name,at,phone\n1,one,2020-01-01T00:00:00Z,555\n2,two,2020-01-01T00:00:00Z,556\n"
NARROWER = "id,at\n1,2020-01-01T00:00:00Z\n"
RENAMED = "id,title,at\n1,uno,2020-01-01T00:00:00Z\n"
Write = Callable[[str], None]


def shown(dataset: Dataset) -> list[tuple[Any, ...]]:
    columns = ", ".join(field.column for field in dataset.fields.all())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {Relation.objects.get(dataset=dataset).table} ORDER BY 1")
        return [tuple(str(value) if place == 2 else value for place, value in enumerate(row)) for row in cursor]


@pytest.fixture
def write(stream: Stream, folder: Path, run_of: RunOf) -> Write:
    """Write the file anew, which came in as it was before."""

    def written(content: str) -> None:
        (folder / "things.csv").write_text(content)

    written(GOOD)
    assert run_of(stream).status == "succeeded"
    return written


def evolving(stream: Stream, how: str) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"columns": how})


def test_columns_that_were_there_from_the_beginning_are_no_news(stream: Stream, folder: Path, run_of: RunOf) -> None:
    (folder / "things.csv").write_text(WIDER)

    assert [run_of(stream).status, run_of(stream).status] == ["succeeded", "succeeded"]
    assert stream.dataset.fields.count() == 3


@pytest.mark.parametrize(
    ("content", "difference"),
    [
        (WIDER, {"added": ["phone"], "gone": []}),
        (NARROWER, {"added": [], "gone": ["name"]}),
        (RENAMED, {"added": ["title"], "gone": ["name"], "renamed": ["name", "title"]}),
    ],
)
def test_change_is_held_and_shown_and_the_dataset_stays(
    stream: Stream, write: Write, run_of: RunOf, content: str, difference: dict[str, Any]
) -> None:
    write(content)

    run = run_of(stream)

    assert (run.status, run.error_code, run.difference) == ("held", "columns-changed", difference)
    assert Relation.objects.get(dataset=stream.dataset).version == 1
    assert stream.dataset.fields.count() == 3

    write(GOOD)
    assert run_of(stream).status == "succeeded"


def test_released_change_comes_in_hidden_and_is_no_news_again(stream: Stream, write: Write, run_of: RunOf) -> None:
    write(WIDER)
    run = release_run(actor=HUB, run=run_of(stream))
    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.inserted, run.updated) == ("succeeded", 1, 1)
    phone = stream.dataset.fields.get(name="phone")
    assert (phone.sensitivity, phone.type) == ("unclassified", "string")
    assert [row[3] for row in shown(stream.dataset)] == ["555", "556"]
    assert run_of(stream).status == "succeeded"


def test_released_run_that_meets_another_change_is_held_again(stream: Stream, write: Write, run_of: RunOf) -> None:
    write(WIDER)
    run = release_run(actor=HUB, run=run_of(stream))
    write(WIDER.replace("phone", "mobile"))

    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.difference["added"]) == ("held", ["mobile"])


@pytest.mark.parametrize("content", [NARROWER, RENAMED])
def test_evolving_stream_takes_what_comes_and_empties_what_has_gone(
    stream: Stream, write: Write, run_of: RunOf, content: str
) -> None:
    evolving(stream, "evolve")
    write(content)

    first, second = run_of(stream), run_of(stream)

    assert (first.status, first.updated, second.status, second.unchanged) == ("succeeded", 1, "succeeded", 1)
    assert [row[:2] for row in shown(stream.dataset)] == [(1, None)]

    write(GOOD)
    assert run_of(stream).updated == 1
    assert [row[:2] for row in shown(stream.dataset)] == [(1, "one")]


@pytest.mark.parametrize("content", [WIDER, NARROWER, RENAMED])
def test_stream_that_forbids_it_fails(stream: Stream, write: Write, run_of: RunOf, content: str) -> None:
    evolving(stream, "fail")
    write(content)

    run = run_of(stream)

    assert (run.status, run.error_code) == ("failed", "columns-changed")
    assert shown(stream.dataset) == [(1, "one", "2020-01-01 00:00:00")]


@pytest.mark.parametrize("how", ["hold", "evolve"])
def test_key_that_has_gone_fails_whatever_the_contract(stream: Stream, write: Write, run_of: RunOf, how: str) -> None:
    evolving(stream, how)
    write("name,at\none,2020-01-01T00:00:00Z\n")

    assert run_of(stream).error_code == "source-no-column"


def test_field_that_the_source_never_had_is_no_drift(stream: Stream, write: Write, run_of: RunOf) -> None:
    stream.dataset.fields.create(number=9, name="never", type="string")
    evolving(stream, "evolve")

    assert run_of(stream).error_code == "source-no-column"


def test_records_of_an_api_may_leave_out_what_has_no_value(dataset: Dataset, run_of: RunOf) -> None:
    answers = [
        b'[{"id": 1, "name": "one", "at": "2020-01-01T00:00:00Z"}]',
        b'[{"id": 1, "at": "2020-01-01T00:00:00Z"}, {"id": 2, "name": null}]',
        b'[{"id": 1, "at": "2020-01-01T00:00:00Z", "phone": "555"}, {"id": 2, "name": "two"}]',
    ]

    def answer(asked: Asked) -> Reply:
        return Reply(body=answers[0])

    with serving(answer) as served:
        config = {"url": served.url, "allow_loopback": True}
        source = register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)
        stream = stream_of(source, dataset, select={"path": "things"})
        runs: list[Run] = []
        while answers:
            runs.append(run_of(stream))
            answers.pop(0)

    assert [(run.status, run.updated) for run in runs] == [("succeeded", 0), ("succeeded", 1), ("held", 0)]
    assert runs[2].difference == {"added": ["phone"], "gone": []}


def test_run_held_over_values_says_which_column_has_another_type(
    registry: Source, dataset: Dataset, execute: Execute, run_of: RunOf
) -> None:
    execute("CREATE TABLE things (id integer, name text, at timestamptz)")
    execute("INSERT INTO things VALUES (1, 'one', '2020-01-01Z'), (2, 'two', NULL)")
    stream = stream_of(registry, dataset, select={"table": "things"})
    assert run_of(stream).status == "succeeded"
    execute("ALTER TABLE things ALTER COLUMN at TYPE text USING 'on ' || at")
    stream.refresh_from_db()

    run = run_of(stream)

    assert (run.status, run.error_code) == ("held", "too-many-rejects")
    assert run.error_message == (
        "1 of 2 rows break the dataset's contract, more than 1.0%. "
        "The source's columns have other types: at was datetime and is string."
    )


def test_type_that_changed_is_told_apart_from_one_that_was_never_known() -> None:
    seen = {"a": "integer", "b": "", "c": None, "d": "date"}

    drift = Drift.of(seen, {"a": "string", "b": "date", "c": "date", "d": "date"}, absent=())

    assert (drift.added, drift.gone, drift.retyped) == (("c",), (), (("a", "integer", "string"),))
