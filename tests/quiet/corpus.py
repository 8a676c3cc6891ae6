"""What a consumer can ask: every route, first without naming anything hidden, then naming all of it."""

import random
from collections.abc import Iterator
from itertools import product
from uuid import UUID

from hub.exports.making import make
from hub.query.formats import FORMATS as FILE_FORMATS
from tests.quiet.hidden import MARKS
from tests.quiet.tape import Tape

_MASKED = ("cost", "born", "zone", "speed", "seen_at")
FIELDS = {
    "ops.own": ("id", "label"),
    "dot.flights": ("id", "label", "carrier", "delay", "fuel", "note", "tail", "phone", *_MASKED),
    "dot.permits": ("id", "label", "region"),
    "dot.cases": ("id", "label", "amount", "name"),
    "dot.archive": ("id",),
    "dot.people": ("ssn", "label"),
    "dot.posts": ("label",),
    "dot.logs": ("label", "level"),
    "dot.traps": ("label",),
    "dot.empty": ("id", "label"),
    "met.air": ("id", "label"),
}
"""The datasets that there are for ``ops``, and what it may name of each."""

WITHHELD = ("pilot", "risk", "grade", "sum", "who", "code", "remark")
ROWLESS = ("dot.archive", "met.air", "dot.empty")
"""Those of which ``ops`` gets no row."""
_READABLE = [key for key in FIELDS if key not in ("dot.archive", "met.air")]
_LISTS = (
    "agencies",
    "groups",
    "clients",
    "tokens",
    "teams",
    "rules",
    "agreements",
    "sources",
    "streams",
    "runs",
    "events",
    "applications",
    "exceptions",
)
_SORTS = ("-title", "agency", "published_at", "-synced_at")
_STEPS = ("submit", "approve", "return", "retire")
_AGREEMENTS = {"dot.cases": "ops-cases", "dot.permits": "ops-permits"}

Held = dict[str, tuple[str, dict[str, str], list[str], str]]
"""By dataset and agreement: address, headers, cursors or positions, and tag of reads to be gone on with later."""


def under(key: str) -> tuple[dict[str, str], ...]:
    """The agreements under which a dataset is asked for: none, and the caller's own."""
    return ({}, {"Hub_Agreement": _AGREEMENTS[key]}) if key in _AGREEMENTS else ({},)


def ask_openly(tape: Tape) -> None:
    """The catalogue, all descriptions, all rows in every format, all lists: no question names anything hidden."""
    for path in (*_LISTS, "connector-kinds", "openapi.json", "docs", "/healthz", "/metrics", "missing"):
        tape.get(path)
    tape.get("datasets", {"facets": "agency,theme,class"})
    for key in FIELDS:
        for headers in under(key):
            for part in ("", "/access", "/schema", "/rows"):
                tape.get(f"datasets/{key}{part}", **headers)
            tape.ask("head", f"datasets/{key}/rows", **headers)
            for more in ({"count": "estimate"}, {"f": "ndjson"}, {"f": "csv"}, {"f": "csv", "csv": "safe"}):
                limit = {"limit": "all"} if "f" in more else {"count": "exact"}
                tape.get(f"datasets/{key}/rows", {**limit, **more}, **headers)
            tape.get(f"datasets/{key}/rows", Accept="text/csv", **headers)
            ask_groups(tape, key, **headers)
            _take_files(tape, key, headers)
    for path in ("agreements/ops-cases", "agreements/ops-permits", "agencies/dot", "groups/north", "limits"):
        tape.get(path)
    tape.pages("events", {"limit": "13"})


def ask_groups(tape: Tape, key: str, **headers: str) -> None:
    """All rows as one group, and groups of what each field shows with everything there is to tell of it."""
    tape.get(f"datasets/{key}/aggregate", **headers)
    for name in FIELDS[key]:
        told = ",".join(f"{function}:{name}" for function in ("min", "max", "distinct"))
        tape.get(f"datasets/{key}/aggregate", {"groupby": name, "limit": "7", "count": "exact"}, **headers)
        tape.get(f"datasets/{key}/aggregate", {"agg": told}, **headers)
        for function in ("sum", "avg"):
            tape.get(f"datasets/{key}/aggregate", {"agg": f"{function}:{name}"}, **headers)


def _take_files(tape: Tape, key: str, headers: dict[str, str]) -> None:
    """The whole view in every format, whole and in parts, and as an export."""
    for format in FILE_FORMATS:
        tape.get(f"datasets/{key}/file.{format}", **headers)
        tape.ask("head", f"datasets/{key}/file.{format}", **headers)
        tape.get(f"datasets/{key}/file.{format}", Range="bytes=3-40", **headers)
    for wish in ({"format": "csv"}, {"format": "parquet", "filter": f"{FIELDS[key][0]} IS NOT NULL"}):
        reply = tape.ask("post", f"datasets/{key}/exports", wish, **headers)
        if reply.status == 202:
            make(UUID(reply.json["id"]))
            tape.get(f"exports/{reply.json['id']}")
            tape.get(f"exports/{reply.json['id']}/file")


