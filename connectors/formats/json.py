"""Reads JSON records into text cells with every digit kept: numbers are never turned into binary floats."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from operator import concat, itemgetter
from typing import Any, BinaryIO, Final

from connectors.base import Reject
from connectors.batches import MISSING, Lines, Record
from connectors.columns import check_width, field_names
from connectors.formats.table import Options, Table
from hub.errors import SourceMalformed

MAX_DOCUMENT: Final = 64 << 20
MAX_WEIGHT: Final = 192 << 20
"""Bytes that the values of an answer may come to in memory; an empty list is written in two, and takes fifty-six."""
_WEIGHTS: Final = {b",": 64, b":": 64, b"[": 64, b"{": 200}
_SAMPLE: Final = 1000

# Begins a number among parsed values, the digits as they were written; a class of their own would take as long as all
# else of parsing. In texts NUL is doubled, so that none is taken for a number.
_NUMBER: Final = "\0"
_marked: Final = partial(concat, _NUMBER)
_AT_ONCE: Final = 100
_NONE: Final = object()
_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class NotJson(ValueError):
    """The bytes are no JSON document; ``line`` is the one of many that is none."""

    line: bytes = b""


def parse(document: bytes | str) -> Any:
    """A JSON document whose values ``text`` gives as they were written, numbers among them; raises ``NotJson``."""
    try:
        text = document if isinstance(document, str) else document.decode("utf-8-sig")
        if "\\u0000" in text:
            text = _NUL.sub(r"\1\\u0000\\u0000", text)
        return json.loads(text, parse_float=_marked, parse_int=_marked, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(type(error).__name__)) from error


def dig(document: Any, path: str) -> Any:
    """What lies at a dotted path of an object, itself for an empty path; raises ``LookupError``."""
    for step in path.split(".") if path else ():
        document = inside(document, step)
    return document


def inside(document: Any, step: str) -> Any:
    """What an object has by that name, or a list by that number; raises ``LookupError``."""
    if isinstance(document, list) and step.isdecimal():
        return document[int(step)]
    if isinstance(document, Mapping):
        return document[step]
    raise LookupError(step)


def text(value: Any) -> str:
    """A JSON value as one text cell: strings bare, objects and lists as JSON, null as ``MISSING``."""
    return _TEXTS[type(value)](value)


def dumps(value: Any) -> str:
    """JSON text of a parsed value, with numbers as they were written."""
    if isinstance(value, str):
        return value[1:] if _is_number(value) else json.dumps(_bare(value), ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _is_number(value: str) -> bool:
    return value[:1] == _NUMBER and value[1:2] != _NUMBER


def _bare(value: str) -> str:
    if _NUMBER not in value:
        return value
    return value[1:] if _is_number(value) else value.replace("\0\0", "\0")


_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: _bare,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: MISSING}.__getitem__,
    dict: dumps,
    list: dumps,
}


def keys_of(records: Iterable[Any]) -> tuple[str, ...]:
    """All keys of the objects among ``records``, in the order in which they first appear."""
    return tuple(dict.fromkeys(chain.from_iterable(record for record in records if isinstance(record, dict))))


def keys_for(wanted: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    """For each field wanted its key: of that name, else the key whose ``field_names`` it is, else its own name."""
    by_name = dict(zip(field_names(offered), offered, strict=True))
    return tuple(name if name in offered else by_name.get(name, name) for name in wanted)


def cells(records: Iterable[Any], keys: Sequence[str], first: int = 1) -> Iterator[Record]:
    """Records as cells in the order of ``keys``, a missing key as no value; what is no object becomes a ``Reject``."""
    for position, record in enumerate(records, start=first):
        if isinstance(record, dict):
            try:
                yield position, [_TEXTS[type(value)](value) for value in map(record.get, keys)]
            except RecursionError:
                yield Reject(position, "depth", "A value is nested too deep to be read.")
        elif isinstance(record, NotJson):
            came = record.line.decode(errors="replace").rstrip("\r\n")
            yield Reject(position, "not-json", "This line is no JSON document.", (came,))
        else:
            yield Reject(position, "not-an-object", "This record is not an object with named values.", _whole(record))


def _whole(record: Any) -> tuple[str, ...]:
    try:
        return (dumps(record),)
    except RecursionError:
        return ()


def lines(records: Sequence[Any], keys: Sequence[str], first: int = 1) -> Iterator[Lines | Record]:
    """The same as ``cells``, as COPY text where neither a record nor a value among a hundred asks for more."""
    pick = _picker(keys)
    for start in range(0, len(records), _AT_ONCE):
        some = records[start : start + _AT_ONCE]
        copied = _copied(some, pick, len(keys), first + start)
        if copied is None:
            yield from cells(some, keys, first + start)
        else:
            yield Lines(copied, len(some))


def _copied(records: Sequence[Any], pick: Callable[[Any], Sequence[Any]], width: int, first: int) -> bytes | None:
    others = _TEXTS
    try:
        rows = [
            f"{place}\t" + "\t".join([v if v.__class__ is str else others[v.__class__](v) for v in pick(record)]) + "\n"
            for place, record in enumerate(records, first)
        ]
    except (KeyError, TypeError, RecursionError):
        return None
    text = "".join(rows)
    is_plain = "\\" not in text and "\r" not in text and text.count("\n") == len(rows)
    if not is_plain or text.count("\t") != width * len(rows):
        return None
    text = text.replace(MISSING, "\\N").replace(f"\t{_NUMBER}", "\t")
    try:
        return None if "\0" in text else text.encode()
    except UnicodeEncodeError:
        return None


def _picker(keys: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """A function that takes the values of these keys out of an object that has them all."""
    return itemgetter(*keys) if len(keys) > 1 else lambda record: (record[keys[0]],)


def open_table(file: BinaryIO, options: Options) -> Table:
    """A file that holds one JSON document, with its records at ``options.records``."""
    file.seek(0)
    document = file.read(MAX_DOCUMENT + 1)
    if not document.strip():
        raise SourceMalformed(f"{options.where} is empty.", code="source-empty", hint="Nothing was loaded.")
    if len(document) > MAX_DOCUMENT:
        raise SourceMalformed(
            f"{options.where} is one JSON document of more than {MAX_DOCUMENT >> 20} MiB.",
            code="source-too-large",
            hint="Have it written as one JSON object a line (.ndjson), which can be of any length.",
        )
    try:
        records = dig(parse(document), options.records)
    except NotJson as error:
        raise not_json(options.where) from error
    except LookupError:
        records = None
    if not isinstance(records, list):
        raise no_records(options.where, options.records)
    return _table(iter(records), options)


def open_lines(file: BinaryIO, options: Options) -> Table:
    """A file with one JSON object a line."""
    file.seek(0)
    return _table((_line(line, options.where) for line in file if line.strip()), options)


def _line(line: bytes, where: str) -> Any:
    try:
        return parse(line)
    except NotJson as error:
        if not line.endswith(b"\n"):
            raise SourceMalformed(
                f"{where} ends in the middle of a line.",
                code="source-truncated",
                hint="The file was cut short. Nothing was loaded.",
            ) from error
        error.line = line
        return error


def _table(records: Iterator[Any], options: Options) -> Table:
    sample = list(islice(records, _SAMPLE))
    if not sample and not options.wanted:
        raise SourceMalformed(f"{options.where} holds no records.", code="source-empty", hint="Nothing was loaded.")
    offered = keys_of(sample)
    check_width(offered, options.where)
    keys = keys_for(options.wanted, offered)
    # What is not wanted is told too, so that a stream hears of new columns.
    others = tuple(key for key in offered if key not in keys)
    named = {name for name, key in zip(options.wanted, keys, strict=True) if key in offered}
    left = {name: key for name, key in zip(options.wanted, keys, strict=True) if name not in named}
    rows = chain(sample, _noted(records, left, named))
    return Table((*options.wanted, *others), cells(rows, (*keys, *others)), named=named)


def _noted(records: Iterator[Any], left: dict[str, str], named: set[str]) -> Iterator[Any]:
    """The same records; each name in ``left`` goes over to ``named`` before the first one that has its key."""
    while left and (record := next(records, _NONE)) is not _NONE:
        if isinstance(record, dict):
            found = [name for name, key in left.items() if key in record]
            named.update(found)
            for name in found:
                del left[name]
        yield record
    yield from records


def check_weight(document: bytes, where: str) -> None:
    """Refuse an answer whose values would take the worker's memory, before any of them is made."""
    weight = len(document) + sum(document.count(mark) * each for mark, each in _WEIGHTS.items())
    if weight > MAX_WEIGHT:
        raise SourceMalformed(
            f"{where} gave JSON whose values come to more than {MAX_WEIGHT >> 20} MiB.",
            code="source-too-large",
            hint="Ask for less at a time: smaller pages; or read it as a file of JSON.",
        )


def not_json(where: str, media_type: str = "") -> SourceMalformed:
    """The error for an answer or file that is no JSON; its content is not shown, for it could be data."""
    instead = f" but {media_type}" if media_type and "json" not in media_type else ""
    return SourceMalformed(
        f"{where} did not give JSON{instead}.",
        code="source-not-json",
        hint="The address may lead to a sign-in or error page: check the source's url and auth, and select.path.",
    )


def no_records(where: str, path: str) -> SourceMalformed:
    """The error for a document that has no list of records where it should."""
    place = f"at {path!r}" if path else "at its top"
    return SourceMalformed(
        f"{where} gave JSON that has no list of records {place}.",
        code="source-no-records",
        hint="Set the stream's select.records to the dotted path of the list, such as data.items.",
    )


def _refuse(constant: str) -> Any:
    raise NotJson(constant)
