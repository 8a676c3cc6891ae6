"""A day's counts in PostgreSQL: exact under parallel callers, in several processes, over a death and over midnight."""

import random
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from hub.accounts.models import Usage
from hub.limits.days import Days
from hub.limits.parties import Party
from hub.limits.tab import Spent, Taken
from tests.limits.conftest import CALLERS, at_once, party

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = NOON.date()


def take(days: Days, who: Party, moment: datetime = NOON, rows: int = 0, size: int = 0) -> Spent | None:
    """One whole request."""
    tabs = days.open([who], moment)
    try:
        spent = tabs[0].take(who.limits, moment)
        if spent is None:
            tabs[0].add(who.limits, rows, size)
        return spent
    finally:
        days.close(tabs)


def written(actor: str = "ops/app", day: date = DAY) -> Taken:
    usage = Usage.objects.get(agency="ops", actor=actor, day=day)
    return Taken(usage.requests, usage.rows, usage.bytes)


@pytest.mark.parametrize("seed", range(5))
def test_quota_is_exact_under_parallel_callers_in_several_processes(seed: int) -> None:
    quota, each = random.Random(seed).randint(1, CALLERS * 20), 15
    who, processes = party(requests_per_day=quota), [Days() for _ in range(3)]

    answers = at_once(lambda number: [take(processes[number % 3], who) for _ in range(each)])

    admitted = [answer for some in answers for answer in some].count(None)
    for days in processes * 2:  # once all have given back, all learn of it
        days.settle()
    left = quota - admitted
    late = [take(processes[0], who) for _ in range(left + 1)]
    assert admitted <= min(quota, CALLERS * each)
    assert admitted >= min(quota, CALLERS * each) - 3 * max(1, quota // 64)
    assert written().requests <= quota
    if quota < CALLERS * each:
        assert [answer is None for answer in late] == [True] * left + [False]


def test_one_process_gives_out_the_quota_to_the_last_request() -> None:
    days, who = Days(), party(requests_per_day=3_000)

    answers = at_once(lambda _: [take(days, who) for _ in range(100)])

    assert [answer for some in answers for answer in some].count(None) == 3_000
    assert written().requests == 3_000


def test_rows_and_bytes_are_counted_and_end_the_day_when_they_are_used_up() -> None:
    days, who = Days(), party(rows_per_day=1_000, bytes_per_day=10_000)

    begun = [take(days, who, rows=400, size=100) for _ in range(5)]

    assert begun == [None, None, None, *[Spent("rows_per_day", 1_000, 12 * 3600)] * 2]
    assert written() == Taken(3, 1_200, 300)
    bulky = party("ops/bulky", bytes_per_day=10_000)
    assert take(days, bulky, size=10_000) is None
    assert take(days, bulky) == Spent("bytes_per_day", 10_000, 12 * 3600)


def test_parallel_reads_are_counted_to_the_last_row() -> None:
    days, who = Days(), party()

    at_once(lambda number: [take(days, who, rows=number, size=7) for _ in range(20)])
    days.settle()

    assert written() == Taken(CALLERS * 20, sum(range(CALLERS)) * 20, CALLERS * 20 * 7)


def test_rows_of_other_processes_count_within_a_second() -> None:
    one, other, who = Days(), Days(), party(rows_per_day=100)
    assert take(other, who) is None
    assert take(one, who, rows=100) is None

    time.sleep(1.05)

    assert take(other, who) is not None


def test_new_day_begins_at_midnight_in_utc_and_not_a_moment_before() -> None:
    days, who = Days(), party(requests_per_day=2)
    late = datetime(2026, 3, 1, 23, 59, 58, 500_000, tzinfo=UTC)
    assert [take(days, who, late) for _ in range(3)] == [None, None, Spent("requests_per_day", 2, 2)]

    early = take(days, who, late + timedelta(seconds=1.49))
    back = take(days, who, late + timedelta(seconds=2))

    assert early == Spent("requests_per_day", 2, 1)
    assert back is None
    days.settle()
    assert (written().requests, written(day=date(2026, 3, 2)).requests) == (2, 1)


def test_read_over_midnight_is_put_down_to_the_day_it_began_on() -> None:
    days, who = Days(), party()
    tabs = days.open([who], NOON)
    tabs[0].take(who.limits, NOON)
    tomorrow = NOON + timedelta(days=1)
    assert take(days, who, tomorrow, rows=1) is None

    tabs[0].add(who.limits, 50, 500)
    days.close(tabs)
    days.settle()

    assert written() == Taken(1, 50, 500)
    assert written(day=tomorrow.date()) == Taken(1, 1, 0)


def test_what_lies_idle_with_a_process_is_given_back() -> None:
    idle, busy, who = Days(), Days(), party(requests_per_day=640)
    assert take(idle, who) is None
    assert written().requests == 10
    time.sleep(1.05)

    take(idle, party("ops/other"))

    assert written().requests == 1
    assert [take(busy, who) for _ in range(640)].count(None) == 639


def test_refused_by_the_agency_gives_the_client_its_request_back() -> None:
    days, who, whole = Days(), party(requests_per_day=10), party("", requests_per_day=1)
    tabs = days.open([who, whole], NOON)
    tabs[0].take(who.limits, NOON)
    tabs[0].give_back(who.limits)
    days.close(tabs)

    assert [take(days, who) for _ in range(11)].count(None) == 10


_DIES = """
import os, sys
sys.path.insert(0, ".")
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from tests.limits.test_days import Days, NOON, party, take
days = Days()
for _ in range(100):
    assert take(days, party(requests_per_day=1_000), rows=1) is None
os._exit(9)
"""


def test_process_that_dies_has_given_out_no_more_than_is_written() -> None:
    name = str(connection.settings_dict["NAME"])
    died = subprocess.run([sys.executable, "-c", _DIES, name], cwd=Path(__file__).parents[2], check=False)
    days, who = Days(), party(requests_per_day=1_000)

    left = [take(days, who) for _ in range(1_000)].count(None)

    assert died.returncode == 9
    assert 1_000 - 100 - 1_000 // 64 <= left <= 1_000 - 100


def test_nothing_of_one_party_is_put_down_to_another() -> None:
    days = Days()
    take(days, party("ops/one"), rows=5)
    take(days, party("ops/two"))
    take(days, party("", "dot"))
    days.settle()

    assert [written("ops/one"), written("ops/two")] == [Taken(1, 5, 0), Taken(1, 0, 0)]
    assert Usage.objects.filter(agency="dot").get().rows == 0
