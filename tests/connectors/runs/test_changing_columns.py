"""A table whose columns come, go, are renamed or change their type, under each contract; the rows are what it says."""

from typing import Any

import pytest

from connectors.commands import edit_stream
from connectors.models import Source, Stream
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.models import Rejected
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import Execute, logged, shown

DAY = "2020-01-01 00:00:00"
ADDED = "ALTER TABLE things ADD phone text DEFAULT '555'"
RENAMED = "ALTER TABLE things RENAME name TO title"
DROPPED = "ALTER TABLE things DROP name"


@pytest.fixture
def stream(dataset: Dataset, registry: Source, execute: Execute, run_of: RunOf) -> Stream:
    """A table with one row, which has come in."""
    execute("CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz)")
    execute(f"INSERT INTO things VALUES (1, 'one', '{DAY}Z')")
    made = stream_of(registry, dataset, select={"table": "things"})
    assert run_of(made).status == "succeeded"
    made.refresh_from_db()
    return made


@pytest.mark.parametrize(("columns", "status"), [("hold", "held"), ("fail", "failed")])
@pytest.mark.parametrize("change", [ADDED, RENAMED, DROPPED])
def test_other_columns_change_nothing_where_they_are_not_to(
    stream: Stream, execute: Execute, run_of: RunOf, change: str, columns: str, status: str
) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"columns": columns})
    execute(change)

    run = run_of(stream)

    assert (run.status, run.error_code, run.version) == (status, "columns-changed", None)
    assert shown(stream.dataset) == {1: ("one", DAY)}
    assert logged(stream.dataset) == []


@pytest.mark.parametrize(
    ("change", "row", "log"),
    [
        (ADDED, ("one", DAY, "555"), [("update", 1, "one")]),
        (RENAMED, (None, DAY, "one"), [("update", 1, "one")]),
        (DROPPED, (None, DAY), [("update", 1, "one")]),
    ],
)
def test_evolving_stream_has_the_columns_that_the_table_has(
    stream: Stream, execute: Execute, run_of: RunOf, change: str, row: tuple[Any, ...], log: list[Any]
) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"columns": "evolve"})
    execute(change)

    run = run_of(stream)

    assert (run.status, run.updated) == ("succeeded", 1)
    assert shown(stream.dataset) == {1: row}
    assert logged(stream.dataset) == log
    assert (run_of(stream).unchanged, logged(stream.dataset)) == (1, log)


@pytest.mark.parametrize("columns", ["hold", "evolve", "fail"])
def test_values_of_another_type_are_kept_out_and_the_row_before_stays_in_a_merge(
    stream: Stream, execute: Execute, run_of: RunOf, columns: str
) -> None:
    edit_stream(actor=HUB, stream=stream, mode="merge", contract={"columns": columns, "max_rejects": "50%"})
    execute("ALTER TABLE things ALTER at TYPE text USING 'yesterday', ALTER id TYPE bigint")
    execute("INSERT INTO things VALUES (2, 'two', '2020-01-02T00:00:00Z')")

    run = run_of(stream)

    assert (run.status, run.inserted, run.rejected) == ("partial", 1, 1)
    assert list(Rejected.objects.values_list("field", "rule", "value")) == [("at", "type", "yesterday")]
    assert shown(stream.dataset) == {1: ("one", DAY), 2: ("two", "2020-01-02 00:00:00")}


def test_values_of_another_type_fail_the_run_where_the_contract_wants_it(
    stream: Stream, execute: Execute, run_of: RunOf
) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"types": "fail", "columns": "evolve"})
    run_of(stream)
    execute("ALTER TABLE things ALTER at TYPE text")

    run = run_of(stream)

    assert (run.status, run.error_code) == ("failed", "type-changed")
    assert shown(stream.dataset) == {1: ("one", DAY)}
