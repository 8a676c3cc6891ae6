"""The kind ``file``: delimited text, workbooks, JSON and Parquet, packed or not, from wherever files lie."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final
from urllib.parse import unquote, urlsplit

from connectors import infer
from connectors.base import LIMITS_SCHEMA, Batch, Connector, Extract, Found, JsonSchema
from connectors.batches import Lines, Record, batches, picker
from connectors.columns import field_names, picks
from connectors.fetching import settings
from connectors.fetching.globs import is_pattern
from connectors.fetching.passage import Passage
from connectors.fetching.places import Place, open_place
from connectors.formats.opening import FORMATS, is_known, tables
from connectors.formats.table import Options, Table
from hub.errors import SourceError

MAX_LISTED: Final = 200
_SAID: Final = ("format", "member", "encoding", "delimiter", "sheet", "records")
# A path stays below the source's own address: no other host, no way up.
RELATIVE: Final = r"^(?!/)(?!.*://)(?!(.*/)?\.\.(/|$))"


class File(Connector):
    """Whole files; of those that a pattern names only new and changed ones, where a state is kept."""

    kind: ClassVar[str] = "file"
    title: ClassVar[str] = "Files (CSV, XLSX, JSON, Parquet)"
    ignored: ClassVar[frozenset[str]] = frozenset()
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            **settings.CONFIG,
            **LIMITS_SCHEMA,
        },
        **settings.NEEDS_ENDPOINT,
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": settings.SECRETS,
        "dependentRequired": settings.NEEDED_TOGETHER,
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "path": {
                "description": "The file below the source's url, or several by a pattern such as 2024-*.csv.gz.",
                "type": "string",
                "pattern": RELATIVE,
            },
            "format": {
                "description": "How the file is written; by default what its extension says.",
                "enum": list(FORMATS),
            },
            "member": {
                "description": "The file within a zip archive, or several by a pattern; by default the only one.",
                "type": "string",
                "minLength": 1,
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
            if not is_known(self._file_name(path)):
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
        is_one_of_many = is_pattern(extract.select.get("path", "")) or is_pattern(extract.select.get("member", ""))
        with place.opened(path) as file:
            passage = Passage(file, paths, resume)
            for name, table in tables(file, self._options(place, path, extract.select, extract.columns)):
                columns = extract.columns or field_names(table.header)
                known = table.fields or [""] * len(table.header)
                names = zip(table.header, field_names(table.header), known, strict=True)
                had = {name: type_ for cell, name, type_ in names if cell not in self.ignored}
                records = passage.rest(_picked(table, extract.columns, place.name(path), missing))
                types = () if is_one_of_many else _vouched(table, columns, extract.select)
                for batch in batches(columns, records, missing, extract.most):
                    rejects = batch.rejects
                    if is_one_of_many:
                        rejects = tuple(replace(one, message=f"{_which(path, name)}: {one.message}") for one in rejects)
                    yield replace(batch, offered=had, rejects=rejects, types=types), passage

    def _described(self, place: Place, select: Mapping[str, Any], is_free: bool) -> Found:
        path = place.matching(select.get("path", ""))[0]
        with place.opened(path) as file, closing(tables(file, self._options(place, path, select, ()))) as found:
            _, table = next(found)
            rows = [record[1] for record in islice(table.records, infer.SAMPLE) if isinstance(record, tuple)]
        missing = select.get("missing", infer.missing_words(rows) if is_free else [])
        if missing:
            select = {**select, "missing": list(missing)}
        columns = infer.columns(table.header, rows, missing)
        if table.fields:
            columns = tuple(replace(column, type=type_) for column, type_ in zip(columns, table.fields, strict=True))
        return Found(self._file_name(path), select, columns, samples=infer.samples(rows))

    def _file_name(self, path: str) -> str:
        url = urlsplit(str(self.config.get("url", "")))
        if path and url.scheme in ("http", "https"):
            path = urlsplit(path).path
        return PurePosixPath(path or unquote(url.path)).name

    def _options(self, place: Place, path: str, select: Mapping[str, Any], wanted: tuple[str, ...]) -> Options:
        said = {name: select[name] for name in _SAID if name in select}
        return Options(where=place.name(path), name=self._file_name(path), wanted=wanted, **said)

    def _place(self) -> Place:
        return open_place(self.config, self.secrets)


def _picked(table: Table, wanted: tuple[str, ...], where: str, missing: Iterable[str]) -> Iterator[Lines | Record]:
    places = picks(wanted or table.header, table.header, where)
    if table.lines is not None:
        return table.lines(places, missing)
    pick = picker(places, len(table.header))
    if pick is None:
        return table.records
    return ((record[0], pick(record[1])) if isinstance(record, tuple) else record for record in table.records)


def _vouched(table: Table, columns: tuple[str, ...], select: Mapping[str, Any]) -> tuple[str, ...]:
    """The types of the columns wanted, where the format knows them; a time without zone may be in the stream's."""
    if not table.types:
        return ()
    types = [table.types[place] for place in picks(columns, table.header, "")]
    return tuple("" if type_ == "timestamp" and "timezone" in select else type_ for type_ in types)


def _which(path: str, name: str) -> str:
    return path if PurePosixPath(path).name.startswith(name) else f"{path}/{name}"
