"""The kind ``file``: delimited text, workbooks and JSON, over HTTP or from a folder."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, ClassVar, Final
from urllib.parse import unquote, urlsplit

from connectors import infer
from connectors.base import LIMITS_SCHEMA, Batch, Connector, Extract, Found, JsonSchema, Limits
from connectors.batches import Lines, Record, batches, picker
from connectors.columns import field_names, picks
from connectors.fetching.http import basic, bearer
from connectors.fetching.passage import Passage
from connectors.fetching.places import Place, is_pattern, open_place
from connectors.formats import csv, json, xlsx
from connectors.formats.table import Options, Table
from hub.errors import SourceError, SourceMissing

_FORMATS: Final[Mapping[str, Callable[[BinaryIO, Options], Table]]] = {
    "csv": csv.open_table,
    "tsv": csv.open_table,
    "xlsx": xlsx.open_table,
    "json": json.open_table,
    "ndjson": json.open_lines,
}
_EXTENSIONS: Final[Mapping[str, str]] = {
    **{name: name for name in _FORMATS},
    "txt": "csv",
    "tab": "tsv",
    "xlsm": "xlsx",
    "jsonl": "ndjson",
}
MAX_LISTED: Final = 200
# A path stays below the source's own address: no other host, no way up.
RELATIVE: Final = r"^(?!/)(?!.*://)(?!(.*/)?\.\.(/|$))"


class File(Connector):
    """Whole files; of those that a pattern names only new and changed ones, where a state is kept."""

    kind: ClassVar[str] = "file"
    title: ClassVar[str] = "Files (CSV, XLSX, JSON)"
    ignored: ClassVar[frozenset[str]] = frozenset()
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": {
                "description": "A folder (ending in /) or a file, as http(s)://host/path/ or file:///path/.",
                "type": "string",
                "pattern": r"^(https?://[^/@?#]+(/|$)|file:///)",
            },
            "headers": {
                "description": "Headers to send to this server, such as a key it asks for.",
                "type": "object",
                "additionalProperties": {"type": "string"},
            },
            **LIMITS_SCHEMA,
        },
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "token": {"description": "A token to send as Authorization: Bearer.", "type": "string"},
            "user": {"description": "The user name for HTTP Basic.", "type": "string"},
            "password": {"description": "The password for HTTP Basic.", "type": "string"},
        },
        "dependentRequired": {"user": ["password"], "password": ["user"]},
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "path": {
                "description": "The file below the source's url, or several by a pattern such as 2024-*.csv.",
                "type": "string",
                "pattern": RELATIVE,
            },
            "format": {
                "description": "How the file is written; by default what its extension says.",
                "enum": list(_FORMATS),
            },
            "encoding": {
                "description": "The encoding of a text file; by default UTF-8, else GB18030, whichever fits all of it.",
                "type": "string",
            },
            "delimiter": {
                "description": "The character between cells; by default a comma, in tsv a tab.",
                "type": "string",
                "minLength": 1,
                "maxLength": 1,
            },
            "sheet": {
                "description": "The sheet of a workbook, by name or by number from 1; by default the first visible.",
                "type": ["string", "integer"],
            },
            "records": {
                "description": "Where the records are in a JSON document, as a dotted path; by default at its top.",
                "type": "string",
            },
            "missing": {
                "description": "The texts that stand for no value, such as an empty text or NA; by default none.",
                "type": "array",
                "items": {"type": "string"},
                "uniqueItems": True,
            },
            "timezone": {
                "description": "The time zone of times without one, such as Asia/Shanghai; by default UTC.",
                "type": "string",
            },
        },
    }

    def test(self) -> None:
        self._place().test()

    def discover(self) -> Iterator[Found]:
        """The first files listed, those of a format we know; what does not open is left out."""
        place = self._place()
        for path in islice(place.paths(), MAX_LISTED):
            if _extension(path or self.config["url"]) not in _EXTENSIONS:
                continue
            select = {"path": path} if path else {}
            try:
                yield self._described(place, select, is_free=True)
            except SourceError:
                continue

    def describe(self, select: Mapping[str, Any]) -> Found:
        return self._described(self._place(), select, is_free=False)

    def read(self, extract: Extract) -> Iterator[Batch]:
        place, path = self._place(), extract.select.get("path", "")
        if extract.state is not None and is_pattern(path):
            yield from self._changed(place, path, extract, extract.state.get("files", {}))
            return
        resume = extract.resume or {}
        paths = resume.get("paths") or place.matching(path)
        for number, one in enumerate(paths):
            for batch, passage in self._batches(place, one, extract, paths[number:], resume if number == 0 else {}):
                yield replace(batch, checkpoint=passage.after(batch))
            if paths[number + 1 :]:
                yield Batch(extract.columns, b"", 0, positioned=True, checkpoint={"paths": paths[number + 1 :]})

    def _changed(self, place: Place, path: str, extract: Extract, known: Mapping[str, str]) -> Iterator[Batch]:
        """Files whose identity is not the one ``known``, in the order of their names; last, what is known from now on.

        One that changes while it is read is not known afterwards, one that is gone is forgotten. There are no
        checkpoints: the files of a night are not many.
        """
        found = place.matching(path, is_none_fine=bool(extract.state))
        before = place.identities(found)
        unread = [one for one in found if one not in before or known.get(one) != before[one]]
        for one in unread:
            yield from (batch for batch, _ in self._batches(place, one, extract, [one], {}))
        after = {**before, **dict.fromkeys(unread), **place.identities(unread)}
        files = {one: identity for one, identity in before.items() if after[one] == identity}
        yield Batch(extract.columns, b"", 0, positioned=True, state={"files": files})

    def _batches(
        self, place: Place, path: str, extract: Extract, paths: Sequence[str], resume: Mapping[str, Any]
    ) -> Iterator[tuple[Batch, Passage]]:
        """The batches of the file at ``path``, the first of ``paths``, behind what ``resume`` says was read."""
        missing = extract.select.get("missing", ())
        is_one_of_many = is_pattern(extract.select.get("path", ""))
        with place.opened(path) as file:
            passage = Passage(file, paths, resume)
            table = self._table(place, path, file, extract.select, extract.columns)
            columns = extract.columns or field_names(table.header)
            names = zip(table.header, field_names(table.header), strict=True)
            had = {name: "" for cell, name in names if cell not in self.ignored}
            records = passage.rest(_picked(table, extract.columns, place.name(path), missing))
            for batch in batches(columns, records, missing, extract.most):
                rejects = batch.rejects
                if is_one_of_many:
                    rejects = tuple(replace(reject, message=f"{path}: {reject.message}") for reject in rejects)
                yield replace(batch, offered=had, rejects=rejects), passage

    def _described(self, place: Place, select: Mapping[str, Any], is_free: bool) -> Found:
        path = place.matching(select.get("path", ""))[0]
        with place.opened(path) as file:
            table = self._table(place, path, file, select, ())
            rows = [record[1] for record in islice(table.records, infer.SAMPLE) if isinstance(record, tuple)]
        missing = select.get("missing", infer.missing_words(rows) if is_free else [])
        if missing:
            select = {**select, "missing": list(missing)}
        columns = infer.columns(table.header, rows, missing)
        name = PurePosixPath(unquote(urlsplit(self.config["url"]).path), path).name
        return Found(name, select, columns, samples=infer.samples(rows))

    def _table(
        self, place: Place, path: str, file: BinaryIO, select: Mapping[str, Any], wanted: tuple[str, ...]
    ) -> Table:
        where = place.name(path)
        name = select.get("format") or _EXTENSIONS.get(_extension(path or self.config["url"]), "")
        if not name:
            raise SourceMissing(
                f"The name of {where} does not say what format it has.",
                code="source-unknown-format",
                hint=f"Set the stream's select.format to one of: {', '.join(_FORMATS)}.",
            )
        options = Options(
            where=where,
            encoding=select.get("encoding", ""),
            delimiter=select.get("delimiter", "\t" if name == "tsv" else ","),
            sheet=select.get("sheet", ""),
            records=select.get("records", ""),
            wanted=wanted,
        )
        return _FORMATS[name](file, options)

    def _place(self) -> Place:
        headers = dict(self.config.get("headers", {}))
        if "token" in self.secrets:
            headers |= bearer(self.secrets["token"])
        elif "user" in self.secrets:
            headers |= basic(self.secrets["user"], self.secrets["password"])
        return open_place(self.config["url"], Limits.of(self.config), headers)


def _picked(table: Table, wanted: tuple[str, ...], where: str, missing: Iterable[str]) -> Iterator[Lines | Record]:
    places = picks(wanted or table.header, table.header, where)
    if table.lines is not None:
        return table.lines(places, missing)
    pick = picker(places, len(table.header))
    if pick is None:
        return table.records
    return ((record[0], pick(record[1])) if isinstance(record, tuple) else record for record in table.records)


def _extension(path: str) -> str:
    return PurePosixPath(urlsplit(path).path).suffix.lower().removeprefix(".")
