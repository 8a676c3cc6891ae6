"""The kind ``singer``: any Singer tap, run as a child that gets its settings in files and is heard line by line.

The protocol is Singer's specification 0.3.0: messages of one JSON object a line, SCHEMA, RECORD and STATE.
"""

import json as plain
import os
import resource
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final

from connectors import infer
from connectors.base import LIMITS_SCHEMA, Batch, Column, Connector, Extract, Found, JsonSchema
from connectors.batches import Lines, Record, batches
from connectors.columns import field_names
from connectors.formats import json
from hub.errors import SourceDown, SourceMalformed, SourceMissing, SourceRefused

TAPS: Final = "HUB_SINGER_TAPS"
_CHUNK: Final = 1 << 20
_MAX_LINE: Final = 16 << 20
_MAX_CATALOG: Final = 64 << 20
_MAX_MEMORY: Final = 2 << 30
_SILENT_SECONDS: Final = 600
_DISCOVER_SECONDS: Final = 120
_END_SECONDS: Final = 5.0


class Singer(Connector):
    """What a Singer tap gives of one of its streams."""

    kind: ClassVar[str] = "singer"
    title: ClassVar[str] = "Singer tap"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["tap"],
        "properties": {
            "tap": {"description": f"The tap's name, one of those that {TAPS} lists.", "type": "string"},
            "settings": {
                "description": "The tap's own settings, as its documentation says; what signs in goes into secrets.",
                "type": "object",
            },
            **LIMITS_SCHEMA,
        },
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "description": "Further settings of the tap, by their names, that are kept sealed.",
        "type": "object",
        "properties": {},
        "additionalProperties": {"type": "string"},
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["stream"],
        "properties": {
            "stream": {"description": "The stream's tap_stream_id in the tap's catalog.", "type": "string"},
            "metadata": {
                "description": "What to set in the stream's own metadata beside selected, such as replication-method "
                "and replication-key.",
                "type": "object",
            },
        },
    }

    def test(self) -> None:
        with self._tap() as tap:
            tap.catalog()

    def discover(self) -> Iterator[Found]:
        """The streams of the tap's catalog, by their schemas; rows are seen when one is described."""
        with self._tap() as tap:
            for entry in tap.catalog()["streams"]:
                yield _found({"stream": entry["tap_stream_id"]}, entry)

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._tap() as tap:
            catalog = tap.catalog()
            entry = _entry(catalog, select)
            with tap.running(_selecting(catalog, select), {}) as heard:
                messages = Messages(heard, entry)
                records = list(islice(messages.records(), infer.SHOWN))
            return _found(select, entry, records)

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        return False

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._tap() as tap:
            catalog = tap.catalog()
            entry = _entry(catalog, extract.select)
            offered = tuple(entry["schema"]["properties"])
            names = extract.columns or field_names(offered)
            keys = json.keys_for(names, offered)
            had = dict.fromkeys(field_names(offered), "")
            with tap.running(_selecting(catalog, extract.select), extract.state or {}) as heard:
                messages = Messages(heard, entry)
                for batch in batches(names, messages.lines(keys), most=extract.most):
                    yield replace(batch, offered=had)
            if extract.state is not None:
                state = messages.state if messages.state is not None else extract.state
                yield Batch(names, b"", 0, positioned=True, offered=had, state=state)

    @contextmanager
    def _tap(self) -> Iterator["Tap"]:
        name = self.config["tap"]
        known = programs()
        if name not in known:
            raise SourceRefused(
                f"The hub may not run a tap {name!r}.",
                code="source-unknown-tap",
                hint=f"Add {name}=/path/to/its/program to the setting {TAPS}. It has: {', '.join(known) or 'none'}.",
            )
        with tempfile.TemporaryDirectory(prefix="hub-tap-") as folder:
            yield Tap(name, known[name], Path(folder), {**self.config.get("settings", {}), **self.secrets})


def programs() -> dict[str, str]:
    """The taps that this machine's administrator lets sources run, ``name=/path`` each, by name."""
    words = (word.partition("=") for word in os.environ.get(TAPS, "").split())
    return {name: path for name, _, path in words if path}


