"""Matches the columns a source offers with the fields a dataset declares, and names new fields after them."""

import re
import unicodedata
from collections.abc import Sequence

from hub.errors import SourceLacks, SourceMalformed

MAX_NAME = 60
MAX_COLUMNS = 5000


def field_name(title: str) -> str:
    """A field name for a source's column: a letter, then letters, digits, single ``_``, at most 60 characters."""
    text = unicodedata.normalize("NFC", title)
    text = "".join(char if char.isalpha() or char.isdecimal() or unicodedata.combining(char) else "_" for char in text)
    text = re.sub("_+", "_", text).strip("_")
    if not text or not text[0].isalpha():
        text = f"c_{text}".rstrip("_")
    return text[:MAX_NAME].rstrip("_")


def field_names(titles: Sequence[str]) -> tuple[str, ...]:
    """Field names for all columns of a source, told apart by a number where two would be equal."""
    taken: set[str] = set()
    names = []
    for title in titles:
        name, number = field_name(title), 2
        while name in taken:
            suffix = f"_{number}"
            name, number = field_name(title)[: MAX_NAME - len(suffix)].rstrip("_") + suffix, number + 1
        taken.add(name)
        names.append(name)
    return tuple(names)


def check_header(titles: Sequence[str], where: str) -> None:
    """Refuse a header with an empty or a repeated name, which would put values into the wrong field."""
    check_width(titles, where)
    seen: dict[str, int] = {}
    for number, title in enumerate(titles, start=1):
        if not title.strip():
            raise SourceMalformed(
                f"Column {number} of {where} has no name.",
                code="source-unnamed-column",
                hint="Give every column a name in the header, or take away trailing delimiters.",
            )
        if title in seen:
            raise SourceMalformed(
                f"Columns {seen[title]} and {number} of {where} have the same name, {title!r}.",
                code="source-duplicate-column",
                hint="Give each column a name of its own; nothing was loaded.",
            )
        seen[title] = number


def check_width(titles: Sequence[str], where: str) -> None:
    """Refuse a header of more columns than anybody means."""
    if len(titles) > MAX_COLUMNS:
        raise SourceMalformed(
            f"{where} has {len(titles):,} columns, more than {MAX_COLUMNS:,}.",
            code="source-too-many-columns",
            hint="Nothing was loaded. It may be turned on its side, or its delimiter be another (select.delimiter).",
        )


def picks(wanted: Sequence[str], offered: Sequence[str], where: str) -> tuple[int, ...]:
    """For each field wanted its place among the columns offered, by their own names or else by ``field_names``."""
    by_name = {name: place for place, name in enumerate(field_names(offered))}
    by_name |= {title: place for place, title in enumerate(offered)}
    absent = [name for name in wanted if name not in by_name]
    if absent:
        raise SourceLacks(
            f"{where} has no column {', '.join(map(repr, absent))}.",
            absent=absent,
            offered=offered,
            hint=f"It has: {', '.join(offered)}. Correct the dataset's fields, or have the source name them so again.",
        )
    return tuple(by_name[name] for name in wanted)
