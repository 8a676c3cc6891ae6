"""Runs over a folder that grows: how far they have come moves with the rows, and only a person has them begin again."""

from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import call_command

from connectors.commands import edit_stream, request_run
from connectors.models import Run, Source, Stream
from connectors.runs import runner
from connectors.runs.lease import claim
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import Conflict
from hub.store.models import Rejected, Relation
from tests.cast import member, refusal
from tests.connectors.conftest import RunOf, stream_of
from tests.connectors.runs.conftest import logged, shown

SELECT = {"path": "day-*.csv"}
MOMENT = "2020-01-01T00:00:00Z"


@pytest.fixture
def days(dataset: Dataset, files: Source) -> Stream:
    return stream_of(files, dataset, select=SELECT, mode="merge")


def put(folder: Path, day: int, *rows: tuple[object, str]) -> None:
    text = "".join(f"{key},{name},{MOMENT}\n" for key, name in rows)
    (folder / f"day-{day}.csv").write_text("id,name,at\n" + text)


def names(dataset: Dataset) -> dict[int, str]:
    return {key: values[0] for key, values in shown(dataset).items()}


def counters(run: Run) -> tuple[int, int, int, int]:
    return run.rows_read, run.inserted, run.updated, run.unchanged


def test_each_run_reads_what_came_since_and_later_files_correct_earlier_rows(
    days: Stream, folder: Path, run_of: RunOf
) -> None:
    put(folder, 1, (1, "one"), (2, "two"))
    put(folder, 2, (2, "second"))
    first = run_of(days)
    put(folder, 3, (1, "first"), (3, "third"))
    second = run_of(days)

    assert counters(first) == (3, 2, 0, 0)
    assert counters(second) == (2, 1, 1, 0)
    assert names(days.dataset) == {1: "first", 2: "second", 3: "third"}
    assert logged(days.dataset) == [("update", 1, "one")]


def test_run_that_finds_nothing_new_succeeds_and_the_version_moves(days: Stream, folder: Path, run_of: RunOf) -> None:
    put(folder, 1, (1, "one"))
    run_of(days)
    (folder / "day-1.csv").unlink()
    gone = run_of(days)
    again = run_of(days)

    assert [(run.status, counters(run), run.version) for run in (gone, again)] == [
        ("succeeded", (0, 0, 0, 0), 2),
        ("succeeded", (0, 0, 0, 0), 3),
    ]
    assert names(days.dataset) == {1: "one"}
    assert Relation.objects.get(dataset=days.dataset).version == 3


def test_corrected_file_is_read_alone_and_its_rows_are_the_newest(days: Stream, folder: Path, run_of: RunOf) -> None:
    put(folder, 1, (1, "one"), (2, "two"))
    put(folder, 2, (2, "second"), (3, "third"))
    run_of(days)
    put(folder, 1, (1, "corrected"), (2, "corrected"))
    run = run_of(days)

    assert counters(run) == (2, 0, 2, 0)
    assert names(days.dataset) == {1: "corrected", 2: "corrected", 3: "third"}


def test_appending_stream_takes_each_file_once(dataset: Dataset, files: Source, folder: Path, run_of: RunOf) -> None:
    days = stream_of(files, dataset, select=SELECT, mode="append")
    put(folder, 1, (1, "one"))
    run_of(days)
    put(folder, 2, (2, "two"))

    assert counters(run_of(days)) == (1, 1, 0, 0)
    assert names(dataset) == {1: "one", 2: "two"}


def test_replacing_stream_reads_all_files_each_time(
    dataset: Dataset, files: Source, folder: Path, run_of: RunOf
) -> None:
    days = stream_of(files, dataset, select=SELECT, contract={"max_shrink": "100%"})
    put(folder, 1, (1, "one"))
    put(folder, 2, (2, "two"))
    run_of(days)
    (folder / "day-2.csv").unlink()
    run = run_of(days)

    assert (run.rows_read, run.deleted) == (1, 1)
    assert names(dataset) == {1: "one"}
    assert Stream.objects.get(pk=days.pk).state == {}


@pytest.mark.parametrize(
    ("content", "status"), [("id,name\n", "failed"), (f"id,name,at\nx,y,{MOMENT}\n", "held"), ("", "failed")]
)
def test_run_that_changes_nothing_leaves_its_files_to_the_next(
    days: Stream, folder: Path, run_of: RunOf, content: str, status: str
) -> None:
    put(folder, 1, (1, "one"))
    run_of(days)
    put(folder, 2, (2, "two"))
    (folder / "day-3.csv").write_text(content)
    bad = run_of(days)
    put(folder, 3, (3, "three"))
    good = run_of(days)

    assert bad.status == status
    assert status == "held" or "day-3.csv" in bad.error_message
    assert counters(good) == (2, 2, 0, 0)


