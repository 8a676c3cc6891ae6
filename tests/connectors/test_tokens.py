"""Records made of tokens are those made of values: the same rows, the same rejects, the same refusals."""

import json as standard
import random
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.base import Batch
from connectors.batches import Lines, batches
from connectors.formats import json, tokens

DIGITS = "123456789012345678901234567890"
NUMBERS = ["0", "-0", "-0.0", "1.50", "1E400", "-1e-7", "9223372036854775808", DIGITS, f"-{DIGITS}.{DIGITS}"]
TEXTS = ["", "a", "12", "浦东", "null", "true", "{", "[x]", '"', '"a"', "\t", "\n", "\r", "\\N", "\0", "\0001", "a\0b"]
NESTED = ['{"x": [1.0, "1.0", null]}', '{"x":\t{\n"y": 1.50}}', "[]", '["浦"]', '[ "a" , { } ]']
STRANGE = ["1", "null", "[]", '"a"', '{"a": 1}', "{}", '{"a": 1, "b": 2, "a": 3}', '{"d": 1}', '{ "b" : 1 }']
KEYS = [("a", "b", "c"), ("b",), ("c", "a"), ("b", "b"), ("a", "other"), ("a", 'd"'), ("a", "\0")]


@pytest.mark.parametrize("seed", range(40))
def test_records_read_alike_as_tokens_and_as_values(seed: int) -> None:
    draw = random.Random(seed)
    oddity = draw.choice([0.0, 0.001, 0.05])
    document = f"[{','.join(_record(draw, oddity) for _ in range(350))}]".encode()
    keys = draw.choice(KEYS)
    of_tokens, of_values = tokens.parse(document), json.parse(document)

    assert tokens.keys_of(of_tokens) == json.keys_of(of_values)
    assert tokens.values(of_tokens) == of_values
    assert _told(batches(keys, tokens.lines(of_tokens, keys, 5))) == _told(
        batches(keys, json.cells(of_values, keys, 5))
    )


@pytest.mark.parametrize(
    "key", ["a", "数据", "", "with space", "a\tb", 'a"b', "a\\b", "\0", "\ud800", "k0", "__class__"]
)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_keys_are_found_however_they_are_written(key: str, is_ascii: bool) -> None:
    written = standard.dumps([{"x": 0, key: 1}, {"x": 2}], ensure_ascii=is_ascii or key == "\ud800").encode()
    found = tokens.parse(written)

    keys = tokens.keys_of(found)
    assert keys == json.keys_of(json.parse(written))
    assert _told(batches(("x", "y"), tokens.lines(found, keys)))[0] == b"1\t0\t1\n2\t2\t\\N\n"


def test_plain_records_are_never_made_values(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tokens.parse('\ufeff [{"a": 1.50, "b": null}, {"a": true, "b": "null"}, {"c": 1, "a": "{浦}"}]'.encode())
    monkeypatch.setattr(json, "parse", None)

    assert list(tokens.lines(found, ("b", "a"), 7)) == [
        Lines("7\t\\N\t1.50\n8\tnull\ttrue\n9\t\\N\t{浦}\n".encode(), 3)
    ]


def test_only_escapes_of_whole_characters_that_need_none_are_written_out() -> None:
    for number in range(0x10000):
        escape = rf"\u{number:04x}" if number % 2 else rf"\u{number:04X}"
        plain = number >= 0x80 and not 0xD800 <= number <= 0xDFFF

        assert tokens.written_out(f'"{escape}"'.encode()) == f'"{chr(number) if plain else escape}"'.encode()

    assert tokens.written_out(rb'"\u6d66\n\ud83d\ude00\u6d66"') == '"浦\\n\\ud83d\\ude00浦"'.encode()
    assert tokens.written_out(rb'["\\u6d66", "\u6d66"]') == rb'["\\u6d66", "\u6d66"]'


def test_records_written_in_ascii_are_never_made_values(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tokens.parse(rb'[{"a": "\u6d66\u4e1c", "b": 1.50}]')
    monkeypatch.setattr(json, "parse", None)

    assert list(tokens.lines(found, ("a", "b"))) == [Lines("1\t浦东\t1.50\n".encode(), 1)]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf\xef\xbb\xbf[]",
        b"\x0b[]",
        b"[] []",
        b"[]\0",
        b"[1,]",
        b"{'a': 1}",
        b'[{"a": 1, "b": NaN}]',
        b'[{"a": 1, "b": [-Infinity]}]',
        b'[{"a": 01}]',
        b'[{"a": 1.}]',
        b'[{"a": .5}]',
        b'[{"a": +1}]',
        b'[{"a": "\x01"}]',
        b'[{"a": "\\x"}]',
        b'[{"a": "\\u12"}]',
        b'[{"a": "\xff"}]',
        b'[{"a": "\xed\xa0\x80"}]',
        b'[{"\xff": 1}]',
        b'[{"a": 1}',
        b'{"data": [{"a": 1}], "more": "\xc3"}',
        b'{"data": [{"a": 1}], "more": nul}',
        b"[" * 100_000,
        b'[{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]",
    ],
)
def test_what_is_no_json_is_refused_alike(document: bytes) -> None:
    with pytest.raises(json.NotJson):
        json.parse(document)

    with pytest.raises(json.NotJson):
        tokens.parse(document)


