"""Within the web server's loop: a short read is what it is in a thread, and its loop is never held up."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F

import hub.asgi as entrance
from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.models import Epoch, Token
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.limits.admission import forget_requests
from hub.store.wires import close_wires
from policies import commands as policies
from tests.api.conftest import Api
from tests.api.test_entrance import Answered, asked, drawn
from tests.api.test_limits import limit

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "/api/v1/datasets/dot.flights/rows"
WORDS = {"reason": "It leads to a person", "legal_basis": [{"title": "An act"}]}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Those beside the loop give up their connections to a database that goes away."""
    yield
    together = Barrier(entrance._THREADS)

    def close() -> None:
        together.wait(10)
        connections.close_all()

    for closed in [entrance._threads.submit(close) for _ in range(entrance._THREADS)]:
        closed.result(10)


def _scope(token: str, path: str, query: str, headers: dict[str, str]) -> dict[str, Any]:
    sent = {"host": "localhost", "authorization": f"Bearer {token}", **headers}
    return {
        "method": "GET",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), text.encode()) for name, text in sent.items() if text],
    }


async def _ask(token: str, path: str, query: str = "", **headers: str) -> Answered:
    """Status, headers and body."""
    head: dict[str, Any] = {}
    chunks: list[bytes] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            chunks.append(message["body"])

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    await entrance.application(_scope(token, path, query, headers), receive, send)
    return head["status"], {name.decode(): text.decode() for name, text in head["headers"]}, b"".join(chunks)


def _within(*steps: Callable[[], Awaitable[Any]]) -> list[Any]:
    """What the steps come to, one after the other in one loop."""

    async def run() -> list[Any]:
        try:
            return [await step() for step in steps]
        finally:
            close_wires()

    return asyncio.run(run())


def _elsewhere(act: Callable[[], object]) -> Callable[[], Awaitable[Any]]:
    """What changes things, in a thread of its own: Django's ORM is not for loops."""

    def acted() -> None:
        try:
            act()
        finally:
            connections.close_all()

    return lambda: asyncio.to_thread(acted)


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        (ROWS, "", {}),
        (ROWS, "limit=2&count=exact", {}),
        (ROWS, "limit=1", {"accept-encoding": "gzip"}),
        (ROWS, "", {"accept-encoding": "gzip"}),
        (ROWS, "", {"accept-encoding": "zstd", "cookie": "a=b"}),
        (ROWS, "filter=delay%20>%202&sortby=-delay", {}),
        (f"{ROWS}/1", "", {}),
        (f"{ROWS}/4711", "", {}),
        (f"{ROWS}/x%00", "", {}),
        (f"{ROWS}/1,2", "", {}),
        (ROWS, "f=csv&limit=all", {}),
        (ROWS, "%66=csv&limit=al%6c", {}),
        (ROWS, "", {"accept": "text/csv"}),
        (ROWS, "filter=nosuch", {}),
        (ROWS, "ssn=1", {}),
        (ROWS, "", {"host": "elsewhere.example"}),
        (ROWS, "", {"hub-agreement": "nosuch"}),
        (ROWS, "", {"if-none-match": "*"}),
        ("/api/v1/datasets/dot.nosuch/rows", "", {}),
        ("/api/v1/datasets/dot.flights/aggregate", "", {}),
    ],
)
def test_a_read_within_the_loop_is_what_django_answers(
    reader: Api, flights: Dataset, settings: Any, path: str, query: str, headers: dict[str, str]
) -> None:
    settings.HUB_RATE_LIMITS = False
    for token in (reader.token, "hub_of-nobody"):
        whole = asked(None, token, path, query, **headers)
        before = Event.objects.count()

        first, second = _within(*[lambda token=token: _ask(token, path, query, **headers)] * 2)  # type: ignore[misc]

        events = Event.objects.count() - before
        assert drawn(first) == drawn(second) == whole
        asked(None, token, path, query, **headers)
        assert events == 2 * (Event.objects.count() - before - events)


def test_reads_at_once_are_as_many_events(reader: Api, flights: Dataset, settings: Any) -> None:
    settings.HUB_RATE_LIMITS = False

    async def many() -> list[Answered]:
        return await asyncio.gather(*(_ask(reader.token, f"{ROWS}/{1 + number % 20}") for number in range(60)))

    (answers,) = _within(many)

    assert [json.loads(body)["id"] for _, _, body in answers] == [1 + number % 20 for number in range(60)]
    receipts = {headers["hub-receipt"] for _, headers, _ in answers}
    assert receipts == {str(key) for key in Event.objects.filter(kind="rows.read").values_list("pk", flat=True)}
    assert len(receipts) == 60


def test_what_changes_holds_for_the_next_read(reader: Api, flights: Dataset, settings: Any) -> None:
    settings.HUB_RATE_LIMITS = False

    def hide() -> None:
        words = {"key": "hidden", "target": "dot.flights#delay", "party": "everyone", "access": "hidden", **WORDS}
        policies.approve_rule(actor=HUB, rule=policies.draft_rule(actor=HUB, **words))

    def revoke() -> None:
        accounts.revoke_token(actor=HUB, token=Token.objects.get(client__agency__code="ops"))

    read = lambda: _ask(reader.token, f"{ROWS}/1")  # noqa: E731
    clear, _, hidden, _, refused = _within(read, _elsewhere(hide), read, _elsewhere(revoke), read)

    assert "delay" in json.loads(clear[2])
    assert "delay" not in json.loads(hidden[2])
    assert (refused[0], json.loads(refused[2])["code"]) == (401, "token-invalid")
    assert Event.objects.filter(kind="rows.read").count() == 2


def test_connections_that_the_server_ended_are_made_anew(reader: Api, flights: Dataset, settings: Any) -> None:
    settings.HUB_RATE_LIMITS = False

    mine = connection.connection.info.backend_pid

    def end() -> None:
        Epoch.objects.update(value=F("value") + 1)  # so that a thread aside has to ask as well
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
                [mine],
            )
            assert len(cursor.fetchall()) >= 2

    read = lambda: _ask(reader.token, f"{ROWS}/1")  # noqa: E731
    answers = _within(read, _elsewhere(end), read)

    assert [status for status, _, _ in answers[::2]] == [200, 200]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"requests_per_minute": 3}, "rate-limited"),
        ({"requests_per_day": 3}, "quota-used-up"),
        ({"rows_per_day": 3}, "quota-used-up"),
    ],
)
def test_limits_hold_within_the_loop(
    reader: Api, system: Api, flights: Dataset, limits: dict[str, int], code: str
) -> None:
    limit(system, **limits)
    forget_requests()

    answers = _within(*[lambda: _ask(reader.token, f"{ROWS}/1")] * 4)

    assert [status for status, _, _ in answers] == [200, 200, 200, 429]
    assert json.loads(answers[-1][2])["code"] == code
