"""Files by hand: the same way in as any other, kept for as long as their run needs them."""

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from connectors import uploads
from connectors.commands import register_source, release_run, request_run
from connectors.models import Run, Stream, UploadPart
from connectors.runs.dispatch import _sweep
from connectors.runs.runner import carry_out
from connectors.uploads import bring_file
from hub.accounts.caller import HUB
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.store.models import Rejected, Relation
from tests.cast import faults, member, refusal, steward
from tests.connectors.runs.test_runner import GOOD, rows

Bring = Callable[..., Run]


@pytest.fixture
def bring(dataset: Dataset) -> Bring:
    """Bring a file and work on its run."""

    def brought(content: str | bytes = GOOD, name: str = "things.csv", **values: Any) -> Run:
        data = content.encode() if isinstance(content, str) else content
        run = bring_file(actor=HUB, dataset=dataset, name=name, chunks=[data], **{"missing": [""], **values})
        carry_out(run.pk)
        run.refresh_from_db()
        return run

    return brought


def test_file_comes_in_as_by_a_stream_and_its_digest_is_recorded(dataset: Dataset, bring: Bring) -> None:
    run = bring()

    assert (run.status, run.inserted, rows(dataset)) == ("succeeded", 2, [(1, "one"), (2, None)])
    told = Event.objects.get(kind="run.requested").details
    assert (told["file"], told["bytes"], len(told["sha256"])) == ("things.csv", len(GOOD), 64)


def test_second_file_replaces_merges_or_adds(dataset: Dataset, bring: Bring) -> None:
    bring(GOOD + "".join(f"{n},x,2020-01-01T00:00:00Z\n" for n in range(3, 6)))

    merged = bring("id,name,at\n1,uno,2020-01-01T00:00:00Z\n", mode="merge")
    added = bring("id,name,at\n9,nine,2020-01-01T00:00:00Z\n", mode="append")
    replaced = bring(GOOD + "9,nine,2020-01-01T00:00:00Z\n")

    assert [(run.inserted, run.updated, run.deleted) for run in (merged, added, replaced)] == [
        (0, 1, 0),
        (1, 0, 0),
        (0, 1, 3),
    ]
    assert rows(dataset) == [(1, "one"), (2, None), (9, "nine")]


def test_many_parts_come_back_whole(dataset: Dataset, bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PART", 1000)
    content = "id,name,at\n" + "".join(f"{n},名{n},2020-01-01T00:00:00Z\n" for n in range(2000))

    run = bring(content)

    assert (run.status, run.inserted) == ("succeeded", 2000)
    assert UploadPart.objects.count() > 50


def test_bad_rows_go_to_the_quarantine_and_a_held_file_waits(dataset: Dataset, bring: Bring) -> None:
    run = bring("id,name,at\nx,bad,2020-01-01T00:00:00Z\n1,good,2020-01-01T00:00:00Z\n")
    assert (run.status, Rejected.objects.get().position, Rejected.objects.get().value) == ("held", 2, "x")

    _sweep()
    release_run(actor=HUB, run=run)
    carry_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.inserted) == ("partial", 1)

    _sweep()
    assert not UploadPart.objects.exists()


def test_file_is_read_as_its_name_or_the_words_beside_it_say(bring: Bring) -> None:
    assert bring(GOOD.replace(",", ";"), "things.txt", delimiter=";").inserted == 2
    assert bring('[{"id": 1, "name": "one", "at": "2020-01-01T00:00:00Z"}]', "a.json").status == "succeeded"
    assert bring("x", "things.bin").error_code == "source-unknown-format"


def test_wishes_that_make_no_sense_are_refused(dataset: Dataset) -> None:
    wrong = {"actor": HUB, "dataset": dataset, "name": "a.csv", "chunks": [b""]}

    assert faults(bring_file, **wrong, mode="burn") == [("mode", "invalid")]
    assert faults(bring_file, **wrong, format="exe") == [("format", "enum")]
    Dataset.objects.update(primary_key=[])
    dataset.refresh_from_db()
    assert faults(bring_file, **wrong, mode="merge") == [("mode", "invalid")]
    assert not Run.objects.exists()


def test_file_that_is_too_large_leaves_nothing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 3000)

    chunks = iter([b"x" * 1000] * 5)
    assert faults(bring_file, actor=HUB, dataset=dataset, name="a.csv", chunks=chunks) == [("file", "too-large")]
    assert (Run.objects.count(), UploadPart.objects.count()) == (0, 0)


def test_dataset_that_a_stream_refreshes_is_not_replaced_by_hand(stream: Stream) -> None:
    wish = {"actor": HUB, "dataset": stream.dataset, "name": "a.csv", "chunks": [GOOD.encode()]}

    assert refusal(bring_file, **wish) == "other-stream"
    assert bring_file(**wish, mode="merge").status == "queued"
    wish["chunks"] = [GOOD.encode()]
    assert refusal(bring_file, **wish, mode="merge") == "conflict"


def test_only_who_loads_the_dataset_brings_files(dataset: Dataset) -> None:
    wish = {"dataset": dataset, "name": "a.csv", "chunks": [GOOD.encode()]}

    for somebody in (member("met", "reviewer"), member("ops", "publisher"), member("met")):
        assert refusal(bring_file, actor=somebody, **wish) == "forbidden"
    assert bring_file(actor=steward("met", dataset=dataset.key, acts=["load"]), **wish).status == "queued"


def test_uploads_are_no_source_to_register_and_no_stream_to_sync(dataset: Dataset, bring: Bring) -> None:
    bring()

    wish = {"actor": HUB, "key": "mine", "agency": dataset.agency, "kind": "upload", "config": {}}
    assert faults(register_source, **wish) == [("kind", "invalid")]
    assert refusal(request_run, actor=HUB, stream=Stream.objects.get()) == "conflict"
    assert Relation.objects.get(dataset=dataset).version == 1


def test_packed_file_is_brought_as_any_other(dataset: Dataset, bring: Bring) -> None:
    run = bring(gzip.compress(GOOD.encode("gb18030")), name="things.csv.gz")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("内/1.csv", GOOD)
        zipped.writestr("2.csv", "id,name,at\n2,two,2020-01-01T00:00:00Z\n")
    merged = bring(archive.getvalue(), name="things.zip", mode="merge", member="2.csv")

    assert (run.status, run.inserted) == ("succeeded", 2)
    assert (merged.status, merged.updated, rows(dataset)) == ("succeeded", 1, [(1, "one"), (2, "two")])