def ask_catalogue(tape: Tape) -> None:
    """Every order, filter and facet of the list of datasets."""
    for sort in _SORTS:
        tape.pages("datasets", {"sort": sort, "limit": "6"})
    choices = {
        "q": ("flights", "transport", "pilot"),
        "agency": ("dot", "met"),
        "theme": ("transport", "weather"),
        "class": ("conditional", "closed"),
        "status": ("draft", "published"),
        "access": ("open", "on-request", "closed"),
        "freshness": ("fresh", "never"),
    }
    for name, words in choices.items():
        for word in words:
            tape.get("datasets", {name: word, "facets": "agency,theme,class"})


def hold(tape: Tape) -> Held:
    """Walk each readable dataset page by page, and answer what a consumer would keep of it."""
    held: Held = {}
    for key in _READABLE:
        for headers in under(key):
            address, ids = f"datasets/{key}/rows", {"limit": "7"}
            cursors = tape.pages(address, ids, **headers)
            tag = tape.get(address, ids, **headers).headers.get("ETag", "")
            if tag:
                assert tape.get(address, ids, If_None_Match=tag, **headers).status == 304
                held[f"{key} {headers}"] = (address, headers, cursors, tag)
    return held


def go_on(tape: Tape, held: Held) -> None:
    """Come back with what was kept: tags, cursors, and cursors of another query."""
    for address, headers, cursors, tag in held.values():
        tape.get(address, {"limit": "7"}, If_None_Match=tag, **headers)
        for cursor in cursors[::2]:
            tape.get(address, {"limit": "7", "cursor": cursor, "count": "exact"}, **headers)
            tape.get(address, {"sortby": "-label", "cursor": cursor}, **headers)
    everything = [cursor for _, _, cursors, _ in held.values() for cursor in cursors]
    for key, cursor in zip(FIELDS, everything, strict=False):
        tape.get(f"datasets/{key}/rows", {"cursor": cursor})


def follow(tape: Tape) -> Held:
    """Keep copies of all datasets by their change feeds, page by page until one is empty; the positions on the way."""
    positions: Held = {}
    for key in FIELDS:
        for headers in under(key):
            address = f"datasets/{key}/changes"
            tape.get(address, {"limit": "10000", "numbers": "string"}, **headers)
            positions[f"{key} {headers}"] = (address, headers, _followed(tape, address, "", **headers), "")
    return positions


