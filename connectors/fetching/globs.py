"""Patterns over paths: ``*``, ``?`` and ``[…]`` stand for characters of one name, ``**`` for any number of folders."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

ANY_FOLDERS: Final = "**"
EVERYTHING: Final = ANY_FOLDERS


def is_pattern(path: str) -> bool:
    """Whether a path stands for all files that match it."""
    return "*" in path


def matches(path: str, pattern: str) -> bool:
    """Whether the whole path fits the pattern."""
    steps = pattern.split("/")
    return len(steps) in _reached(path.split("/"), steps)


def leads_to(folder: str, pattern: str) -> bool:
    """Whether something below the folder could match."""
    steps = pattern.split("/")
    return any(place < len(steps) for place in _reached(folder.split("/"), steps))


def fixed_part(pattern: str) -> str:
    """The text that every match begins with."""
    return min((pattern.partition(special)[0] for special in "*?["), key=len)


def _reached(parts: Iterable[str], steps: Sequence[str]) -> set[int]:
    """How many steps of the pattern the parts of a path can have taken; all ways are followed at once."""
    places = _free({0}, steps)
    for part in parts:
        onward = {place for place in places if steps[place : place + 1] == [ANY_FOLDERS]}
        onward |= {place + 1 for place in places - onward if place < len(steps) and fnmatchcase(part, steps[place])}
        places = _free(onward, steps)
    return places


def _free(places: set[int], steps: Sequence[str]) -> set[int]:
    """These places, and those behind each ``**`` that stands for no folder at all."""
    found = set(places)
    for place in sorted(places):
        while steps[place : place + 1] == [ANY_FOLDERS]:
            place += 1
            found.add(place)
    return found
