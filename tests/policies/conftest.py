"""One dataset of ``dot``, and the people who keep its rules."""

import pytest

from hub.accounts.caller import HUB, Caller
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from tests.cast import agency, member
from tests.policies.acts import FIELDS


@pytest.fixture
def flights() -> Dataset:
    for code in ("dot", "met", "ops"):
        agency(code)
    dataset = register_dataset(
        actor=HUB, agency=agency("dot"), key="dot.flights", title="Flights", fields=FIELDS, primary_key=["id"]
    )
    return publish_dataset(actor=HUB, dataset=dataset)


@pytest.fixture
def publisher(flights: Dataset) -> Caller:
    return member("dot", "publisher")


@pytest.fixture
def reviewer(flights: Dataset) -> Caller:
    return member("dot", "reviewer")


@pytest.fixture
def authority() -> Caller:
    return member("hub", "authority")
