"""Filters, orders and pages drawn at random find over HTTP what plain Python finds among the same rows."""

import datetime as dt
import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.commands import create_agency, create_client, issue_token
from hub.catalog.commands import publish_dataset, register_dataset
from tests.feeds import load_rows
from tests.proofs.generated import how_many
from tests.query import plainly
from tests.query.plainly import SORTABLE, TYPES, Row

ROWS = 90
PATH = "/api/v1/datasets/dot.drawn/rows"
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def reader(db: None, settings: Any) -> Browser:
    """The client of an agency that may read everything in clear."""
    settings.HUB_RATE_LIMITS = False
    fields = [{"name": name, "type": type_, "sensitivity": "public"} for name, type_ in TYPES.items()]
    owner, consumer = (create_agency(actor=HUB, code=code, name=code) for code in ("dot", "ops"))
    made = register_dataset(actor=HUB, agency=owner, key="dot.drawn", title="Drawn", fields=fields, primary_key=["id"])
    publish_dataset(actor=HUB, dataset=made)
    token = issue_token(actor=HUB, client=create_client(actor=HUB, agency=consumer, name="app"))[1]
    return Browser(headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("seed", range(700, 704))
def test_pages_are_what_plain_python_finds(reader: Browser, seed: int) -> None:
    random = Random(seed)
    rows = _loaded(random)
    found = 0
    for _ in range(how_many(250)):
        filter_ = plainly.drawn(random)
        keys = [(name, random.random() < 0.5) for name in random.sample(SORTABLE, random.choice((0, 0, 1, 2, 3)))]
        names = random.choice((list(TYPES), random.sample(list(TYPES), random.randrange(1, 5))))
        matching = [row for row in rows if filter_.holds(row) is True]
        expected = [{name: row[name] for name in names} for row in plainly.in_order(matching, keys)]

        seen, count = _walk(reader, filter_.text, keys, names, limit=random.choice((7, 30, 100, 10_000)))

        assert (count, seen) == (len(matching), expected), (filter_.text, keys)
        found += len(matching)
    assert found > how_many(250) * ROWS * 0.1


def test_every_type_is_compared_and_sorted(reader: Browser) -> None:
    """Each field alone in either direction, with its nulls, and each of its values by every operator."""
    rows = _loaded(Random(1))
    for name in SORTABLE:
        for descends in (False, True):
            expected = [{"id": row["id"]} for row in plainly.in_order(rows, [(name, descends)])]
            assert _walk(reader, "id >= 0", [(name, descends)], ["id"], limit=11)[0] == expected, (name, descends)


def _loaded(random: Random) -> list[Row]:
    """The same rows in the dataset and here, ties and nulls among them."""
    from hub.catalog.models import Dataset

    rows = [plainly.row(random, number) for number in range(ROWS)]
    outcome = load_rows(Dataset.objects.get(), rows)
    assert outcome.rows == ROWS
    return rows


def _walk(
    reader: Browser, text: str, keys: list[tuple[str, bool]], names: list[str], *, limit: int
) -> tuple[list[Row], int]:
    """All pages one after another, as typed rows, and how many rows the first said there are."""
    params = {"filter": text, "limit": str(limit), "properties": ",".join(names), "count": "exact"}
    if keys:
        params["sortby"] = ",".join(f"{'-' if descends else ''}{name}" for name, descends in keys)
    seen: list[Row] = []
    counts = set()
    while True:
        response = reader.get(PATH, params)
        assert response.status_code == 200, (params, response.content)
        answer = json.loads(response.content, parse_float=Decimal)
        seen += [{name: _typed(name, cell) for name, cell in row.items()} for row in answer["data"]]
        counts.add(answer["page"]["count"])
        if answer["page"]["next"] is None:
            break
        assert len(answer["data"]) == limit
        params["cursor"] = answer["page"]["next"]
    (count,) = counts
    return seen, count


def _typed(name: str, cell: Any) -> Any:
    if cell is None:
        return None
    match TYPES[name]:
        case "decimal":
            return Decimal(cell)
        case "number":
            return float(cell)
        case "date":
            return dt.date.fromisoformat(cell)
        case "datetime":
            return dt.datetime.fromisoformat(cell)
        case "time":
            return dt.time.fromisoformat(cell)
    return cell