def follow_on(tape: Tape, positions: Held) -> None:
    """Go on from positions at the beginning, midway and at the end, to the end; and from those of another feed."""
    for address, headers, kept, _ in positions.values():
        for since in dict.fromkeys((*kept[:1], *kept[len(kept) // 2 :][:1], *kept[-1:])):
            _followed(tape, address, since, **headers)
    everything = [since for _, _, kept, _ in positions.values() for since in kept]
    for key, since in zip(FIELDS, everything, strict=False):
        tape.get(f"datasets/{key}/changes", {"since": since})


def _followed(tape: Tape, address: str, since: str, **headers: str) -> list[str]:
    positions: list[str] = []
    while len(positions) < 100:
        reply = tape.get(address, {"limit": "7", **({"since": since} if since else {})}, **headers)
        if reply.status != 200:
            return positions
        since = reply.json["page"]["next"]
        positions.append(since)
        if not reply.json["data"]:
            return positions
    raise AssertionError(f"{address} has no end")


def hidden_names(of: str) -> list[str]:
    return [f"{mark}{of}" for mark in MARKS] + [f"no{of}"]


def probe(tape: Tape, draw: random.Random, size: int) -> None:
    """Name what is hidden in this hub or in the other one, and what is in neither, at every place that takes a name."""
    _probe_things(tape)
    for key in FIELDS:
        names = [*FIELDS[key], *WITHHELD, *hidden_names("codename"), *hidden_names("key"), "_r", "_v", "c1"]
        for headers in under(key):
            for params in _row_questions(names, draw, size):
                tape.get(f"datasets/{key}/rows", params, **headers)
            for name in draw.sample(names, min(size, len(names))):
                for params in ({"groupby": name}, {"agg": f"max:{name}"}, {"groupby": "label", "sortby": name}):
                    tape.get(f"datasets/{key}/aggregate", params, **headers)
            for name in names:
                tape.get(f"datasets/{key}/changes", {name: "1"}, **headers)
                tape.ask("post", f"datasets/{key}/exports", {"format": "csv", "properties": [name]}, **headers)
            for number in (1, 2, 3, 4, 5, 777_000_100, *hidden_names("code0")):
                tape.get(f"datasets/{key}/rows/{number}", **headers)
    for key, agreement in product(FIELDS, (*hidden_names("deal0"), "dot::zqadeal0", "dot::ops-cases", "ops-cases")):
        for part in ("/access", "/rows", "/changes"):
            tape.get(f"datasets/{key}{part}", Hub_Agreement=agreement)


def _probe_things(tape: Tape) -> None:
    vaults = [f"{agency}.{name}" for agency in ("dot", "met") for name in hidden_names("vault")]
    drafts = [f"dot.{name}" for name in hidden_names("draft")]
    for key in (*vaults, *drafts):
        tape.ask("post", f"datasets/{key}/exports", {"format": "csv"})
        files = ("/file.csv", "/file.xlsx")
        rows = ("/rows", "/rows/1", "/rows?f=csv&limit=all", "/aggregate", "/changes", *files)
        for part in ("", "/access", "/schema", *rows, "/access?as=agency:ops"):
            tape.get(f"datasets/{key}{part}")
        tape.get(f"datasets/{key}/rows", Hub_Agreement="ops-cases")
        for part in _STEPS:
            tape.ask("post", f"datasets/{key}/{part}", {"note": "x"})
        tape.ask("patch", f"datasets/{key}", {"title": "x"})
        tape.ask("post", f"datasets/{key}/rows")
        for route, name in (("datasets", "q"), ("events", "dataset"), ("agreements", "dataset"), ("runs", "dataset")):
            tape.get(route, {name: key})
    for route, of in _HIDDEN_KEYS:
        for name in (*hidden_names(of), *(f"dot::{name}" for name in hidden_names(of))):
            tape.get(f"{route}/{name}")
            tape.ask("patch", f"{route}/{name}", {})
            tape.ask("post", f"{route}/{name}/retire")
            tape.ask("post", f"{route}/{name}/sync")
            tape.ask("post", f"{route}/{name}/sync", {"full": True})
            tape.get(route, {"stream": name} if route == "runs" else {"cursor": name})
    for name in (*hidden_names(""), "phone", "risky"):
        tape.get("datasets", {"q": name, "theme": name, "facets": "agency,theme,class"})
        tape.get("events", {"subject": name})
    for name in hidden_names("0"):
        tape.get("events", {"actor": f"{name}@dot.example"})
    for kind in ("rule.drafted", "token.issued", "rows.read", "access.explained", "agreement.made"):
        tape.get("events", {"kind": kind, "agency": "dot"})


_HIDDEN_KEYS = (
    ("rules", "rule0f"),
    ("rules", "sketch0"),
    ("agreements", "deal0"),
    ("sources", "files0"),
    ("streams", "flights"),
    ("streams", "vault"),
    ("groups", "group"),
)


def _row_questions(names: list[str], draw: random.Random, size: int) -> Iterator[dict[str, str]]:
    """Each name in three places, then ``size`` questions of several parameters."""
    for name in names:
        yield draw.choice([{"properties": name}, {name: draw.choice(_VALUES)}])
        yield {"sortby": f"{draw.choice(['', '-'])}{name}", "limit": "20"}
        yield {"filter": draw.choice(_FILTERS).format(f'"{name}"'), "count": "exact"}
    for _ in range(size):
        picked = draw.sample(names, min(3, len(names)))
        filters = [draw.choice(_FILTERS).format(f'"{name}"') for name in picked[:2]]
        question = {
            "filter": draw.choice([" AND ", " OR "]).join(filters),
            "properties": ",".join(picked),
            "sortby": draw.choice(["", "-"]) + picked[0],
            "count": draw.choice(["none", "exact", "estimate"]),
            "f": draw.choice(["json", "ndjson", "csv"]),
            "numbers": draw.choice(["exact", "string"]),
            "limit": draw.choice(["1", "4", "1000"]),
        }
        yield {name: question[name] for name in draw.sample(list(question), draw.randint(1, len(question)))}


_VALUES = ("1", "3", "777000100", "***", "north", "AA", "zqa", "zqb", "", "1999-01-01", "N101", "true")
_FILTERS = (
    "{} IS NULL",
    "{} IS NOT NULL",
    "{} = '***'",
    "{} > 'zq'",
    "{} LIKE '%zq%'",
    "{} LIKE '1_%*%'",
    "CASEI({}) LIKE CASEI('%A%')",
    "{} >= 777000000",
    "{} IN (3, 6, 1000, 777000100)",
    "NOT ({} < 5)",
    "{} BETWEEN 0 AND 100000",
    "{} < DATE('1980-01-01')",
    "{} = 99999999999999999999",
    "{} = 'zqa' OR 1 = 1",
    "{} LIKE 'a\\'",
)
