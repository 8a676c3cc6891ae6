"""The kind ``singer``: any Singer tap, run as a child that gets its settings in files and is heard line by line.

The protocol is Singer's specification 0.3.0: messages of one JSON object a line, SCHEMA, RECORD and STATE.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from connectors import infer
from connectors.base import LIMITS_SCHEMA, Batch, Connector, Extract, Found, JsonSchema
from connectors.batches import batches
from connectors.columns import field_names, picks
from connectors.formats import json
from connectors.kinds.singer.messages import Messages, entry_of, found, selecting
from connectors.kinds.singer.tap import TAPS, Tap, programs
from hub.errors import SourceRefused


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
                yield found({"stream": entry["tap_stream_id"]}, entry)

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._tap() as tap:
            catalog = tap.catalog()
            entry = entry_of(catalog, select)
            with tap.running(selecting(catalog, select), {}) as heard:
                messages = Messages(heard, entry)
                records = list(islice(messages.records(), infer.SHOWN))
            return found(select, entry, records)

    def is_incremental(self, select: Mapping[str, Any]) -> bool:
        return False

    def read(self, extract: Extract) -> Iterator[Batch]:
        with self._tap() as tap:
            catalog = tap.catalog()
            entry = entry_of(catalog, extract.select)
            offered = tuple(entry["schema"]["properties"])
            names = extract.columns or field_names(offered)
            picks(names, offered, f"The tap's stream {extract.select['stream']}")  # a record leaves out what it likes
            keys = json.keys_for(names, offered)
            had = dict.fromkeys(field_names(offered), "")
            with tap.running(selecting(catalog, extract.select), extract.state or {}) as heard:
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
