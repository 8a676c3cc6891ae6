"""Which things a manifest declares, with which keys, and of which type each value is."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from hub.catalog.fields import FIELD_KEYS
from hub.manifest.reading import Entry, Fault, Manifest

Check = Callable[[Any], bool]


def _is(*types: type) -> Check:
    return lambda value: isinstance(value, types) and not (isinstance(value, bool) and bool not in types)


_TEXT, _FLAG, _TABLE = _is(str), _is(bool), _is(dict)
_MOMENT = _is(datetime)
_ANY: Check = lambda value: True  # noqa: E731
_BOUND = _is(int, float, Decimal, str, date, datetime)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _lists(value: Any) -> bool:
    return isinstance(value, list) and all(_texts(item) for item in value)


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_FIELD: Final[Mapping[str, Check]] = {
    **dict.fromkeys(FIELD_KEYS, _TEXT),
    **dict.fromkeys(("secret", "required"), _FLAG),
    **dict.fromkeys(("min", "max"), _BOUND),
    "codes": _is(list),
    "legal_basis": _tables,
}

KEYS: Final[Mapping[str, Mapping[str, Check]]] = {
    "agency": {
        "code": _TEXT,
        "name": _TEXT,
        "name_zh": _TEXT,
        "parent": _TEXT,
        "member": _tables,
        "limits": _TABLE,
        "retire": _FLAG,
    },
    "member": {"email": _TEXT, "roles": _texts, "retire": _FLAG},
    "group": {"key": _TEXT, "agencies": _texts, "retire": _FLAG},
    "client": {"agency": _TEXT, "name": _TEXT, "roles": _texts, "external": _FLAG, "limits": _TABLE, "retire": _FLAG},
    "team": {"agency": _TEXT, "name": _TEXT, "members": _texts, "stewardships": _tables, "retire": _FLAG},
    "source": {"key": _TEXT, "agency": _TEXT, "kind": _TEXT, "config": _TABLE, "secrets": _TABLE, "retire": _FLAG},
    "dataset": {
        **dict.fromkeys(("key", "title", "title_zh", "description", "description_zh"), _TEXT),
        **dict.fromkeys(("theme", "licence", "contact", "update_frequency", "sensitivity"), _TEXT),
        **dict.fromkeys(("class", "conditions", "reason"), _TEXT),
        **dict.fromkeys(("keywords", "primary_key"), _texts),
        **dict.fromkeys(("discover", "secret", "publish", "retire"), _FLAG),
        "legal_basis": _tables,
        "indexes": _lists,
        "field": _tables,
    },
    "field": _FIELD,
    "stream": {
        **dict.fromkeys(("key", "source", "dataset", "mode", "cursor", "overlap", "schedule"), _TEXT),
        **dict.fromkeys(("select", "contract", "deleted"), _TABLE),
        "retire": _FLAG,
    },
    "rule": {
        **dict.fromkeys(("key", "target", "party", "effect", "filter", "reason", "reason_zh"), _TEXT),
        **dict.fromkeys(("valid_from", "valid_to", "review_at"), _MOMENT),
        **dict.fromkeys(("firm", "retire"), _FLAG),
        "access": _is(str, dict),
        "modes": _texts,
        "legal_basis": _tables,
    },
    "agreement": {
        **dict.fromkeys(("key", "dataset", "agency", "filter", "purpose", "disposal", "assessment"), _TEXT),
        **dict.fromkeys(("valid_from", "valid_to", "keep_until"), _MOMENT),
        "fields": _TABLE,
        "modes": _texts,
        "clients": _texts,
        "may_pass_on": _FLAG,
        "legal_basis": _tables,
        "retire": _FLAG,
    },
}
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "agency": ("code", "name"),
    "member": ("email", "roles"),
    "group": ("key", "agencies"),
    "client": ("agency", "name"),
    "team": ("agency", "name"),
    "source": ("key", "agency", "kind", "config"),
    "dataset": ("key", "title"),
    "field": ("name", "type"),
    "stream": ("key", "source", "dataset", "select"),
    "rule": ("key", "target", "party", "reason"),
    "agreement": ("key", "dataset", "agency", "fields", "purpose", "valid_to"),
}
IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "agency": ("code",),
    "member": ("email",),
    "client": ("agency", "name"),
    "team": ("agency", "name"),
    "field": ("name",),
}
"""The keys that name a thing; ``key`` for the others."""
_OWNED_BY: Final[Mapping[str, str]] = {
    "source": "agency",
    "stream": "dataset",
    "rule": "target",
    "agreement": "dataset",
}
"""What says whose thing it is."""
ORDER: Final = ("agency", "group", "client", "source", "dataset", "stream", "rule", "agreement", "team")


def name_of(entry: Entry) -> str:
    """How faults and plans call the thing, such as ``dataset met.weather``."""
    values = [str(entry.table.get(key, "?")) for key in IDENTITY.get(entry.kind, ("key",))]
    return f"{entry.kind} {'/'.join(values)}"


def owner_of(entry: Entry) -> str | None:
    """The code of the agency whose thing it is, by what the entry says; empty for the catalogue, None where unsaid.

    Keys are unique within their owner, so that an entry means its owner's thing.
    """
    said = entry.table.get(_OWNED_BY.get(entry.kind, ""))
    if not isinstance(said, str):
        return None
    return said if entry.kind == "source" else said.partition(".")[0].removeprefix("*")


def check_shape(manifest: Manifest) -> list[Fault]:
    """What is wrong with the manifest itself, before anything is compared with the hub."""
    faults = list(manifest.faults)
    for kind, entries in manifest.entries.items():
        if kind not in ORDER:
            line = entries[0].place.line if entries else 1
            faults.append(Fault(line, kind, f"There is no {kind}.{_nearest(kind, ORDER)}"))
            continue
        for entry in entries:
            faults += _entry_faults(entry)
        faults += _doubles(entries)
    return sorted(faults, key=lambda fault: fault.line)


def _entry_faults(entry: Entry) -> Iterator[Fault]:
    name, known = name_of(entry), KEYS[entry.kind]
    for key, value in entry.table.items():
        if key not in known:
            message = f"A {entry.kind} has no {key}.{_nearest(key, known)}"
            yield Fault(entry.place.line_of(key), f"{name}: {key}", message)
        elif not known[key](value):
            yield Fault(
                entry.place.line_of(key), f"{name}: {key}", f"This value is of the wrong type: {_shown(value)}."
            )
    needed = IDENTITY.get(entry.kind, ("key",)) if entry.table.get("retire") is True else REQUIRED[entry.kind]
    for key in needed:
        if key not in entry.table:
            yield Fault(entry.place.line, name, f"It needs {key}.")
    for entries in entry.inner.values():
        for inner in entries:
            yield from (Fault(f.line, f"{name}: {f.where}", f.message) for f in _entry_faults(inner))


def _doubles(entries: list[Entry]) -> Iterator[Fault]:
    seen: dict[tuple[str, str | None], int] = {}
    for entry in entries:
        name = name_of(entry)
        its = (name, owner_of(entry))
        if its in seen and "?" not in name:
            yield Fault(entry.place.line, name, f"It stands here twice; first on line {seen[its]}.")
        seen.setdefault(its, entry.place.line)


def _nearest(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else f" There are {', '.join(known)}."


def _shown(value: Any) -> str:
    return {dict: "a table", list: "a list", bool: "true or false", str: "a text"}.get(
        type(value), type(value).__name__
    )