def test_record_that_is_no_row_is_kept_with_the_name_of_its_file(days: Stream, folder: Path, run_of: RunOf) -> None:
    edit_stream(actor=HUB, stream=days, contract={"max_rejects": "50%"})
    put(folder, 1, (1, "one"))
    put(folder, 2, (2, "two,and,more"), (3, "three"))

    assert run_of(days).status == "partial"
    (kept,) = Rejected.objects.all()
    assert (kept.position, kept.message.partition(":")[0]) == (2, "day-2.csv")


@pytest.mark.parametrize("values", [{"select": {**SELECT, "missing": [""]}}, {"mode": "append"}, {"cursor": "at"}])
def test_stream_that_reads_something_else_begins_again(
    days: Stream, folder: Path, run_of: RunOf, values: dict[str, object]
) -> None:
    put(folder, 1, (1, "one"))
    run_of(days)
    edit_stream(actor=HUB, stream=Stream.objects.get(pk=days.pk), **values)

    assert counters(run_of(Stream.objects.get(pk=days.pk))) == (1, 0, 0, 1)


def test_other_changes_of_a_stream_leave_it_where_it_is(days: Stream, folder: Path, run_of: RunOf) -> None:
    put(folder, 1, (1, "one"))
    run_of(days)
    edit_stream(actor=HUB, stream=Stream.objects.get(pk=days.pk), schedule="0 3 * * *", contract={"max_rejects": "5%"})

    assert counters(run_of(Stream.objects.get(pk=days.pk))) == (0, 0, 0, 0)


def test_full_run_reads_everything_again_and_the_next_goes_on_from_there(
    days: Stream, folder: Path, run_of: RunOf
) -> None:
    put(folder, 1, (1, "one"))
    run_of(days)
    call_command("sync", "things", "--full")
    full = Run.objects.get(status="queued")
    carry_out(full.pk)
    full.refresh_from_db()

    assert counters(full) == (1, 0, 0, 1)
    assert counters(run_of(days)) == (0, 0, 0, 0)
    assert Event.objects.get(kind="run.requested").details == {"stream": "things", "full": True}


def test_full_run_forgets_a_cursor_too(dataset: Dataset, files: Source, folder: Path, run_of: RunOf) -> None:
    stream = stream_of(files, dataset, select={"path": "day-1.csv"}, mode="merge", cursor="at")
    put(folder, 1, (1, "one"))
    run_of(stream)
    before = Stream.objects.get(pk=stream.pk).cursor_value
    request_run(actor=HUB, stream=stream, full=True)

    assert before == "2020-01-01T00:00:00Z"
    assert Stream.objects.get(pk=stream.pk).cursor_value == ""


def test_full_run_waits_for_the_one_that_is_at_work_and_for_whoever_may_start_runs(days: Stream) -> None:
    Stream.objects.filter(pk=days.pk).update(state={"files": {"day-1.csv": "1"}})
    run = Run.objects.create(stream=days, status="running")
    with pytest.raises(Conflict) as caught:
        request_run(actor=HUB, stream=days, full=True)
    run.delete()

    assert caught.value.code == "run-at-work"
    assert refusal(request_run, actor=member("met", "reviewer"), stream=days, full=True) == "forbidden"
    assert Stream.objects.get(pk=days.pk).state == {"files": {"day-1.csv": "1"}}


def test_stream_that_is_to_begin_again_is_not_moved_on_by_a_run_that_set_out_before(
    days: Stream, folder: Path, run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, 1, (1, "one"))
    other = {"path": "day-?*.csv"}

    def claimed_and_overtaken(run: UUID) -> Run | None:
        taken = claim(run)
        edit_stream(actor=HUB, stream=Stream.objects.get(pk=days.pk), select=other)
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(runner, "claim", claimed_and_overtaken)
        first = run_of(days)
    stream = Stream.objects.get(pk=days.pk)

    assert (first.status, counters(first)) == ("succeeded", (1, 1, 0, 0))
    assert (stream.select, stream.state, stream.columns) == (other, {}, {})
    assert counters(run_of(stream)) == (1, 0, 0, 1)


def test_new_file_with_a_new_column_holds_the_run(days: Stream, dataset: Dataset, folder: Path, run_of: RunOf) -> None:
    put(folder, 1, (1, "one"))
    run_of(days)
    (folder / "day-2.csv").write_text(f"id,name,at,more\n2,two,{MOMENT},x\n")

    assert (run_of(days).error_code, names(dataset)) == ("columns-changed", {1: "one"})
