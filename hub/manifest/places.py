"""Where in a manifest things stand, so that a fault can be shown by its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

_HEADER: Final = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\"'-]+)\s*\]?\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*=")


@dataclass(slots=True)
class Place:
    """The line of a table, those of its keys, and the places of the tables within it, by key."""

    line: int = 1
    keys: dict[str, int] = field(default_factory=dict)
    tables: dict[str, list["Place"]] = field(default_factory=dict)

    def line_of(self, path: str) -> int:
        """The line of a dotted path such as ``fields[2].type``; the nearest one known where it is not there."""
        head, _, rest = path.partition(".")
        name, _, index = head.rstrip("]").partition("[")
        inner = self.tables.get(name, self.tables.get(name.removesuffix("s"), []))
        if index.isdigit() and int(index) < len(inner):
            return inner[int(index)].line_of(rest) if rest else inner[int(index)].line
        return self.keys.get(name, self.line)


def toml_places(text: str) -> Place:
    """The places of a TOML document that ``tomllib`` has read already."""
    root = Place()
    at = root
    for number, line in _starts(text):
        header = _HEADER.match(line)
        if header:
            at = _opened(root, header[1].replace('"', "").split("."), number)
        elif key := _KEY.match(line):
            at.keys.setdefault(key[1].strip("\"'"), number)
    return root


def yaml_places(text: str) -> Place:
    """The places of a YAML document."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return _yaml_place(node) if node is not None else Place()


def _yaml_place(node: yaml.Node) -> Place:
    place = Place(node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place.keys[str(key.value)] = key.start_mark.line + 1
            if isinstance(value, yaml.SequenceNode):
                place.tables[str(key.value)] = [_yaml_place(item) for item in value.value]
    return place


def _opened(root: Place, path: list[str], number: int) -> Place:
    """A new table at ``path``: each step but the last goes into the table opened last under that name."""
    at = root
    for name in path[:-1]:
        at = at.tables.setdefault(name, [Place(number)])[-1]
    opened = Place(number)
    at.tables.setdefault(path[-1], []).append(opened)
    return opened


def _starts(text: str) -> Iterator[tuple[int, str]]:
    """The lines on which a header or a key can stand: those that do not go on with a value begun before."""
    fence, depth = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not fence and depth == 0:
            yield number, line
            if _HEADER.match(line):
                continue
        fence, depth = _left_open(line, fence, depth)


def _left_open(line: str, fence: str, depth: int) -> tuple[str, int]:
    """Whether the line ends within a string of several lines, or within brackets."""
    index = 0
    while index < len(line):
        if fence:
            end = line.find(fence, index)
            if end < 0:
                return fence, depth
            index, fence = end + 3, ""
            continue
        char = line[index]
        if line[index : index + 3] in ('"""', "'''"):
            fence, index = line[index : index + 3], index + 3
            continue
        if char == "#":
            break
        if char in "\"'":
            index = _string_end(line, index)
        depth += (char in "[{") - (char in "]}")
        index += 1
    return fence, depth


def _string_end(line: str, start: int) -> int:
    quote, index = line[start], start + 1
    while index < len(line) and line[index] != quote:
        index += 2 if line[index] == "\\" and quote == '"' else 1
    return index
