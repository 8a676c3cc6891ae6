"""The kind ``file``: delimited text, workbooks, JSON and Parquet, packed or not, from wherever files lie."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final
from urllib.parse import unquote, urlsplit

from connectors import batches
from connectors.base import LIMITS_SCHEMA, Batch, Connector, Extract, Found, JsonSchema
from connectors.confined.parser import Parser
from connectors.fetching import settings
from connectors.fetching.globs import is_pattern
from connectors.fetching.passage import Passage
from connectors.fetching.places import Place, open_place
from connectors.formats import table
from connectors.formats.opening import FORMATS, is_by_line, is_known
from connectors.formats.reading import Task
from connectors.formats.table import Options
from hub.errors import SourceError

MAX_LISTED: Final = 200
_SAID: Final = ("format", "member", "encoding", "delimiter", "sheet", "records")
FORM: Final[JsonSchema] = {
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
}
"""How a file is written: what a stream may say of it, whichever way it is found."""
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
            **FORM,
        },
    }

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(config, secrets)
        self._at_work: list[Parser] = []

    def test(self) -> None:
        self._place().test()

    def discover(self) -> Iterator[Found]:
        """The first files listed, those of a format we know; what does not open is left out."""
        place = self._place()
        with self._parser() as parser:
            for path in islice(place.paths(), MAX_LISTED):
                if not is_known(self._file_name(path)):
                    continue
                select = {"path": path} if path else {}
                try:
                    yield self._described(parser, place, select, is_free=True)
                except SourceError:
                    continue

    def describe(self, select: Mapping[str, Any]) -> Found:
        with self._parser() as parser:
            return self._described(parser, self._place(), select, is_free=False)

    def read(self, extract: Extract) -> Iterator[Batch]:
        place, path = self._place(), extract.select.get("path", "")
        with self._parser() as parser:
            if extract.state is not None and is_pattern(path):
                yield from self._changed(parser, place, path, extract, extract.state.get("files", {}))
                return
            resume = extract.resume or {}
            paths = resume.get("paths") or place.matching(path)
            for number in range(len(paths)):
                rest = paths[number:]
                for batch, passage in self._batches(parser, place, extract, rest, resume if number == 0 else {}):
                    yield replace(batch, checkpoint=passage.after(batch))
                if rest[1:]:
                    yield Batch(extract.columns, b"", 0, positioned=True, checkpoint={"paths": rest[1:]})

    def stop(self) -> None:
        for parser in tuple(self._at_work):
            parser.stop()

    def _changed(
        self, parser: Parser, place: Place, path: str, extract: Extract, known: Mapping[str, str]
    ) -> Iterator[Batch]:
        """Files whose identity is not the one ``known``, in the order of their names; last, what is known from now on.

        One that changes while it is read is not known afterwards, one that is gone is forgotten. There are no
        checkpoints: the files of a night are not many.
        """
        found = place.matching(path, is_none_fine=bool(extract.state))
        before = place.identities(found)
        unread = [one for one in found if one not in before or known.get(one) != before[one]]
        for one in unread:
            yield from (batch for batch, _ in self._batches(parser, place, extract, [one], {}))
        after = {**before, **dict.fromkeys(unread), **place.identities(unread)}
        files = {one: identity for one, identity in before.items() if after[one] == identity}
        yield Batch(extract.columns, b"", 0, positioned=True, state={"files": files})

    def _batches(
        self, parser: Parser, place: Place, extract: Extract, paths: Sequence[str], resume: Mapping[str, Any]
    ) -> Iterator[tuple[Batch, Passage]]:
        """The batches of the first file of ``paths``, behind what ``resume`` says was read."""
        path, select = paths[0], extract.select
        with place.opened(path) as file:
            passage = Passage(file, paths, resume)
            task = Task(
                self._options(place, path, select, extract.columns),
                columns=extract.columns,
                missing=tuple(select.get("missing", ())),
                ignored=tuple(self.ignored),
                path=path,
                is_one_of_many=is_pattern(select.get("path", "")) or is_pattern(select.get("member", "")),
                is_zoned="timezone" in select,
                most=extract.most,
                size=batches.BATCH_BYTES,
                passed=passage.passed,
            )
            for batch in parser.batches(file, task):
                yield batch, passage

    def _described(self, parser: Parser, place: Place, select: Mapping[str, Any], is_free: bool) -> Found:
        path = place.matching(select.get("path", ""))[0]
        missing = tuple(select["missing"]) if "missing" in select else None if is_free else ()
        name = self._file_name(path)
        with place.sampled(path, is_by_line=is_by_line(name)) if is_free else place.opened(path) as file:
            found = parser.found(file, Task(self._options(place, path, select, ()), missing=missing))
        return replace(found, name=name, select={**select, **found.select})

    def _file_name(self, path: str) -> str:
        url = urlsplit(str(self.config.get("url", "")))
        if path and url.scheme in ("http", "https"):
            path = urlsplit(path).path
        return PurePosixPath(path or unquote(url.path)).name

    def _options(self, place: Place, path: str, select: Mapping[str, Any], wanted: tuple[str, ...]) -> Options:
        said = {name: select[name] for name in _SAID if name in select}
        name = self._file_name(path)
        return Options(where=place.name(path), name=name, wanted=wanted, block=table.BLOCK, **said)

    def _place(self) -> Place:
        return open_place(self.config, self.secrets)

    @contextmanager
    def _parser(self) -> Iterator[Parser]:
        with Parser() as parser:
            self._at_work.append(parser)
            try:
                yield parser
            finally:
                self._at_work.remove(parser)