@pytest.mark.parametrize("depth", [3, 200, 600, 900])
def test_deep_values_are_read_or_set_aside_alike(depth: int) -> None:
    document = b'[{"a": ' + b"[" * depth + b"]" * depth + b'}, {"a": 1}]'

    told = _told(batches(("a",), tokens.lines(tokens.parse(document), ("a",))))

    assert told == _told(batches(("a",), json.cells(json.parse(document), ("a",))))
    assert b"2\t1\n" in told[0]


def test_half_of_a_character_keeps_one_record_out() -> None:
    records = tokens.parse(b'\xef\xbb\xbf[{"a": "\\ud83d"}, {"a": 1.50}, {"a": "\\ud83d\\ude00"}]')

    copy, rejects = _told(batches(("a",), tokens.lines(records, tokens.keys_of(records))))

    assert copy == "2\t1.50\n3\t\N{GRINNING FACE}\n".encode()
    assert [(reject.position, reject.code) for reject in rejects] == [(1, "surrogate")]


@pytest.mark.parametrize(
    "path", ["", "data", "data.items", "data.items.1", "data.items.7", "data.n", "data.n.x", "..", "x"]
)
def test_paths_lead_to_the_same_places(path: str) -> None:
    document = b'{"data": {"items": [{"a": 1}, {"a": 2.50}], "n": 12}, "x": "\\u6c49", "": {"": 1}}'

    assert _at(tokens.dig, tokens.parse(document), path) == _at(json.dig, json.parse(document), path)


def _at(dig: Any, document: Any, path: str) -> Any:
    try:
        return _whole(dig(document, path))
    except LookupError:
        return LookupError


def _whole(value: Any) -> Any:
    value = tokens.opened(value)
    if isinstance(value, dict):
        return {key: _whole(part) for key, part in value.items()}
    return [_whole(part) for part in value] if isinstance(value, list) else value


def _told(found: Sequence[Batch] | Any) -> tuple[bytes, list[Any]]:
    each = list(found)
    return b"".join(batch.copy for batch in each), [reject for batch in each for reject in batch.rejects]


def _record(draw: random.Random, oddity: float) -> str:
    if draw.random() < oddity:
        return draw.choice(STRANGE)
    return "{" + ", ".join(f'"{key}": {_value(draw, oddity)}' for key in draw.sample(["a", "b", "c"], 3)) + "}"


def _value(draw: random.Random, oddity: float) -> str:
    if draw.random() < oddity:
        return draw.choice([standard.dumps(draw.choice(TEXTS), ensure_ascii=draw.random() < 0.5), *NESTED])
    usual = ['"x"', '"浦东"', r'"\u6d66\u4E1C-\u00e9"', '"12"', '""', '"null"', '"[x"', '"a:{b}"']
    return draw.choice([*NUMBERS, "null", "true", "false", *usual])
