"""What a tap says: its catalog, and the messages about one of its streams (Singer's specification 0.3.0)."""

import json as plain
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from connectors import infer
from connectors.base import Column, Found
from connectors.batches import Lines, Record
from connectors.columns import field_names
from connectors.formats import json, tokens
from hub.errors import SourceMalformed, SourceMissing

_NULL: Final = Raw(b"null")


class _Message(Struct):
    """One message; ``record`` and ``value`` are tokens, or values as ``connectors.formats.json`` parses them."""

    type: str
    stream: str = ""
    record: Raw = _NULL
    value: Raw = _NULL


_read: Final = Decoder(list[_Message]).decode


@dataclass
class Messages:
    """The messages of a tap about the stream of ``entry``; ``state`` is the last one told."""

    heard: Iterator[list[bytes]]
    entry: Mapping[str, Any]
    state: Any = None
    done: int = 0

    def records(self) -> Iterator[Any]:
        """The records, as ``connectors.formats.json`` parses them."""
        for records in self._runs():
            with _singers():
                yield from tokens.values(records)

    def lines(self, keys: tuple[str, ...]) -> Iterator[Lines | Record]:
        """The records as lines, numbered in their order."""
        for records in self._runs():
            with _singers():
                yield from tokens.lines(records, keys, self.done + 1)
            self.done += len(records)

    def _runs(self) -> Iterator[list[Any]]:
        stream = self.entry.get("stream", self.entry["tap_stream_id"])
        for lines in self.heard:
            with _singers():
                records = []
                for message in _messages(lines):
                    if message.type == "RECORD" and message.stream == stream:
                        records.append(message.record)
                    elif message.type == "STATE":
                        (value,) = tokens.values([message.value])
                        self.state = plain.loads(json.dumps(value))
            yield records


def _messages(lines: list[bytes]) -> list[_Message]:
    """All lines at once, in which records are looked at and not read; as values where one is not as usual."""
    document = b"[" + b",".join(filter(None, map(bytes.strip, lines))) + b"]"
    with suppress(DecodeError, RecursionError, UnicodeDecodeError):
        document.decode()  # tokens are not looked at for that
        return _read(document)
    return [_of_value(value) for value in json.parse(document)]


def _of_value(value: Any) -> _Message:
    if not isinstance(value, dict) or value.get("type") is None:
        raise json.NotJson
    return _Message(*(value.get(name) for name in _Message.__struct_fields__))  # type: ignore[arg-type]


@contextmanager
def _singers() -> Iterator[None]:
    """Say what it means for the tap where what it wrote is no JSON, or no message."""
    try:
        yield
    except json.NotJson as error:
        raise _no_message() from error


def _no_message() -> SourceMalformed:
    return SourceMalformed(
        "The tap wrote a line that is no message of Singer's.",
        code="source-not-singer",
        hint="Nothing was loaded. Check that the program writes nothing else to its standard output.",
    )


def entry_of(catalog: Any, select: Mapping[str, Any]) -> Mapping[str, Any]:
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == select["stream"]:
            return dict(entry)
    names = ", ".join(entry["tap_stream_id"] for entry in catalog["streams"][:20])
    raise SourceMissing(
        f"The tap has no stream {select['stream']!r}.",
        code="source-no-stream",
        hint=f"Correct the stream's select.stream. It has: {names or 'none'}.",
    )


def selecting(catalog: Any, select: Mapping[str, Any]) -> Any:
    """The catalog with one stream selected, all its columns, by the newer way of saying so and by the older."""
    streams = []
    for entry in catalog["streams"]:
        is_ours = entry["tap_stream_id"] == select["stream"]
        own: dict[str, Any] = {"selected": is_ours, **(select.get("metadata", {}) if is_ours else {})}
        described = [part for part in entry.get("metadata", []) if part["breadcrumb"]]
        before: Mapping[str, Any] = next(
            (part["metadata"] for part in entry.get("metadata", []) if not part["breadcrumb"]), {}
        )
        if is_ours:
            described = [{**part, "metadata": {**part["metadata"], "selected": True}} for part in described]
        metadata = [{"breadcrumb": [], "metadata": {**before, **own}}, *described]
        streams.append({**entry, "schema": {**entry["schema"], "selected": is_ours}, "metadata": metadata})
    return {**catalog, "streams": streams}


def found(select: Mapping[str, Any], entry: Mapping[str, Any], records: list[Any] | None = None) -> Found:
    properties = entry["schema"]["properties"]
    titles = tuple(properties)
    rows = [cells for _, cells in json.cells(records or [], titles)]  # type: ignore[misc]
    columns = tuple(
        infer.found(
            Column(
                name, _type_of(properties[title]), _is_required(properties[title]), title="" if name == title else title
            ),
            [row[place] for row in rows],
        )
        for place, (name, title) in enumerate(zip(field_names(titles), titles, strict=True))
    )
    own: Mapping[str, Any] = next(
        (part["metadata"] for part in entry.get("metadata", []) if not part["breadcrumb"]), {}
    )
    key = entry.get("key_properties") or own.get("table-key-properties") or own.get("view-key-properties") or ()
    named = dict(zip(titles, field_names(titles), strict=True))
    return Found(
        select["stream"], select, columns, tuple(named[title] for title in key if title in named), infer.samples(rows)
    )


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types a property may have, in ``anyOf`` too."""
    own = schema.get("type", [])
    found = {own} if isinstance(own, str) else set(own)
    return found.union(*(_kinds(part) for part in schema.get("anyOf", ()))) if schema.get("anyOf") else found


def _is_required(schema: Mapping[str, Any]) -> bool:
    return bool(_kinds(schema)) and "null" not in _kinds(schema)


def _type_of(schema: Mapping[str, Any]) -> str:
    kinds = _kinds(schema) - {"null"}
    forms = {part.get("format") for part in (schema, *schema.get("anyOf", ()))}
    if kinds == {"string"}:
        return next((name for form, name in _FORMATS.items() if form in forms), "string")
    if kinds == {"number"}:
        return "decimal" if "multipleOf" in schema else "number"
    return _TYPES.get("".join(kinds), "string") if len(kinds) == 1 else "string"


_FORMATS: Final = {"date-time": "datetime", "date": "date", "time": "time", "singer.decimal": "decimal"}
_TYPES: Final = {"integer": "integer", "boolean": "boolean", "object": "json", "array": "json"}
