"""Makes COPY text of JSON records out of their tokens as they were written, with no value of Python in between.

A document is taken apart level by level into ``msgspec.Raw``: parts of it that were looked at and found to be JSON, and
not read. What a token alone does not tell (escapes, values in values, records that are none) is left to
``connectors.formats.json``, whose rows and rejects are the same for all records.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final

from msgspec import DecodeError, Raw, ValidationError, defstruct
from msgspec.json import Decoder
from msgspec.structs import astuple

from connectors.batches import Lines, Record
from connectors.formats import json

_AT_ONCE: Final = 100
_APART: Final = 200
"""Bytes from one escape to the next: where they are closer, nearly all records have to be read as values."""
_SPACE: Final = b" \t\r\n"
_CHARACTER: Final = rb"\\u(?i:00[89a-f]|0[1-9a-f][0-9a-f]|[1-9abcef][0-9a-f]{2}|d[0-7][0-9a-f])(?i:[0-9a-f])"
_CHARACTERS: Final = re.compile(rb"%b(?:%b)*" % (_CHARACTER, _CHARACTER))
"""Characters that stand for nothing but themselves: none of ASCII, no half of one."""
_MISSING: Final = Raw(b"null")
_READERS: Final[Mapping[bytes, Callable[[Raw], Any]]] = {
    b"{": Decoder(dict[str, Raw]).decode,
    b"[": Decoder(list[Raw]).decode,
}

Copier = Callable[[Sequence[Any], int], bytes | None]


def written_out(text: bytes) -> bytes:
    """The same JSON with characters as such in place of most ``\\u`` escapes; none of the others is made."""
    if b"\\u" not in text or b"\\\\" in text:  # what follows on a backslash may be no escape
        return text
    return _CHARACTERS.sub(lambda found: found[0].decode("unicode_escape").encode(), text)


def parse(document: bytes) -> Any:
    """A JSON document, opened; raises ``NotJson``.

    One that is full of escapes, or has half a character in one, comes as values.
    """
    whole = written_out(document.removeprefix(BOM_UTF8).lstrip(_SPACE))
    with suppress(json.NotJson, UnicodeDecodeError):
        whole.decode()  # tokens are not looked at for that
        if whole[:1] in _READERS and whole.count(b"\\") * _APART < len(whole):
            return opened(Raw(whole))
    return json.parse(document)


def opened(value: Any) -> Any:
    """A token's list or object with tokens in it, or else its value as ``json.parse`` gives it; values as they are.

    Raises ``NotJson``.
    """
    if not isinstance(value, Raw):
        return value
    read = _READERS.get(bytes(memoryview(value)[:1]), _read)
    try:
        return read(value)
    except (DecodeError, RecursionError) as error:
        raise json.NotJson(type(error).__name__) from error


def _read(token: Raw) -> Any:
    return json.parse(bytes(token))


def dig(document: Any, path: str) -> Any:
    """What lies at a dotted path, opened; raises ``LookupError``."""
    for step in path.split(".") if path else ():
        document = opened(json.inside(document, step))
    return document


def keys_of(records: Sequence[Any]) -> tuple[str, ...]:
    """All keys of the objects among ``records``, in the order in which they first appear."""
    return json.keys_of(chain.from_iterable(values(some) for some in _parts(records)))


def values(records: Sequence[Any]) -> Sequence[Any]:
    """The records as ``json.parse`` gives them."""
    if not records or not isinstance(records[0], Raw):
        return records
    parsed: list[Any] = json.parse(b"[%b]" % b",".join(records))
    return parsed


def lines(records: Sequence[Any], keys: Sequence[str], first: int = 1) -> Iterator[Lines | Record]:
    """The same as ``json.lines`` of the records' values; raises ``NotJson`` where one is nested too deep."""
    copied = _copier(keys)
    for some in _parts(records):
        copy = copied(some, first)
        if copy is None:
            yield from json.lines(values(some), keys, first)
        else:
            yield Lines(copy, len(some))
        first += len(some)


def _parts(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (records[start : start + _AT_ONCE] for start in range(0, len(records), _AT_ONCE))


def _copier(keys: Sequence[str]) -> Copier:
    """A function of records and the place of the first; it gives None where one of them has to be read."""
    names = {f"k{number}": key for number, key in enumerate(keys)}
    try:
        record = defstruct("Record", [(name, Raw, _MISSING) for name in names], rename=names)
    except ValueError:  # a key that is asked for twice, or is written with an escape
        return lambda some, first: None
    decode = Decoder(list[record]).decode  # type: ignore[valid-type]

    def copied(some: Sequence[Any], first: int) -> bytes | None:
        together = b"[%b]" % b",".join(some) if isinstance(some[0], Raw) else b"\\"
        if b"\\" in together and b"\\" in (together := written_out(together)):
            return None
        try:
            rows = [b"\t".join(astuple(record)) for record in decode(together)]
        except (ValidationError, RecursionError):
            return None
        text = b"".join(map(b"%d\t%b\n".__mod__, enumerate(rows, first)))
        # A tab stands between two tokens and in none, once those are out that have others in them.
        if any(begin in text and b"\t" + begin in text for begin in (b"{", b"[")):
            return None
        return text.replace(b"\tnull", b"\t\\N").translate(None, b'"')

    return copied
