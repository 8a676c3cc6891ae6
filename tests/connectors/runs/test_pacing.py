"""How gently sources are read: hours, pauses, runs at once; and how fast a great many streams get on their way."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import now

from connectors.commands import edit_source, edit_stream, register_source, request_run
from connectors.models import Outbox, Run, Source, Stream
from connectors.queries import pace_of
from connectors.runs.dispatch import tick
from connectors.runs.lease import claim
from connectors.runs.pacing import Window, next_open, note_answer, note_down
from connectors.testing import Asked, Reply, serving
from hub.accounts.caller import HUB
from hub.catalog.commands import register_dataset
from hub.catalog.models import Dataset
from hub.errors import SourceDown
from tests.cast import faults
from tests.connectors.conftest import RunOf, stream_of

GOOD = "id,name,at\n1,one,2020-01-01T00:00:00Z\n2,,2020-01-02T00:00:00Z\n"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "at", "opens"),
    [
        ("08:00-18:00", "2026-03-01 12:00", "2026-03-01 12:00"),
        ("08:00-18:00", "2026-03-01 08:00", "2026-03-01 08:00"),
        ("08:00-18:00", "2026-03-01 18:00", "2026-03-02 08:00"),
        ("08:00-18:00", "2026-03-01 07:59", "2026-03-01 08:00"),
        ("22:00-06:00", "2026-03-01 23:00", "2026-03-01 23:00"),
        ("22:00-06:00", "2026-03-01 05:59", "2026-03-01 05:59"),
        ("22:00-06:00", "2026-03-01 06:00", "2026-03-01 22:00"),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 13:00", "2026-03-01 14:00"),
        ("22:00-06:00 Asia/Shanghai", "2026-03-01 21:59", "2026-03-01 21:59"),
        ("01:00-02:00 Europe/Berlin", "2026-03-28 03:00", "2026-03-29 00:00"),
        ("00:00-00:00", "2026-03-01 13:00", "2026-03-01 13:00"),
    ],
)
def test_window_opens_at_its_hour(window: str, at: str, opens: str) -> None:
    assert Window.parse(window).next_open(moment(at)) == moment(opens)


@pytest.mark.parametrize("window", ["25:00-06:00", "22:00-06:00 Asia/Nowhere", "22:00", "22:00-06:00 ../etc"])
def test_window_that_cannot_be_read_is_refused(files: Source, window: str) -> None:
    found = faults(edit_source, actor=HUB, source=files, config={**files.config, "windows": [window]})

    assert [place.partition("[")[0].partition(".windows")[0] for place, _ in found] == ["config"]


def test_stream_that_is_due_outside_the_hours_runs_once_when_they_begin(stream: Stream) -> None:
    closed = f"{now() + timedelta(hours=2):%H:%M}-{now() + timedelta(hours=3):%H:%M}"
    edit_source(actor=HUB, source=stream.source, config={**stream.source.config, "windows": [closed]})
    edit_stream(actor=HUB, stream=stream, schedule="* * * * *")
    Stream.objects.update(next_due_at=now() - timedelta(hours=5))

    tick()

    stream.refresh_from_db()
    assert timedelta(hours=1, minutes=58) < stream.next_due_at - now() <= timedelta(hours=2)
    assert not Run.objects.exists()

    edit_source(actor=HUB, source=stream.source, config={**stream.source.config, "windows": []})
    Stream.objects.update(next_due_at=now() - timedelta(hours=3))
    tick()
    assert Run.objects.count() == 1


def test_pause_grows_with_each_failure_and_ends_with_an_answer(stream: Stream) -> None:
    pauses = []
    for _ in range(9):
        note_down(stream, SourceDown("down"))
        stream.source.refresh_from_db()
        pauses.append((stream.source.paused_until - now()).total_seconds())

    longest = [min(30 * 2**n, 3600) for n in range(9)]
    assert all(0.5 * most - 1 < pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    assert stream.source.failures == 9

    note_answer(stream)
    stream.source.refresh_from_db()
    assert (stream.source.failures, next_open(stream.source, now()) <= now()) == (0, True)


def test_change_of_a_source_leaves_its_pause_as_a_run_wrote_it(stream: Stream) -> None:
    read_before = Source.objects.select_related("agency").get()
    note_down(stream, SourceDown("down"))

    edit_source(actor=HUB, source=read_before, config={**read_before.config, "max_concurrent_runs": 3})

    kept = Source.objects.get()
    assert (kept.failures, kept.config["max_concurrent_runs"]) == (1, 3)
    assert kept.paused_until is not None


def test_source_that_names_a_time_is_left_alone_so_long_and_tried_again_by_itself(
    dataset: Dataset, run_of: RunOf
) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(status=429, headers={"Retry-After": "300"})

    with serving(answer) as served:
        config = {"url": served.url, "allow_loopback": True}
        source = register_source(actor=HUB, key="api", agency=dataset.agency, kind="rest", config=config)
        stream = stream_of(source, dataset, select={"path": "things"}, schedule="0 0 1 1 *")
        run = run_of(stream)

    source.refresh_from_db()
    stream.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "source-busy")
    assert timedelta(seconds=290) < source.paused_until - now() <= timedelta(seconds=300)
    assert stream.next_due_at == source.paused_until

    Stream.objects.update(next_due_at=now())
    tick()
    assert Run.objects.filter(status="queued").count() == 0


def test_failure_that_is_not_the_sources_absence_pauses_nothing(stream: Stream, run_of: RunOf) -> None:
    Source.objects.update(failures=3, paused_until=now() + timedelta(hours=1))

    run = run_of(stream)

    stream.source.refresh_from_db()
    assert (run.error_code, stream.source.failures, stream.source.paused_until) == ("source-no-file", 0, None)


def _other_stream(stream: Stream, number: int) -> Stream:
    dataset = register_dataset(
        actor=HUB,
        agency=stream.source.agency,
        key=f"met.other{number}",
        title="Other",
        fields=[{"name": "id", "type": "integer", "sensitivity": "public"}],
    )
    return stream_of(stream.source, dataset, key=f"other{number}", select={"path": "things.csv"})


def test_no_more_runs_read_a_source_at_once_than_it_takes(stream: Stream) -> None:
    edit_source(actor=HUB, source=stream.source, config={**stream.source.config, "max_concurrent_runs": 2})
    runs = [request_run(actor=HUB, stream=one) for one in (stream, _other_stream(stream, 1), _other_stream(stream, 2))]

    claimed = [claim(run.pk) is not None for run in runs]
    tick()

    assert claimed == [True, True, False]
    assert Outbox.objects.get(run=runs[2]).sent_at is None

    Run.objects.filter(pk=runs[0].pk).update(status="succeeded")
    tick()
    assert Outbox.objects.get(run=runs[2]).sent_at is not None
    assert claim(runs[2].pk) is not None


def test_one_run_at_a_time_feels_its_way_to_a_source_that_was_down(stream: Stream) -> None:
    Source.objects.update(failures=1)
    first, second = request_run(actor=HUB, stream=stream), request_run(actor=HUB, stream=_other_stream(stream, 1))

    assert [claim(run.pk) is not None for run in (first, second)] == [True, False]


def test_run_at_work_tells_its_rate_and_how_long_it_may_take(stream: Stream) -> None:
    begun = now() - timedelta(seconds=10)
    Run.objects.create(stream=stream, status="succeeded", rows_read=3000)
    run = Run.objects.create(stream=stream, status="running", rows_read=1000, started_at=begun, lease_until=now())

    pace = pace_of(run)

    assert pace.rate == pytest.approx(100, rel=0.1)
    assert pace.remaining == pytest.approx(20, rel=0.1)
    run.rows_read = 4000
    assert pace_of(run).remaining is None


def test_run_that_waits_says_for_what(stream: Stream) -> None:
    runs = [request_run(actor=HUB, stream=one) for one in (stream, _other_stream(stream, 1), _other_stream(stream, 2))]
    assert pace_of(runs[2]).waits_for == "worker"

    assert all(claim(run.pk) for run in runs[:2])
    assert pace_of(runs[2]).waits_for == "source"
