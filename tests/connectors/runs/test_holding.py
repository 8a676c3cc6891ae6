"""Runs that go beyond their contract: they fail, or wait for a person, who lets exactly what was shown pass."""

from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.utils.timezone import now

from connectors.commands import drop_run, edit_stream, release_run, request_run
from connectors.models import Outbox, Run, Stream
from connectors.runs.holding import Bounds
from connectors.runs.lease import claim
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.accounts.models import Mail
from hub.audit.models import Event
from hub.store.models import Relation
from tests.cast import member, refusal
from tests.connectors.conftest import RunOf
from tests.connectors.runs.test_runner import with_a_connection_of_its_own

HEAD = "id,name,at\n"


def lines(*numbers: int, bad: int = 0) -> str:
    good = "".join(f"{number},n{number},2020-01-01T00:00:00Z\n" for number in numbers)
    return HEAD + good + "".join(f"x{number},bad,2020-01-01T00:00:00Z\n" for number in range(bad))


def version(stream: Stream) -> int:
    return Relation.objects.get(dataset=stream.dataset).version


@pytest.fixture
def held(stream: Stream, folder: Path, run_of: RunOf) -> Run:
    """A refresh that would leave two of ten rows."""
    (folder / "things.csv").write_text(lines(*range(10)))
    run_of(stream)
    (folder / "things.csv").write_text(lines(1, 2))
    return run_of(stream)


def test_held_run_tells_the_difference_to_its_people_and_changes_nothing(
    stream: Stream, folder: Path, run_of: RunOf
) -> None:
    publisher = member("met", "publisher")
    (folder / "things.csv").write_text(lines(*range(10)))
    run_of(stream)
    (folder / "things.csv").write_text(lines(1, 2))

    run = run_of(stream)

    assert (run.status, run.error_code) == ("held", "shrinks-too-much")
    assert run.difference == {"before": 10, "after": 2, "gone": 8}
    assert version(stream) == 1
    assert Event.objects.get(kind="run.held").details["difference"] == run.difference
    mail = Mail.objects.get()
    assert mail.to == [publisher.email]
    assert f"/runs/{run.pk}" in mail.text


@pytest.mark.parametrize(
    ("language", "subject", "message", "hint"),
    [
        (
            "en",
            "A run of things waits for you",
            "The dataset would go from 10 rows to 2.",
            "Nothing was changed. If the source is right, let the run go on (release it); else correct it and "
            "sync again.",
        ),
        (
            "zh-hans",
            "things 的一次同步等待您处理",
            "数据集将从 10 行变为 2 行。",
            "没有改动任何数据。如果来源无误，请点“继续执行”；否则请修正来源后重新同步。",
        ),
    ],
)
def test_mail_about_a_held_run_is_in_the_hubs_language(
    stream: Stream, folder: Path, run_of: RunOf, settings: Any, language: str, subject: str, message: str, hint: str
) -> None:
    member("met", "publisher")
    settings.HUB_MAIL_LANGUAGE = language
    (folder / "things.csv").write_text(lines(*range(10)))
    run_of(stream)
    (folder / "things.csv").write_text(lines(1, 2))

    run = run_of(stream)

    mail = Mail.objects.get()
    assert mail.subject == subject
    assert mail.text == f"{message}\n\n{hint}\n\n{settings.HUB_URL}/runs/{run.pk}\n"
    assert run.error_message == "The dataset would go from 10 rows to 2."


def test_worker_that_was_overtaken_holds_nothing_and_writes_to_nobody(
    stream: Stream, folder: Path, run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    member("met", "publisher")
    (folder / "things.csv").write_text(lines(*range(10)))
    run_of(stream)
    (folder / "things.csv").write_text(lines(1, 2))
    run = Run.objects.create(stream=stream)
    check = Bounds.check_shrinkage

    def overtaken(bounds: Bounds, before: int, after: int) -> None:
        """Another worker has the run by the time that this one finds too few rows."""
        other = Thread(target=with_a_connection_of_its_own, args=(lambda: _take_over(run),))
        other.start()
        other.join()
        check(bounds, before, after)

    monkeypatch.setattr(Bounds, "check_shrinkage", overtaken)
    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.fence, run.difference) == ("running", 2, {})
    assert not Mail.objects.exists()
    assert not Event.objects.filter(kind="run.held").exists()


