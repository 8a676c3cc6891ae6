"""Reads over HTTP go on when Valkey is stopped, under limits of the process, and the day's counts go on with them."""

import time
from typing import Any

import pytest

from hub.catalog.models import Dataset
from hub.limits.rates import Rates
from tests.api.conftest import Api
from tests.api.test_administration import body
from tests.api.test_limits import DATA, limit, taken
from tests.limits.conftest import Server, server

__all__ = ["server"]


@pytest.fixture(autouse=True)
def its_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.limits.admission._rates", Rates())


def statuses(api: Api, count: int) -> list[int]:
    return [api.get(f"{DATA}/rows", {"limit": "1"}).status_code for _ in range(count)]


def test_reads_go_on_limited_and_counted(reader: Api, system: Api, flights: Dataset, server: Server) -> None:
    limit(system, requests_per_minute=1, burst=4)
    assert statuses(reader, 2) == [200, 200]

    server.kill()
    after = statuses(reader, 6)

    assert after == [200] * 4 + [429] * 2
    limit(system, requests_per_minute=6_000)
    assert statuses(reader, 1) == [429]  # the burst is used up; the next request is a hundredth of a second away
    time.sleep(0.05)
    assert taken(reader)["rows"] == 6


def test_quota_of_a_day_holds_without_it_and_over_its_loss(
    reader: Api, system: Api, flights: Dataset, server: Server
) -> None:
    limit(system, requests_per_day=6)
    assert statuses(reader, 2) == [200, 200]
    server.kill()
    assert statuses(reader, 2) == [200, 200]
    server.start()
    time.sleep(1.1)

    assert statuses(reader, 3) == [200, 200, 429]
    refused: Any = body(reader.get(f"{DATA}/rows"))
    assert refused["code"] == "quota-used-up"


def test_concurrency_is_limited_without_it(
    reader: Api, system: Api, flights: Dataset, server: Server, transactional_db: None
) -> None:
    limit(system, concurrent=1)
    server.kill()
    stream = reader.get(f"{DATA}/rows", {"limit": "all", "f": "csv"})

    assert statuses(reader, 1) == [429]
    assert b"".join(stream)
    assert statuses(reader, 2) == [200, 200]
