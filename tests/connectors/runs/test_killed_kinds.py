"""A worker killed at any statement of a run, whatever kind of source it reads: the rerun ends as an undisturbed one.

``make proof`` kills at every statement in every mode; else each kind is killed in one mode, at every third statement
that leaves another state than the one before, each kind beginning with another.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from connectors import batches
from connectors.commands import register_source
from connectors.fetching import passage
from connectors.formats import table
from connectors.kinds.mysql import relations as mysql
from connectors.kinds.sql import relations as sql
from connectors.models import Run, Source, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.catalog.commands import register_dataset
from hub.catalog.models import Dataset
from hub.store.intake import staging
from tests.connectors.conftest import FIELDS, stream_of
from tests.connectors.runs.conftest import staged
from tests.connectors.runs.killing import CASES, Statements, carried_out, killed_at, state_of
from tests.connectors.sources import ALL, INCREMENTAL, KINDS
from tests.connectors.sources.content import Content, Peer

IS_LONG = os.environ.get("HUB_PROOF") == "long"
MODES = list(CASES)
PROVEN = (
    [(kind, case, 0) for kind in ALL for case in CASES]
    if IS_LONG
    else [(kind, "merge" if kind in INCREMENTAL else MODES[at % len(MODES)], at % 3) for at, kind in enumerate(KINDS)]
)
"""A peer, a mode, and the first statement of every third."""


@pytest.fixture
def peer(request: pytest.FixtureRequest, dataset: Dataset, folder: object) -> Peer:
    return ALL[request.param](request)


@pytest.fixture
def source(peer: Peer, dataset: Dataset) -> Source:
    return register_source(
        actor=HUB, key="peer", agency=dataset.agency, kind=peer.kind, config=peer.config, secrets=peer.secrets
    )


@pytest.fixture
def stream_for(peer: Peer, source: Source) -> Callable[[str], Stream]:
    """A stream into a dataset of its own, filled with what was there before, behind which the source has changed."""
    made = iter(range(1000))

    def stream(case: str) -> Stream:
        values, key, before, after = CASES[case]
        number = next(made)
        dataset = register_dataset(
            actor=HUB, agency=source.agency, key=f"met.d{number}", title="D", fields=FIELDS, primary_key=key
        )
        own = {name: value for name, value in values.items() if name != "cursor" or peer.is_incremental}
        contract = {"max_rejects": "50%"}
        stream = stream_of(source, dataset, key=f"s{number}", select=peer.select, contract=contract, **own)
        if before is not None:
            peer.put(Content.of_csv(before))
            carried_out(stream)
        peer.put(Content.of_csv(after))
        return stream

    return stream


@pytest.fixture(autouse=True)
def often(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch of some ten rows, where the kind can go on from one."""
    settings.HUB_CHECKPOINT_SECONDS = 0
    monkeypatch.setattr(table, "BLOCK", 256)
    monkeypatch.setattr(batches, "BATCH_BYTES", 256)
    monkeypatch.setattr(batches, "WAITS_SECONDS", 0)
    monkeypatch.setattr(mysql, "_AT_ONCE", 10)
    monkeypatch.setattr(sql, "AT_ONCE", 10)
    monkeypatch.setattr(passage, "MARKED_AFTER_SECONDS", 0)


@pytest.mark.timeout(3600 if IS_LONG else 300)
@pytest.mark.parametrize(("peer", "case", "first"), PROVEN, indirect=["peer"])
def test_rerun_after_a_kill_ends_as_an_undisturbed_run(
    stream_for: Callable[[str], Stream], case: str, first: int
) -> None:
    undisturbed = stream_for(case)
    statements = Statements()
    with statements.watched():
        expected = state_of(undisturbed, carried_out(undisturbed))
    assert expected.run[0] in Run.GOOD

    for point in range(1, statements.count + 1) if IS_LONG else statements.telling[first::3]:
        stream = stream_for(case)
        run = killed_at(stream, point)
        Run.objects.filter(pk=run.pk, status="running").update(lease_until=now() - timedelta(seconds=1))
        carry_out(run.pk)
        run.refresh_from_db()

        assert state_of(stream, run) == expected, f"killed at statement {point}"
    staging.sweep([])
    assert staged() == []
