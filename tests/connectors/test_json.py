"""JSON keeps every digit and every character, a hundred records at once or one by one."""

import json as standard
import random
from typing import Any

import pytest

from connectors.batches import batches
from connectors.formats import json

DIGITS = "123456789012345678901234567890"
NUMBERS = ["0", "-0", "-0.0", "1.50", "1E400", "-1e-7", DIGITS, f"0.{DIGITS}", f"-{DIGITS}.{DIGITS}"]
TEXTS = [
    "",
    "a",
    "12",
    "浦东",
    "\0",
    "\0001",
    "a\0b",
    "\0\0",
    "\\u0000",
    "\\\\u0000",
    "\t",
    "\n",
    "\r",
    "\\N",
    '"',
    "\0missing\0",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_number_keeps_its_digits(number: str) -> None:
    (record,) = json.parse(f'[{{"n": {number}, "in": {{"deep": [{number}, "{number}"]}}}}]')

    assert json.text(record["n"]) == number
    assert json.text(record["in"]) == f'{{"deep":[{number},"{number}"]}}'


@pytest.mark.parametrize("text", TEXTS)
def test_text_keeps_its_characters(text: str) -> None:
    (record,) = json.parse(standard.dumps([{"t": text, "in": [text]}]))

    assert json.text(record["t"]) == text
    assert json.text(record["in"]) == standard.dumps([text], ensure_ascii=False)


@pytest.mark.parametrize("seed", range(20))
def test_records_read_alike_at_once_and_one_by_one(seed: int) -> None:
    draw = random.Random(seed)
    oddity = draw.choice([0.0, 0.001, 0.05])
    records = [_record(draw, oddity) for _ in range(350)]
    parsed = json.parse(f"[{','.join(records)}]")
    keys = ("a", "b", "c") if draw.random() < 0.8 else ("b",)

    at_once = list(batches(keys, json.lines(parsed, keys, 5)))
    one_by_one = list(batches(keys, json.cells(parsed, keys, 5)))

    assert [batch.copy for batch in at_once] == [batch.copy for batch in one_by_one]
    assert [batch.rejects for batch in at_once] == [batch.rejects for batch in one_by_one]
    assert sum(batch.count + len(batch.rejects) for batch in at_once) == 350


def test_plain_records_are_copied_at_once() -> None:
    found = list(json.lines(json.parse('[{"a": 1.50, "b": null}, {"a": true, "b": "x"}]'), ("b", "a")))

    assert [found_.copy for found_ in found if isinstance(found_, json.Lines)] == [b"1\t\\N\t1.50\n2\tx\ttrue\n"]


def _record(draw: random.Random, oddity: float) -> str:
    if draw.random() < oddity:
        return draw.choice(["1", "null", "[]", '"a"', '{"a": 1}', "{}"])
    return "{" + ", ".join(f'"{key}": {_value(draw, oddity)}' for key in draw.sample(["a", "b", "c"], 3)) + "}"


def _value(draw: random.Random, oddity: float) -> str:
    if draw.random() < oddity:
        return standard.dumps(draw.choice(TEXTS)) if draw.random() < 0.7 else '{"x": [1.0, "1.0", null]}'
    values: list[Any] = [*NUMBERS, "null", "true", "false", '"x"', '"浦东"', '"12"', '""']
    return str(draw.choice(values))
