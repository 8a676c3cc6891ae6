"""Records that leave out what has no value: a key that none of them has is gone, one that some lack is not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.commands import edit_stream, register_source, release_run
from connectors.models import Run, Stream
from connectors.runs.runner import carry_out
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from hub.store.models import Relation
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import shown

AT = "2020-01-01T00:00:00Z"
OLD = [{"id": 1, "name": "one", "at": AT}, {"id": 2, "name": "two", "at": AT}]
RENAMED = [{"id": 1, "title": "uno", "at": AT}, {"id": 2, "title": "due", "at": AT}]
DIFFERENCE = {"added": ["title"], "gone": ["name"], "renamed": ["name", "title"]}
PAGE = 1500
"""More records than are looked at for the columns of a file."""


class Api:
    """A stream of records, by an API in pages of ``PAGE`` or as a file with one record a line."""

    def __init__(self, stream: Stream, folder: Path, run_of: RunOf) -> None:
        self.stream, self.records, self.asked = stream, OLD, list[str]()
        self._folder, self._run_of = folder, run_of

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked.params.get("since", ""))
        page = int(asked.params.get("page", "1")) - 1
        return Reply(body=json.dumps(self.records[page * PAGE : (page + 1) * PAGE]).encode())

    def put(self, records: list[dict[str, Any]]) -> None:
        self.records = records
        (self._folder / "things.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))

    def run(self, records: list[dict[str, Any]]) -> Run:
        self.put(records)
        return self._run_of(self.stream)


@pytest.fixture(params=["rest", "ndjson"])
def api(request: pytest.FixtureRequest, dataset: Dataset, folder: Path, run_of: RunOf) -> Iterator[Api]:
    made = Api(Stream(), folder, run_of)
    with serving(made.answer) as served:
        config: dict[str, Any] = {"url": f"file://{folder}/"}
        if request.param == "rest":
            paging = {"kind": "page", "size": PAGE, "size_param": "limit"}
            config = {"url": served.url, "allow_loopback": True, "paging": paging}
        kind, select = ("rest", {"since": "since"}) if request.param == "rest" else ("file", {"path": "things.ndjson"})
        source = register_source(actor=HUB, key="api", agency=dataset.agency, kind=kind, config=config)
        made.stream = stream_of(source, dataset, select=select)
        assert made.run(OLD).status == "succeeded"
        yield made


def test_renamed_key_is_held_with_both_names_and_nothing_changes(api: Api, dataset: Dataset) -> None:
    run = api.run(RENAMED)

    assert (run.status, run.error_code, run.difference) == ("held", "columns-changed", DIFFERENCE)
    assert Relation.objects.get(dataset=dataset).version == 1
    assert api.run(OLD).status == "succeeded"


def test_released_it_comes_in_and_is_no_news_again(api: Api, dataset: Dataset) -> None:
    run = release_run(actor=HUB, run=api.run(RENAMED))
    carry_out(run.pk)
    again = api.run(RENAMED)

    run.refresh_from_db()
    assert (run.status, run.updated, again.status, again.unchanged) == ("succeeded", 2, "succeeded", 2)
    assert {key: (row[0], row[2]) for key, row in shown(dataset).items()} == {1: (None, "uno"), 2: (None, "due")}


def test_key_that_no_record_has_is_gone_without_another_that_came(api: Api) -> None:
    run = api.run([{"id": 1, "at": AT}, {"id": 2, "at": AT}])

    assert (run.status, run.difference) == ("held", {"added": [], "gone": ["name"]})


@pytest.mark.parametrize("name", ["one", None])
def test_key_that_only_the_last_of_many_records_has_is_there(api: Api, name: str | None) -> None:
    edit_stream(actor=HUB, stream=api.stream, contract={"columns": "fail"})
    many = [{"id": number, "at": AT} for number in range(3, PAGE + 3)]

    assert api.run([*many, {"id": 1, "name": name, "at": AT}]).status == "succeeded"


@pytest.mark.parametrize("name", ["note", "备注"])
def test_field_that_records_have_at_last_is_no_news(api: Api, dataset: Dataset, name: str) -> None:
    dataset.fields.create(number=4, name=name, type="string", sensitivity="public")
    many = [{**OLD[0], "id": number} for number in range(3, PAGE + 3)]

    runs = [api.run([*OLD, *many]), api.run([*OLD, *many, {**OLD[0], "id": 0, name: "x"}])]
    runs += [api.run([{**OLD[0], name: "y"}, *OLD[1:], *many]), api.run([*OLD, *many])]

    assert [run.status for run in runs] == ["succeeded", "succeeded", "succeeded", "held"]
    assert runs[-1].difference == {"added": [], "gone": [name]}


def test_new_key_beside_one_that_comes_late_is_the_only_news(api: Api) -> None:
    many = [{"id": number, "title": "x", "at": AT} for number in range(3, PAGE + 3)]

    assert api.run([*many, OLD[0]]).difference == {"added": ["title"], "gone": []}


@pytest.mark.parametrize(
    ("columns", "status", "code"), [("evolve", "succeeded", ""), ("fail", "failed", "columns-changed")]
)
def test_contract_decides(api: Api, dataset: Dataset, columns: str, status: str, code: str) -> None:
    edit_stream(actor=HUB, stream=api.stream, contract={"columns": columns})

    run = api.run(RENAMED)

    assert (run.status, run.error_code) == (status, code)
    assert ("name" in run.error_message and "title" in run.error_message) == (columns == "fail")
    api.stream.refresh_from_db()
    assert api.stream.columns.get("name") == (None if columns == "evolve" else "")


def test_key_of_the_dataset_that_no_record_has_fails_and_names_it(api: Api) -> None:
    edit_stream(actor=HUB, stream=api.stream, contract={"columns": "evolve"})

    run = api.run([{"number": 1, "name": "one", "at": AT}])

    assert (run.status, run.error_code, run.error_message) == ("failed", "source-no-column", "No record has 'id'.")


def test_empty_answer_has_lost_no_key(api: Api) -> None:
    edit_stream(actor=HUB, stream=api.stream, contract={"max_shrink": "100%"})

    run = api.run([])

    assert (run.status, run.deleted) == ("succeeded", 2)


@pytest.mark.parametrize("api", ["rest"], indirect=True)  # a file has no cursor
def test_part_since_the_last_time_may_lack_a_key_unless_another_has_come(api: Api) -> None:
    edit_stream(actor=HUB, stream=api.stream, mode="merge", cursor="at")
    assert api.run(OLD).status == "succeeded"

    sparse = api.run([{"id": 1, "at": AT}])
    renamed = api.run(RENAMED)

    assert (sparse.status, renamed.status, renamed.difference) == ("succeeded", "held", DIFFERENCE)
    assert api.asked[-1].startswith("2020-01-01")


def test_mark_of_rows_that_are_gone_need_not_be_in_any_record(api: Api) -> None:
    edit_stream(actor=HUB, stream=api.stream, mode="merge", deleted={"column": "gone"})
    marked = api.run([OLD[0], {**OLD[1], "gone": True}])

    assert (marked.status, marked.deleted) == ("succeeded", 1)
    assert api.run([OLD[0]]).status == "succeeded"
