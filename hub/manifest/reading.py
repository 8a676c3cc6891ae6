"""Reads a manifest: TOML or YAML to plain tables, each with its place, and what stands elsewhere put in."""

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from hub.errors import Invalid
from hub.manifest.places import Place, toml_places, yaml_places

_REFERENCE: Final = re.compile(r"\$\{(env|file):([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong, by line; ``where`` names the thing and the key."""

    line: int
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One declared thing: its kind, its table, where it stands, and the tables within it by key."""

    kind: str
    table: Mapping[str, Any]
    place: Place
    inner: Mapping[str, list["Entry"]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """``digest`` is SHA-256 of the file as it stands, in hex; references are not followed for it."""

    path: Path
    digest: str
    entries: Mapping[str, list[Entry]]
    faults: tuple[Fault, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read the file; raises ``Invalid`` where it is not there or is neither TOML nor YAML."""
    try:
        content = path.read_bytes()
        text = content.decode()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.", code="manifest-unreadable") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8, at byte {error.start}.", code="manifest-unreadable") from None
    data, place = _parsed(path, text)
    faults: list[Fault] = []
    entries = {
        kind: _entries(kind, tables, place.tables.get(kind, []), path.parent, faults)
        for kind, tables in data.items()
        if isinstance(tables, list)
    }
    for kind, value in data.items():
        if not isinstance(value, list):
            faults.append(Fault(place.line_of(kind), kind, f"{kind} is a list of tables: write [[{kind}]]."))
    return Manifest(path, hashlib.sha256(content).hexdigest(), entries, tuple(faults))


def _parsed(path: Path, text: str) -> tuple[dict[str, Any], Place]:
    is_yaml = path.suffix in (".yaml", ".yml")
    try:
        data = yaml.safe_load(text) if is_yaml else tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path.name}: {error}", code="manifest-malformed") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "is not YAML"
        raise Invalid(f"{path.name}{line}: {problem}", code="manifest-malformed") from None
    if data is None:
        return {}, Place()
    if not isinstance(data, dict):
        raise Invalid(f"{path.name}: a manifest is a table of lists.", code="manifest-malformed")
    return data, (yaml_places if is_yaml else toml_places)(text)


def _entries(kind: str, tables: list[Any], places: list[Place], folder: Path, faults: list[Fault]) -> list[Entry]:
    entries = []
    for index, table in enumerate(tables):
        place = places[index] if index < len(places) else Place()
        if not isinstance(table, dict):
            faults.append(Fault(place.line, kind, f"{kind} is a list of tables."))
            continue
        inner = {
            key: _entries(key, value, place.tables.get(key, []), folder, faults)
            for key, value in table.items()
            if key in _INNER.get(kind, ()) and isinstance(value, list)
        }
        plain = {key: value for key, value in table.items() if key not in inner}
        filled = {key: _filled(value, _reporter(place, kind, key, faults), folder) for key, value in plain.items()}
        entries.append(Entry(kind, filled, place, inner))
    return entries


_INNER: Final[Mapping[str, tuple[str, ...]]] = {"agency": ("member",), "dataset": ("field",)}


def _reporter(place: Place, kind: str, key: str, faults: list[Fault]) -> Callable[[str], None]:
    return lambda message: faults.append(Fault(place.line_of(key), f"{kind}: {key}", message))


def _filled(value: Any, report: Callable[[str], None], folder: Path) -> Any:
    """``value`` with every ``${env:NAME}`` and ``${file:PATH}`` in any string replaced."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _referred(match[1], match[2], report, folder), value)
    if isinstance(value, list):
        return [_filled(item, report, folder) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, report, folder) for key, item in value.items()}
    return value


def _referred(kind: str, name: str, report: Callable[[str], None], folder: Path) -> str:
    if kind == "env":
        if name not in os.environ:
            report(f"The environment has no variable {name}.")
        return os.environ.get(name, "")
    try:
        return (folder / name).read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        report(f"The file {name} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}.")
        return ""
