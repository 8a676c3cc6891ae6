"""Rows that a source marks as gone leave the dataset with a trace, and come again when the mark is taken back."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import connection

from connectors.commands import edit_stream, register_source
from connectors.models import Source, Stream
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.commands import edit_dataset, publish_dataset, register_dataset, set_fields
from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.store.models import Rejected, Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import Execute, logged, shown

DAY = "2020-01-01 00:00:00"
HEAD = "id,name,at,status\n"
LETTERS = {"column": "status", "values": ["D", "X"]}


def counted(run: Any) -> tuple[str, int, int, int, int, int]:
    return run.status, run.inserted, run.updated, run.deleted, run.unchanged, run.rejected


def test_soft_deletes_of_a_table_are_merged_by_their_time(
    dataset: Dataset, registry: Source, execute: Execute, run_of: RunOf
) -> None:
    execute("CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz, deleted_at timestamptz)")
    execute(f"INSERT INTO things SELECT i, 'n' || i, '{DAY}Z', NULL FROM generate_series(1, 3) i")
    execute(f"INSERT INTO things VALUES (4, 'never', '{DAY}Z', '{DAY}Z')")
    values = {"mode": "merge", "cursor": "at", "deleted": {"column": "deleted_at"}}
    stream = stream_of(registry, dataset, select={"table": "things"}, **values)

    first = run_of(stream)
    execute("UPDATE things SET deleted_at = '2020-01-02Z', at = '2020-01-02Z', name = NULL WHERE id = 2")
    stream.refresh_from_db()
    second = run_of(stream)
    stream.refresh_from_db()

    assert counted(first) == ("succeeded", 3, 0, 0, 0, 0)
    assert counted(second) == ("succeeded", 0, 0, 1, 2, 0)
    assert stream.cursor_value == "2020-01-02T00:00:00Z"
    assert shown(dataset) == {1: ("n1", DAY), 3: ("n3", DAY)}
    assert logged(dataset) == [("delete", 2, "n2")]
    assert counted(run_of(stream)) == ("succeeded", 0, 0, 0, 0, 0)

    execute("UPDATE things SET deleted_at = NULL, at = '2020-01-03Z', name = 'back' WHERE id = 2")
    assert counted(run_of(stream)) == ("succeeded", 1, 0, 0, 0, 0)
    assert shown(dataset)[2] == ("back", "2020-01-03 00:00:00")


@pytest.mark.parametrize(
    ("cell", "is_gone"),
    [
        *((cell, True) for cell in ("true", "TRUE", "t", "1", "Y", "yes", "2020-01-01", "D", "00")),
        *((cell, False) for cell in ("", "NA", "false", "False", "f", "0", "N", "no", " no ")),
    ],
)
def test_flag_without_values_is_set_by_whatever_is_not_a_no(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf, cell: str, is_gone: bool
) -> None:
    (folder / "things.csv").write_text(f"{HEAD}1,one,,{cell}\n2,two,,\n")
    select = {"path": "things.csv", "missing": ["NA", ""]}
    stream = stream_of(files, dataset, select=select, deleted={"column": "status"})

    assert run_of(stream).status == "succeeded"
    assert set(shown(dataset)) == ({2} if is_gone else {1, 2})


def test_replace_leaves_out_what_is_gone_and_deletes_it(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    stream = stream_of(files, dataset, select={"path": "things.csv", "missing": [""]}, deleted=LETTERS)
    (folder / "things.csv").write_text(f"{HEAD}1,one,,A\n2,two,,d\n3,three,,D\n1,again,,X\n4,four,,\n")
    first = run_of(stream)
    (folder / "things.csv").write_text(f"{HEAD}1,one,,X\n2,two,,A\n3,three,,A\n4,four,,\n")
    second = run_of(stream)

    assert counted(first) == ("succeeded", 3, 0, 0, 0, 0)
    assert counted(second) == ("succeeded", 1, 0, 1, 2, 0)
    assert set(shown(dataset)) == {2, 3, 4}
    assert logged(dataset) == [("delete", 1, "one")]


def test_gone_rows_of_an_api_need_no_more_than_their_key(dataset: Dataset, run_of: RunOf) -> None:
    required = [{"name": "name", "required": True}, {"name": "at", "min": "2020-01-01T00:00:00Z"}]
    set_fields(actor=HUB, dataset=dataset, fields=required)
    answers: list[list[dict[str, Any]]] = [
        [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
        [{"id": 1, "gone": True, "at": "long ago"}, {"id": 9, "gone": True}, {"id": "x", "gone": True}],
    ]

    def answer(asked: Asked) -> Reply:
        return Reply(json.dumps(answers[0]).encode())

    with serving(answer) as served:
        config = {"url": served.url, "allow_loopback": True}
        source = register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)
        contract = {"max_rejects": "50%"}
        stream = stream_of(
            source, dataset, select={"path": "t"}, mode="merge", deleted={"column": "gone"}, contract=contract
        )
        first = run_of(stream)
        answers.pop(0)
        edit_stream(actor=HUB, stream=stream, contract={**contract, "columns": "evolve"})
        set_fields(actor=HUB, dataset=dataset, fields=[{"name": "gone", "type": "boolean"}])
        second = run_of(stream)

    assert counted(first) == ("succeeded", 2, 0, 0, 0, 0)
    assert counted(second) == ("partial", 0, 0, 1, 0, 1)
    assert list(Rejected.objects.values_list("position", "field", "rule")) == [(3, "id", "type")]
    assert {key: row[0] for key, row in shown(dataset).items()} == {2: "two"}


def test_last_word_on_a_key_counts_in_a_merge(dataset: Dataset, files: Source, folder: Path, run_of: RunOf) -> None:
    stream = stream_of(files, dataset, select={"path": "t.csv", "missing": [""]}, mode="merge", deleted=LETTERS)
    (folder / "t.csv").write_text(f"{HEAD}1,one,,A\n2,two,,A\n3,three,,A\n")
    run_of(stream)
    (folder / "t.csv").write_text(f"{HEAD}1,uno,,A\n1,uno,,D\n2,two,,D\n2,zwei,,A\n4,four,,A\n4,four,,X\n")

    run = run_of(stream)

    assert counted(run) == ("succeeded", 0, 1, 1, 0, 0)
    assert {key: row[0] for key, row in shown(dataset).items()} == {2: "zwei", 3: "three"}
    assert logged(dataset) == [("delete", 1, "one"), ("update", 2, "two")]


@pytest.mark.parametrize("seed", range(3))
def test_drawn_merges_end_where_the_model_does(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf, seed: int
) -> None:
    """Also where key fields have no value, and where some lines are not of a form that goes straight in."""
    keyed = register_dataset(
        actor=HUB,
        agency=dataset.agency,
        key="met.keyed",
        title="Keyed",
        primary_key=["id", "part"],
        fields=[{"name": name, "type": "string" if name == "part" else "integer"} for name in ("id", "part", "n")],
    )
    terms = {"max_shrink": "100%"}
    select = {"path": "t.csv", "missing": [""]}
    stream = stream_of(files, keyed, select=select, mode="merge", deleted={"column": "gone"}, contract=terms)
    draw, model = Random(seed), dict[tuple[str, str], str]()
    for _ in range(6):
        came = [
            (draw.choice(["1", "+2", "3", ""]), draw.choice(["a", ""]), draw.choice("123"), draw.choice(["", "", "1"]))
            for _ in range(draw.randrange(1, 7))
        ]
        (folder / "t.csv").write_text("id,part,n,gone\n" + "".join(",".join(row) + "\n" for row in came))
        for key, part, number, gone in came:
            model[key.strip("+"), part] = number
            if gone:
                del model[key.strip("+"), part]

        assert run_of(stream).error_code == ""
        found = {(row[0] or "", row[1] or ""): row[2] for row in _cells(keyed)}
        assert found == model


def test_column_that_told_of_deletions_does_not_go_unnoticed(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    contract = {"columns": "evolve"}
    stream = stream_of(files, dataset, select={"path": "t.csv"}, mode="merge", deleted=LETTERS, contract=contract)
    (folder / "t.csv").write_text(f"{HEAD}1,one,{DAY},A\n")
    run_of(stream)
    (folder / "t.csv").write_text(f"id,name,at\n1,one,{DAY}\n")

    run = run_of(stream)

    assert (run.status, run.error_code) == ("failed", "source-no-column")
    assert "'status'" in run.error_message


def test_merge_that_would_take_away_too_much_is_held(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    stream = stream_of(files, dataset, select={"path": "t.csv"}, mode="merge", deleted=LETTERS)
    (folder / "t.csv").write_text(f"{HEAD}1,one,{DAY},A\n2,two,{DAY},A\n3,three,{DAY},A\n")
    run_of(stream)
    (folder / "t.csv").write_text(f"{HEAD}1,one,{DAY},D\n2,two,{DAY},D\n")

    run = run_of(stream)

    assert (run.status, run.error_code, run.difference["gone"]) == ("held", "shrinks-too-much", 2)
    assert set(shown(dataset)) == {1, 2, 3}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"mode": "append"}, "deleted"),
        ({"deleted": {"values": ["D"]}}, "deleted"),
        ({"deleted": {"column": ""}}, "deleted.column"),
        ({"deleted": {"column": "a\0"}}, "deleted.column"),
        ({"deleted": {"column": "status", "values": []}}, "deleted.values"),
        ({"deleted": {"column": "status", "values": [1]}}, "deleted.values.0"),
        ({"deleted": {"column": "status", "when": "D"}}, "deleted"),
    ],
)
def test_setting_that_cannot_work_is_refused_with_its_place(stream: Stream, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        edit_stream(actor=HUB, stream=stream, **{"mode": "merge", "deleted": LETTERS, **values})

    assert [error.field for error in caught.value.errors] == [field]
    assert Stream.objects.get().deleted == {}


def test_without_a_key_no_row_can_be_told_to_be_gone(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    edit_dataset(actor=HUB, dataset=dataset, primary_key=[])
    with pytest.raises(Invalid) as caught:
        stream_of(files, dataset, select={"path": "t.csv"}, deleted=LETTERS)
    assert [error.field for error in caught.value.errors] == ["deleted"]

    found = register_dataset(actor=HUB, agency=dataset.agency, key="met.found", title="Found", discover=True)
    publish_dataset(actor=HUB, dataset=found)
    (folder / "t.csv").write_text(f"{HEAD}1,one,{DAY},A\n")
    run = run_of(stream_of(files, found, select={"path": "t.csv"}, deleted=LETTERS))
    assert (run.status, run.error_code) == ("failed", "no-key")


def test_other_rows_that_are_gone_ask_for_everything_again(stream: Stream) -> None:
    Stream.objects.update(cursor_value="2020", mode="merge", cursor="at")
    stream.refresh_from_db()

    edit_stream(actor=HUB, stream=stream, deleted=LETTERS)

    stream.refresh_from_db()
    assert (stream.cursor_value, stream.deleted) == ("", LETTERS)


def _cells(dataset: Dataset) -> list[tuple[str | None, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c1::text, c2, c3::text FROM {Relation.objects.get(dataset=dataset).table}")
        return cursor.fetchall()