@dataclass
class Tap:
    """One tap at work in a folder of its own; of the hub's environment it gets nothing but where programs are."""

    name: str
    program: str
    folder: Path
    settings: Mapping[str, Any]

    def catalog(self) -> Any:
        """What the tap finds at its source; raises ``SourceError``."""
        with self._started("--discover") as process:
            body = b"".join(_chunks(process, _DISCOVER_SECONDS, _MAX_CATALOG, self.name))
            self._check_end(process)
        try:
            catalog = plain.loads(body)
            entries = [(entry["tap_stream_id"], entry["schema"]["properties"]) for entry in catalog["streams"]]
        except (ValueError, KeyError, TypeError) as error:
            raise self._nonsense("Its catalog is none.") from error
        return catalog if entries else {"streams": []}

    @contextmanager
    def running(self, catalog: Any, state: Mapping[str, Any]) -> Iterator[Iterator[list[bytes]]]:
        """The lines it writes, many at a time; what it fails by is raised behind the last one."""
        arguments = ["--catalog", self._file("catalog", catalog)]
        if state:
            arguments += ["--state", self._file("state", state)]
        with self._started(*arguments) as process:
            yield self._heard(process)

    def _heard(self, process: "subprocess.Popen[bytes]") -> Iterator[list[bytes]]:
        rest = b""
        for chunk in _chunks(process, _SILENT_SECONDS, 0, self.name):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE:
                raise self._nonsense(f"A line of it is longer than {_MAX_LINE >> 20} MiB.")
            if lines:
                yield lines
        self._check_end(process)
        if rest.strip():
            raise self._nonsense("It ends in the middle of a line.")

    @contextmanager
    def _started(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        program = shutil.which(self.program)
        if program is None:
            raise SourceMissing(
                f"The program of the tap {self.name} is not there.",
                code="source-no-tap",
                hint=f"Install it, or correct its path in the setting {TAPS}.",
            )
        process = subprocess.Popen(
            [program, "--config", self._file("config", self.settings), *arguments],
            cwd=self.folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it tells there may hold secrets and rows
            start_new_session=True,
        )
        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _file(self, name: str, content: Any) -> str:
        """In files and not in arguments, which every user of the machine can list."""
        path = self.folder / f"{name}.json"
        path.touch(mode=0o600)
        path.write_text(plain.dumps(content))
        return str(path)

    def _check_end(self, process: "subprocess.Popen[bytes]") -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        if process.returncode != 0:
            end = "did not end" if process.returncode is None else f"ended with code {process.returncode}"
            raise SourceDown(
                f"The tap {self.name} {end}.",
                code="source-tap-failed",
                hint="Nothing was loaded. Run the tap by hand with the same settings: it says there what is wrong.",
            )

    def _nonsense(self, what: str) -> SourceMalformed:
        return SourceMalformed(
            f"What the tap {self.name} writes is not Singer's. {what}",
            code="source-not-singer",
            hint="Nothing was loaded. Check that the program is a tap, and writes nothing else to its standard output.",
        )


@dataclass
class Messages:
    """The messages of a tap about the stream of ``entry``; ``state`` is the last one told."""

    heard: Iterator[list[bytes]]
    entry: Mapping[str, Any]
    state: Any = None
    done: int = field(default=0)

    def records(self) -> Iterator[Any]:
        """The records, as ``connectors.formats.json`` parses them."""
        for records in self._runs():
            yield from records

    def lines(self, keys: tuple[str, ...]) -> Iterator[Lines | Record]:
        """The records as lines, numbered in their order."""
        for records in self._runs():
            yield from json.lines(records, keys, self.done + 1)
            self.done += len(records)

    def _runs(self) -> Iterator[list[Any]]:
        stream = self.entry.get("stream", self.entry["tap_stream_id"])
        for lines in self.heard:
            records = []
            for message in _parsed(lines):
                kind = message.get("type") if isinstance(message, dict) else None
                if kind == "RECORD" and message.get("stream") == stream:
                    records.append(message.get("record"))
                elif kind == "STATE":
                    self.state = plain.loads(json.dumps(message.get("value")))
                elif kind is None:
                    raise _no_message()
            yield records


def _parsed(lines: list[bytes]) -> list[Any]:
    """All lines at once, which takes half as long; else one by one, to find the one that is none."""
    try:
        return list(json.parse(b"[" + b",".join([line for line in lines if line.strip()]) + b"]"))
    except json.NotJson as error:
        raise _no_message() from error


def _no_message() -> SourceMalformed:
    return SourceMalformed(
        "The tap wrote a line that is no message of Singer's.",
        code="source-not-singer",
        hint="Nothing was loaded. Check that the program writes nothing else to its standard output.",
    )


def _chunks(process: "subprocess.Popen[bytes]", seconds: float, most: int, name: str) -> Iterator[bytes]:
    """What it writes, as it comes; raises where it is silent for longer, or writes more than ``most`` bytes."""
    assert process.stdout is not None
    size, descriptor = 0, process.stdout.fileno()
    with selectors.DefaultSelector() as waiting:
        waiting.register(descriptor, selectors.EVENT_READ)
        while waiting.select(seconds):
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                return
            size += len(chunk)
            if most and size > most:
                raise SourceMalformed(
                    f"The tap {name} tells of more than {most >> 20} MiB of streams.", code="source-too-large"
                )
            yield chunk
    raise SourceDown(
        f"The tap {name} said nothing for {seconds:.0f} seconds.",
        code="source-silent",
        hint="Nothing was loaded; the next run tries again by itself.",
    )


def _entry(catalog: Any, select: Mapping[str, Any]) -> Mapping[str, Any]:
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == select["stream"]:
            return dict(entry)
    names = ", ".join(entry["tap_stream_id"] for entry in catalog["streams"][:20])
    raise SourceMissing(
        f"The tap has no stream {select['stream']!r}.",
        code="source-no-stream",
        hint=f"Correct the stream's select.stream. It has: {names or 'none'}.",
    )


def _selecting(catalog: Any, select: Mapping[str, Any]) -> Any:
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


def _found(select: Mapping[str, Any], entry: Mapping[str, Any], records: list[Any] | None = None) -> Found:
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
