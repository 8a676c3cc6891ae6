"""A load that goes on from a checkpoint says of keys that came, went or are left out what an undisturbed one says."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from connectors import batches
from connectors.commands import edit_stream
from connectors.fetching import passage
from connectors.models import Checkpoint, Run
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.store.intake import staging
from tests.connectors.runs.conftest import staged
from tests.connectors.runs.killing import Statements, killed_at
from tests.connectors.runs.test_lost_keys import AT, OLD, PAGE, Api, api

__all__ = ["api"]

RECORDS = 2 * PAGE + 2


def part(page: int, **values: str) -> list[dict[str, Any]]:
    """The records of one page, very few in the last one, with these values beside id and time."""
    return [{"id": number, "at": AT, **values} for number in range(RECORDS)[page * PAGE : page * PAGE + PAGE]]


CASES = {
    "renamed": [*part(0, title="t"), *part(1, title="t"), *part(2, title="t")],
    "in the first alone": [*part(0, name="n"), *part(1), *part(2)],
    "another in the first alone": [*part(0, title="t"), *part(1), *part(2, name="n")],
}
HELD = {
    "renamed": {"added": ["title"], "gone": ["name"], "renamed": ["name", "title"]},
    "another in the first alone": {"added": ["title"], "gone": []},
}


@pytest.fixture(autouse=True)
def often(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HUB_CHECKPOINT_SECONDS = 0
    monkeypatch.setattr(batches, "BATCH_BYTES", 1 << 16)
    monkeypatch.setattr(batches, "WAITS_SECONDS", 0)
    monkeypatch.setattr(passage, "MARKED_AFTER_SECONDS", 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_load_that_goes_on_tells_what_an_undisturbed_one_tells(api: Api, case: str) -> None:
    edit_stream(actor=HUB, stream=api.stream, contract={"max_shrink": "100%"})
    statements = Statements()
    with statements.watched():
        expected = _verdict(api.run(CASES[case]))
    assert expected == (("held", "columns-changed", HELD[case]) if case in HELD else ("succeeded", "", {}))

    went_on = set()
    for point in statements.saved:
        if case not in HELD:
            api.run(OLD)
        api.put(CASES[case])
        run = killed_at(api.stream, point + 2)
        left = Checkpoint.objects.filter(run=run).exclude(staging="").first()
        if left is not None:
            went_on.add(left.state["done"] or (0 < left.state["rows_read"] < RECORDS))
        Run.objects.filter(pk=run.pk, status="running").update(lease_until=now() - timedelta(seconds=1))
        carry_out(run.pk)
        run.refresh_from_db()

        assert _verdict(run) == expected, f"killed at statement {point + 2}"
    assert {True, "extract"} <= went_on
    staging.sweep([])
    assert staged() == []


def _verdict(run: Run) -> tuple[Any, ...]:
    return run.status, run.error_code, run.difference