def _take_over(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=now() - timedelta(seconds=1))
    assert claim(run.pk) is not None


def test_released_run_goes_on_and_publishes_what_was_shown(held: Run) -> None:
    run = release_run(actor=HUB, run=held)
    assert (run.status, run.difference, Outbox.objects.get(run=run).run) == ("queued", {}, run)

    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.deleted, version(run.stream)) == ("succeeded", 8, 2)


def test_released_run_that_would_do_more_than_was_shown_is_held_again(held: Run, folder: Path) -> None:
    run = release_run(actor=HUB, run=held)
    (folder / "things.csv").write_text(lines(1))

    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, run.difference["gone"], version(run.stream)) == ("held", 9, 1)


def test_dropped_run_is_over_and_leaves_everything(held: Run) -> None:
    run = drop_run(actor=HUB, run=held)

    carry_out(run.pk)

    run.refresh_from_db()
    assert (run.status, version(run.stream)) == ("cancelled", 1)
    assert refusal(release_run, actor=HUB, run=run) == "run-not-held"


@pytest.mark.parametrize(("code", "roles"), [("met", ("reviewer",)), ("ops", ("publisher",)), ("met", ())])
def test_only_who_loads_the_dataset_decides(held: Run, code: str, roles: tuple[str, ...]) -> None:
    somebody = member(code, *roles)

    assert refusal(release_run, actor=somebody, run=held) == "forbidden"
    assert refusal(drop_run, actor=somebody, run=held) == "forbidden"
    assert release_run(actor=member("met", "publisher"), run=held).status == "queued"


def test_later_run_takes_the_place_of_one_that_waits(held: Run, folder: Path, run_of: RunOf) -> None:
    later = run_of(held.stream)
    held.refresh_from_db()
    assert (later.status, held.status, held.error_code) == ("held", "cancelled", "superseded")

    (folder / "things.csv").write_text(lines(*range(10)))
    assert run_of(held.stream).status == "succeeded"
    later.refresh_from_db()
    assert later.error_code == "superseded"


def test_held_run_is_not_released_beside_one_that_works(held: Run) -> None:
    request_run(actor=HUB, stream=held.stream)

    assert refusal(release_run, actor=HUB, run=held) == "conflict"


def test_too_many_bad_rows_are_shown_and_let_pass_up_to_that_share(stream: Stream, folder: Path, run_of: RunOf) -> None:
    (folder / "things.csv").write_text(lines(*range(8), bad=2))
    run = run_of(stream)
    assert (run.status, run.difference) == ("held", {"rejected": 2, "read": 10})

    release_run(actor=HUB, run=run)
    carry_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.inserted, run.rejected) == ("partial", 8, 2)

    (folder / "things.csv").write_text(lines(*range(8), bad=2))
    assert run_of(stream).status == "held", "what was accepted of one run is accepted of that run alone"


@pytest.mark.parametrize(
    ("contract", "content", "code"),
    [
        ({"rows": "fail"}, lines(1, 2, bad=1), "rows-rejected"),
        ({"types": "fail", "max_rejects": "100%"}, lines(1, 2, bad=1), "type-changed"),
        ({"types": "fail", "max_rejects": "100%"}, f"{HEAD}1,a,2020-01-01\n,b,2020-01-01T00:00:00Z\n", "type-changed"),
    ],
)
def test_contract_may_want_a_run_to_fail(
    stream: Stream, folder: Path, run_of: RunOf, contract: dict[str, str], content: str, code: str
) -> None:
    edit_stream(actor=HUB, stream=stream, contract=contract)
    (folder / "things.csv").write_text(content)

    run = run_of(stream)

    assert (run.status, run.error_code) == ("failed", code)
    assert Relation.objects.get(dataset=stream.dataset).version == 0


def test_wrong_types_alone_make_a_run_fail_that_forbids_them(stream: Stream, folder: Path, run_of: RunOf) -> None:
    edit_stream(actor=HUB, stream=stream, contract={"types": "fail", "max_rejects": "100%"})
    stream.dataset.fields.filter(name="id").update(is_required=True)
    (folder / "things.csv").write_text(f"{HEAD}1,a,2020-01-01T00:00:00Z\n,b,2020-01-01T00:00:00Z\n")

    run = run_of(stream)

    assert (run.status, run.inserted, run.rejected) == ("partial", 1, 1)
