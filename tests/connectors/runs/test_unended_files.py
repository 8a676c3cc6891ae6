"""A text file whose last line has no end may have been cut within its last value: known where none lacked it before."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.commands import edit_stream, release_run
from connectors.models import Run, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import shown

HEAD = "id,name,at\n"
ONE = "1,one,2020-01-01T00:00:00Z\n"
TWO = "2,second,2020-01-01T00:00:00Z\n"
Bring = Callable[..., Run]


@pytest.fixture
def bring(dataset: Dataset, stream: Stream, folder: Path, run_of: RunOf) -> Bring:
    """Put the file there and run."""

    def brought(content: str, encoding: str = "utf-8") -> Run:
        (folder / "things.csv").write_bytes(content.encode(encoding))
        stream.refresh_from_db()
        return run_of(stream)

    return brought


def names(dataset: Dataset) -> dict[int, str]:
    return {key: values[0] for key, values in shown(dataset).items()}


def test_file_cut_within_its_last_value_is_held_and_takes_nothing_away(bring: Bring, dataset: Dataset) -> None:
    whole = HEAD + TWO + ONE
    bring(whole + "3,three,2020-01-01T00:00:00Z\n")

    cut = bring(whole[:-2])

    assert (cut.status, cut.error_code) == ("held", "perhaps-truncated")
    assert [Path(name).name for name in cut.difference["files"]] == ["things.csv"]
    assert names(dataset) == {1: "one", 2: "second", 3: "three"}
    assert bring(whole).deleted == 1


def test_released_file_comes_in_and_nobody_is_asked_again(bring: Bring, stream: Stream, dataset: Dataset) -> None:
    bring(HEAD + ONE)
    run = release_run(actor=HUB, run=bring(HEAD + ONE + TWO.rstrip()))
    carry_out(run.pk)
    run.refresh_from_db()

    assert (run.status, names(dataset)) == ("succeeded", {1: "one", 2: "second"})
    assert [bring(HEAD + ONE.rstrip()).status, bring(HEAD + ONE).status] == ["succeeded", "succeeded"]
    assert bring(HEAD + ONE.rstrip()).status == "succeeded"


def test_source_whose_files_never_had_one_is_not_held(bring: Bring) -> None:
    assert [bring(HEAD + row.rstrip()).status for row in (ONE, TWO)] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_other_encodings_are_looked_at_too(bring: Bring, stream: Stream, encoding: str) -> None:
    edit_stream(actor=HUB, stream=stream, select={"path": "things.csv", "encoding": encoding})
    text = HEAD + "1,水位,2020-01-01T00:00:00Z\r\n"

    assert bring(text, encoding).status == "succeeded"
    assert bring(text.rstrip(), encoding).error_code == "perhaps-truncated"


def test_each_file_of_a_folder_is_looked_at_and_only_those_are_named(
    dataset: Dataset, stream: Stream, folder: Path, run_of: RunOf
) -> None:
    Stream.objects.filter(pk=stream.pk).update(is_active=False)
    days = stream_of(stream.source, dataset, key="days", select={"path": "day-*.csv"}, mode="merge")
    (folder / "day-1.csv").write_text(HEAD + ONE)
    assert run_of(days).status == "succeeded"
    (folder / "day-2.csv").write_text(HEAD + ONE.rstrip())
    (folder / "day-3.csv").write_text(HEAD + TWO)

    days.refresh_from_db()
    held = run_of(days)
    (folder / "day-2.csv").write_text(HEAD + ONE)

    assert (held.status, [Path(name).name for name in held.difference["files"]]) == ("held", ["day-2.csv"])
    assert (run_of(days).status, names(dataset)) == ("succeeded", {1: "one", 2: "second"})


def test_another_selection_begins_anew(bring: Bring, stream: Stream, folder: Path, run_of: RunOf) -> None:
    bring(HEAD + ONE)
    (folder / "others.csv").write_text(HEAD + ONE.rstrip())
    stream.refresh_from_db()
    edit_stream(actor=HUB, stream=stream, select={"path": "others.csv"})

    assert run_of(stream).status == "succeeded"
