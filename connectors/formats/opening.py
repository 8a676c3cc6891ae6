"""Opens a file as the tables in it, by what its name says: packed or not, one table or several."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import BinaryIO, Final, cast

from connectors.formats.packed import PACKED, Scratch, extension_of, parts, spooled
from connectors.formats.table import Options, Table
from hub.errors import SourceMissing

# By their names: to read Parquet takes a library of sixty megabytes, which most workers never need.
FORMATS: Final[Mapping[str, str]] = {
    "csv": "connectors.formats.csv.open_table",
    "tsv": "connectors.formats.csv.open_table",
    "xlsx": "connectors.formats.xlsx.open_table",
    "json": "connectors.formats.json.open_table",
    "ndjson": "connectors.formats.json.open_lines",
    "parquet": "connectors.formats.parquet.open_table",
}
_EXTENSIONS: Final[Mapping[str, str]] = {
    **{name: name for name in FORMATS},
    "txt": "csv",
    "tab": "tsv",
    "xlsm": "xlsx",
    "jsonl": "ndjson",
}

_BY_LINE: Final = frozenset({"csv", "tsv", "ndjson"})


def tables(file: BinaryIO, options: Options, scratch: Scratch = spooled) -> Generator[tuple[str, Table], None, None]:
    """The tables in a seekable file, each with the name of the file within; to be read before the next is asked for.

    What is packed is unpacked into ``scratch``. Raises ``SourceError``.
    """
    for name, part in parts(file, options.name, options.member, options.where, _is_data(options), scratch):
        where = options.where if name == options.name else f"{name} in {options.where}"
        yield name, _table(part, name, options if part is file else replace(options, where=where))


def is_known(name: str) -> bool:
    """Whether a file's name says that it can be read."""
    extension = extension_of(name)
    return extension == "zip" or (extension_of(name[:-3]) if extension == "gz" else extension) in _EXTENSIONS


def is_by_line(name: str) -> bool:
    """Whether a file's name says that its first lines can be read without the others."""
    return _EXTENSIONS.get(extension_of(name)) in _BY_LINE


def _is_data(options: Options) -> Callable[[str], bool]:
    return lambda name: (bool(options.format) and extension_of(name) not in PACKED) or extension_of(name) in _EXTENSIONS


def _table(file: BinaryIO, name: str, options: Options) -> Table:
    format = options.format or _EXTENSIONS.get(extension_of(name), "")
    if not format:
        raise SourceMissing(
            f"The name of {options.where} does not say what format it has.",
            code="source-unknown-format",
            hint=f"Set the stream's select.format to one of: {', '.join(FORMATS)}.",
        )
    module, _, function = FORMATS[format].rpartition(".")
    open_table = cast(Callable[[BinaryIO, Options], Table], getattr(import_module(module), function))
    return open_table(file, replace(options, delimiter=options.delimiter or ("\t" if format == "tsv" else ",")))
