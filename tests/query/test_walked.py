"""Whoever walks all pages gets each row that stood there all the time exactly once, whatever else comes and goes."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connections
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.commands import create_agency, create_client, issue_token
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.store.intake.load import Outcome
from policies.commands import approve_rule, draft_rule
from tests.feeds import load_rows
from tests.proofs.generated import how_many

PATH = "/api/v1/datasets/dot.moving/rows"
FIELDS = {"id": "integer", "word": "string", "zone": "string", "score": "decimal", "label": "string"}
STANDING = 150
PAGES = 6
"""How many are read between two loads at most."""
ORDERS = ("", "-id", "score", "-zone,score,-word", "zone,-score")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1200)]


@pytest.fixture
def dataset(transactional_db: None) -> Dataset:
    fields = [{"name": name, "type": type_, "sensitivity": "public"} for name, type_ in FIELDS.items()]
    made = register_dataset(
        actor=HUB,
        agency=create_agency(actor=HUB, code="dot", name="Transport"),
        key="dot.moving",
        title="Moving",
        fields=fields,
        primary_key=["id"],
    )
    publish_dataset(actor=HUB, dataset=made)
    return Dataset.objects.get(pk=made.pk)


@pytest.fixture
def reader(dataset: Dataset, settings: Any) -> Browser:
    settings.HUB_RATE_LIMITS = False
    consumer = create_agency(actor=HUB, code="ops", name="Operations")
    token = issue_token(actor=HUB, client=create_client(actor=HUB, agency=consumer, name="app"))[1]
    return Browser(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def masked(dataset: Dataset) -> Callable[[], None]:
    """Hash the key: what sorts alike then follows the number that was drawn for each row."""

    def hashed() -> None:
        rule = draft_rule(
            actor=HUB, key="hash", target="dot.moving#id", party="everyone", access="hash", reason="Persons"
        )
        approve_rule(actor=HUB, rule=rule)

    return hashed


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order or "key")
@pytest.mark.parametrize("is_masked", [False, True], ids=["clear", "masked"])
def test_standing_rows_come_once(
    dataset: Dataset, reader: Browser, masked: Callable[[], None], order: str, is_masked: bool
) -> None:
    if is_masked:
        masked()
    random = Random(f"{order} {is_masked}")
    standing = [_row(random, 3 * number, f"s{number}") for number in range(STANDING)]
    load_rows(dataset, standing)
    for _ in range(how_many(1)):
        with _moving(dataset, standing, random) as loads:
            seen = Counter(_walk(reader, order, random.choice((7, 13)), loads))

        assert {row["label"]: seen[row["label"]] for row in standing} == {row["label"]: 1 for row in standing}
        assert len(seen) > STANDING


@contextmanager
def _moving(dataset: Dataset, standing: list[dict[str, Any]], random: Random) -> Iterator[list[Outcome]]:
    """Loads by somebody else, each with other rows between those that stand; what came of those that are in."""
    is_over, failures, draw = Event(), [], Random(random.random())
    loads: list[Outcome] = []

    def load() -> None:
        try:
            while not is_over.is_set():
                ids = draw.sample(range(-3, 3 * STANDING + 9), 120)
                passing = [_row(draw, number, f"p{draw.random()}") for number in ids if number % 3]
                loads.append(load_rows(dataset, [*standing, *passing]))
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=load)
    load_rows(dataset, [*standing, _row(draw, 1, "first")])
    thread.start()
    try:
        yield loads
    finally:
        is_over.set()
        thread.join()
    assert failures == []
    assert all(load.inserted and load.rejected == 0 for load in loads)


def _row(random: Random, number: int, label: str) -> dict[str, Any]:
    return {
        "id": number,
        "word": random.choice((None, "", "a", "b", "浦东", "浦西")),
        "zone": random.choice((None, "n", "s")),
        "score": random.choice((None, 1, 2, 2.5)),
        "label": label,
    }


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def _walk(reader: Browser, order: str, limit: int, loads: list[Outcome]) -> Iterator[str]:
    """The labels of all rows, page by page, while loads come in."""
    params = {"limit": str(limit), "properties": "label", **({"sortby": order} if order else {})}
    for page in count():
        _wait_until(lambda wanted=1 + page // PAGES: len(loads) >= wanted)
        answer = reader.get(PATH, params).json()
        yield from (row["label"] for row in answer["data"])
        if answer["page"]["next"] is None:
            return
        params["cursor"] = answer["page"]["next"]
