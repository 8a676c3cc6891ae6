"""Rates and concurrency, by Valkey and by a process alone: never more than the limit, never less, and told truly."""

import random
import time
from itertools import count

import pytest

from hub.limits.alone import Alone
from hub.limits.rates import Rates
from hub.limits.verdict import SECOND, Verdict
from tests.limits.conftest import CALLERS, at_once, party

Counting = Rates | Alone
of_both = pytest.mark.parametrize("counting", [Rates, Alone], ids=["valkey", "alone"])
_names = map(str, count())


def kinds(verdicts: list[Verdict]) -> dict[str, int]:
    found = [verdict.kind for verdict in verdicts]
    return {kind: found.count(kind) for kind in sorted(set(found))}


@of_both
@pytest.mark.parametrize("seed", range(6))
def test_as_many_come_in_at_once_as_the_burst_says(counting: type[Counting], seed: int) -> None:
    burst, each = random.Random(seed).randint(1, 90), 4
    counted, asking = counting(), [party(requests_per_minute=1, burst=burst)]

    verdicts = at_once(lambda _: [counted.admit(asking, "") for _ in range(each)])

    admitted = kinds([verdict for some in verdicts for verdict in some]).get("admitted", 0)
    assert admitted == min(burst, CALLERS * each)


@of_both
def test_agency_is_limited_with_all_its_clients_together(counting: type[Counting]) -> None:
    counted, whole = counting(), party("", requests_per_minute=1, burst=20)
    clients = [party(f"ops/{number}", requests_per_minute=1, burst=8) for number in range(4)]

    verdicts = at_once(lambda number: counted.admit([clients[number % 4], whole], ""))

    assert kinds(verdicts) == {"admitted": 20, "rate": CALLERS - 20}
    other = [party("dot/app", "dot", requests_per_minute=1), party("", "dot", requests_per_minute=1)]
    assert counted.admit(other, "").kind == "admitted"


@of_both
def test_what_the_agency_refuses_costs_the_client_nothing(counting: type[Counting]) -> None:
    counted, mine = counting(), party(requests_per_minute=10)
    for _ in range(3):
        counted.admit([mine, party("", requests_per_minute=1)], "")

    refused = counted.admit([mine, party("", requests_per_minute=1)], "")

    assert refused.party == party("", requests_per_minute=1)
    assert [standing.remaining for standing in refused.standings] == [9, 0]


@of_both
def test_who_comes_back_when_told_is_let_in_and_who_comes_earlier_is_not(counting: type[Counting]) -> None:
    counted, asking = counting(), [party(requests_per_minute=60, burst=1)]
    assert counted.admit(asking, "").kind == "admitted"
    refused = counted.admit(asking, "")
    told = time.monotonic() + refused.wait / SECOND

    time.sleep(refused.wait / SECOND - 0.1)
    early = counted.admit(asking, "")
    time.sleep(max(0.0, told - time.monotonic()) + 0.01)
    punctual = counted.admit(asking, "")

    assert 0.9 < refused.wait / SECOND <= 1
    assert (refused.kind, early.kind, punctual.kind) == ("rate", "rate", "admitted")
    assert (refused.standings[0].limit, refused.standings[0].remaining) == (60, 0)


@of_both
@pytest.mark.parametrize("most", [1, 5, 31, 40])
def test_as_many_reads_run_as_may(counting: type[Counting], most: int) -> None:
    counted, asking = counting(), [party(concurrent=most), party("", concurrent=30)]

    verdicts = at_once(lambda number: counted.admit(asking, f"lease-{number}"))

    allowed = min(most, 30)
    assert kinds(verdicts) == {"admitted": allowed, "concurrent": CALLERS - allowed}
    held = [number for number, verdict in enumerate(verdicts) if verdict.kind == "admitted"]
    assert counted.admit(asking, next(_names)).kind == "concurrent"
    counted.release(asking, f"lease-{held[0]}")
    assert counted.admit(asking, "the next").kind == "admitted"
    assert counted.admit(asking, next(_names)).kind == "concurrent"


@of_both
def test_place_of_a_read_that_says_nothing_more_is_given_away(
    counting: type[Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.limits.rates._LEASE", 300)
    monkeypatch.setattr("hub.limits.alone.LEASE", 0.3)
    counted, asking = counting(), [party(concurrent=2)]
    assert [counted.admit(asking, lease).kind for lease in ("lost", "kept", "third")] == [
        "admitted",
        "admitted",
        "concurrent",
    ]

    for _ in range(3):
        time.sleep(0.15)
        counted.keep(asking, "kept")

    assert [counted.admit(asking, lease).kind for lease in ("fourth", "fifth")] == ["admitted", "concurrent"]


@of_both
def test_no_limit_is_no_limit(counting: type[Counting]) -> None:
    counted = counting()

    verdicts = [counted.admit([party()], next(_names)) for _ in range(50)]

    assert kinds(verdicts) == {"admitted": 50}
    assert verdicts[-1].tightest is None


@of_both
def test_other_limits_hold_from_the_next_request_on(counting: type[Counting]) -> None:
    counted = counting()
    strict, generous = party(requests_per_minute=1, burst=3), party(requests_per_minute=600)
    assert [counted.admit([strict], "").kind for _ in range(4)] == ["admitted"] * 3 + ["rate"]

    assert counted.admit([generous], "").wait <= 100_000
    time.sleep(0.11)
    assert counted.admit([generous], "").kind == "admitted"
    assert counted.admit([strict], "").wait <= 60_000_000
