"""The examples of the document do what it says: the requests, the program that checks a signature, and the body."""

import json
import re
from typing import Any

import pytest

from hub.catalog.models import Dataset
from tests.api.conftest import Api
from tests.cast import member
from tests.subscriptions.conftest import Receiver, load, subscribed, tick
from tests.whole.conftest import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
SECTION = (ROOT / "docs" / "read.md").read_text().partition("## Be told of changes")[2].partition("\n## ")[0]


def test_requests_shown_subscribe(flights: Dataset, reader: Api) -> None:
    member("ops", email="analyst@ops.example")
    requests = re.findall(r"-d '(.*?)'", SECTION)

    answers = [reader.post("subscriptions", json.loads(body)) for body in requests]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [bool(answer.json()["secret"]) for answer in answers] == [True, False]


def test_program_shown_lets_in_what_the_hub_sends(flights: Dataset, reader: Api, receiver: Receiver) -> None:
    shown: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)[0], shown)
    (body,) = re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)
    _, secret = subscribed(reader, url=receiver.url, events=["dataset.version"])

    load(flights)
    tick()

    (asked,) = receiver.served.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert shown["changed"](secret, asked.body, headers) == "dot.flights"
    sent, example = json.loads(asked.body), json.loads(body)
    assert (sent.keys(), sent["data"].keys()) == (example.keys(), example["data"].keys())
    assert sent["data"]["links"].keys() == example["data"]["links"].keys()
