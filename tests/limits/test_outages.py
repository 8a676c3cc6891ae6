"""Valkey stopped, hung and emptied: reads go on, under the limit of each process, and lose no time."""

import time

from hub.limits.rates import Rates
from tests.limits.conftest import Server, at_once, party

_RATED = party(requests_per_minute=1, burst=20)


def test_killed_midway_each_process_keeps_to_the_limit_by_itself(server: Server, rates: Rates) -> None:
    before = [rates.admit([_RATED], "").kind for _ in range(15)]

    server.kill()
    verdicts = at_once(lambda _: rates.admit([_RATED], "").kind)

    assert before == ["admitted"] * 15
    assert (verdicts.count("admitted"), verdicts.count("rate")) == (20, 12)


def test_dead_server_costs_no_time(server: Server, rates: Rates) -> None:
    server.kill()
    asking, began = [party(requests_per_minute=100_000)], time.monotonic()

    kinds = [rates.admit(asking, "lease").kind for _ in range(500)]

    assert set(kinds) == {"admitted"}
    assert time.monotonic() - began < 0.6


def test_hung_server_costs_a_moment_now_and_then(server: Server, rates: Rates) -> None:
    rates.admit([party()], "")
    server.freeze()
    began, slowest = time.monotonic(), 0.0
    waits = []
    while time.monotonic() - began < 2.5:
        asked = time.monotonic()
        assert rates.admit([party(requests_per_minute=100_000)], "").kind == "admitted"
        waits.append(time.monotonic() - asked)
        time.sleep(0.002)
    server.thaw()
    slowest = max(waits)

    assert slowest < 0.9
    assert sum(wait > 0.05 for wait in waits) <= 3


def test_server_that_is_back_counts_for_all_again(server: Server, rates: Rates) -> None:
    server.kill()
    rates.admit([_RATED], "")
    server.start()
    time.sleep(1.1)

    other = Rates()
    kinds = [each.admit([_RATED], "").kind for each in (rates, other) * 15]

    assert kinds.count("admitted") == 20


def test_restarted_server_is_asked_again_at_once(server: Server, rates: Rates) -> None:
    rates.admit([_RATED], "")
    server.kill()
    server.start()

    kinds = [each.admit([_RATED], "").kind for each in (rates, Rates()) * 15]

    assert kinds.count("admitted") == 20


def test_place_taken_before_the_server_was_lost_is_free_after(server: Server, rates: Rates) -> None:
    asking = [party(concurrent=1)]
    assert rates.admit(asking, "one").kind == "admitted"
    server.kill()
    rates.release(asking, "one")

    assert rates.admit(asking, "two").kind == "admitted"
    assert rates.admit(asking, "three").kind == "concurrent"
    rates.release(asking, "two")
    assert rates.admit(asking, "four").kind == "admitted"
