"""The manifest of a hub: what everybody may know of it, and beside it all that is hidden from ``ops``.

``dot`` owns, ``ops`` asks, ``met`` is the third.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.quiet.hidden import MARKS, Hidden, literal

Table = dict[str, Any]

END = datetime(2031, 1, 1, tzinfo=UTC)
ACT = [{"title": "Statistics Act", "article": "7", "url": "https://law.example/7"}]


class Shape:
    """What the owner chose where the caller cannot see it: types, the filters' values, whether there is a secret."""

    def __init__(self, hidden: Hidden) -> None:
        self.hidden = hidden
        names = ("pilot", "note", "risk", "grade", "sum", "who", "code", "remark")
        self.types = {name: hidden.type() for name in names}
        is_second = hidden.mark == MARKS[1]
        self.secret = hidden.name("codename") if is_second or hidden.draw.random() < 0.5 else ""
        self.secret_type = hidden.type()
        self.secret_sensitivity = "public" if is_second else hidden.draw.choice(["sensitive", "unclassified"])
        self.taken = {name: hidden.cell(self.types[name]) or self._value(name) for name in ("risk", "grade")}
        self.taken_by_secret = hidden.text() if self.secret_type == "string" else hidden.number()
        self.has_vault = {agency: hidden.draw.random() < 0.7 for agency in ("dot", "met")}
        self.sources = [hidden.name(f"files{i}") for i in hidden.some(2, 4)]

    def _value(self, name: str) -> str | int:
        return self.hidden.text() if self.types[name] == "string" else self.hidden.number()

    def contract(self, name: str) -> Table:
        """What the owner asks of the values of a hidden field."""
        if self.types[name] == "string":
            return {"pattern": f"({self.hidden.mark}.*)?"}
        return {"min": self.hidden.draw.randrange(1000), "max": 10**9 + self.hidden.draw.randrange(10**6)}


def manifest(shape: Shape) -> Table:
    """All tables by kind; the order of what the caller sees is always the same."""
    return {
        "agency": list(_agencies(shape.hidden)),
        "group": [{"key": "north", "agencies": ["ops", "met"]}],
        "client": list(_clients(shape.hidden)),
        "source": list(_sources(shape)),
        "dataset": list(_datasets(shape)),
        "stream": list(_streams(shape)),
        "rule": list(_rules(shape)),
        "agreement": list(_agreements(shape)),
        "team": list(_teams(shape.hidden)),
    }


def _agencies(hidden: Hidden) -> Iterator[Table]:
    members = [{"email": "member@ops.example", "roles": []}, {"email": "desk@ops.example", "roles": ["publisher"]}]
    members.append({"email": "head@ops.example", "roles": ["reviewer", "requester"]})
    yield {"code": "ops", "name": "Operations", "member": members}
    for code, name in (("dot", "Transport"), ("met", "Meteorology")):
        others = [{"email": f"{hidden.name(str(i))}@{code}.example", "roles": ["publisher"]} for i in hidden.some(1, 4)]
        yield {"code": code, "name": name, "member": others}


def _teams(hidden: Hidden) -> Iterator[Table]:
    own = [{"dataset": "ops.own", "acts": ["load"]}]
    yield {"agency": "ops", "name": "desk", "members": ["member@ops.example"], "stewardships": own}
    for i in hidden.some(1, 3):
        theirs = [{"dataset": "dot.flights", "acts": ["edit"]}, {"rule": "risky", "acts": ["review"]}]
        members = [f"{hidden.name('0')}@dot.example"]
        yield {"agency": "dot", "name": hidden.name(f"team{i}"), "members": members, "stewardships": theirs}


def _clients(hidden: Hidden) -> Iterator[Table]:
    yield {"agency": "ops", "name": "reader"}
    yield {"agency": "ops", "name": "desk", "roles": ["publisher"]}
    yield {"agency": "met", "name": "station", "roles": ["requester"]}
    for i in hidden.some(1, 4):
        yield {"agency": "dot", "name": hidden.name(f"app{i}"), "external": hidden.draw.random() < 0.5}


def _sources(shape: Shape) -> Iterator[Table]:
    for key, agency in [("ops-files", "ops"), *((key, "dot") for key in shape.sources), (_met_source(shape), "met")]:
        yield {"key": key, "agency": agency, "kind": "file", "config": {"url": "file://${env:WORLD_DIR}/"}}


def _met_source(shape: Shape) -> str:
    return shape.hidden.name("met-files")


def _field(name: str, type_: str = "string", sensitivity: str = "public", **more: Any) -> Table:
    return {"name": name, "type": type_, "sensitivity": sensitivity, **more}


_CLOSED = {"class": "closed"}
_CLEAR = {"id": "clear", "region": "clear"}
_ID, _LABEL = _field("id", "integer"), _field("label", title="Name of the row")


def _datasets(shape: Shape) -> Iterator[Table]:
    terms = {"reason": "Protected by law", "legal_basis": ACT}
    conditional = {"class": "conditional", "conditions": "For statistics", **terms}
    yield _dataset("ops.own", "Our own", [_ID, _LABEL])
    yield _dataset("dot.flights", "Flights", _flight_fields(shape), keywords=["air", "delay"], theme="transport")
    yield _dataset("dot.permits", "Permits", _with_secret(shape, [_ID, _LABEL, _field("region")]), **conditional)
    yield _dataset("dot.cases", "Cases", _case_fields(shape), **conditional)
    archive = _with_secret(shape, [_ID, _hidden(shape, "sum"), _hidden(shape, "who")])
    yield _dataset("dot.archive", "Archive", archive, **terms | _CLOSED)
    ssn, remark = _field("ssn", sensitivity="personal"), _hidden(shape, "remark")
    yield _dataset("dot.people", "People", [ssn, remark, _LABEL], primary_key=["ssn"])
    yield _dataset("dot.posts", "Posts", [_hidden(shape, "code"), remark, _LABEL], primary_key=["code"])
    yield _dataset("dot.logs", "Logs", [_LABEL, _field("level", sensitivity="internal")], primary_key=[])
    key = _field(shape.hidden.name("key"), "string", "personal", secret=True)
    yield _dataset("dot.traps", "Traps", [key, _LABEL], primary_key=[key["name"]])
    yield _dataset("dot.empty", "Nothing yet", [_ID, _LABEL])
    yield _dataset("met.air", "Air", [_ID, _LABEL], theme="weather")
    yield from _secret_datasets(shape, terms)


def _dataset(key: str, title: str, fields: list[Table], **more: Any) -> Table:
    more = {"primary_key": ["id"], "update_frequency": "daily", "publish": True, **more}
    return {"key": key, "title": title, "field": fields, **more}


def _hidden(shape: Shape, name: str) -> Table:
    return _field(name, shape.types[name], "personal", **shape.contract(name))


def _flight_fields(shape: Shape) -> list[Table]:
    fields = [
        _ID,
        _LABEL,
        _field("carrier", title="Carrier"),
        _field("delay", "decimal", "internal", unit="min"),
        _hidden(shape, "pilot"),
        _field("fuel", "integer", "internal"),
        _hidden(shape, "note"),
        _field("tail", "string", "internal"),
        _field("phone", "string", "internal"),
        _field("cost", "integer", "internal"),
        _field("born", "date", "internal"),
        _field("zone", "string", "internal"),
        _field("speed", "number", "internal", unit="kn"),
        _field("seen_at", "datetime", "internal"),
        _hidden(shape, "risk"),
    ]
    return _with_secret(shape, fields)


def _with_secret(shape: Shape, fields: list[Table]) -> list[Table]:
    """The same fields with the secret one among them, where there is one; a rule hides it where it is not personal."""
    if not shape.secret:
        return fields
    place = shape.hidden.draw.randint(1, len(fields))
    texts = {name: shape.hidden.text() for name in ("title", "description", "unit")}
    secret = _field(shape.secret, shape.secret_type, shape.secret_sensitivity, secret=True, **texts)
    return [*fields[:place], secret, *fields[place:]]


def _case_fields(shape: Shape) -> list[Table]:
    return [_ID, _LABEL, _field("amount", "integer"), _field("name"), _hidden(shape, "grade")]


def _secret_datasets(shape: Shape, terms: Table) -> Iterator[Table]:
    """Those that nobody but the owner knows, and one that is not published."""
    for agency, has in shape.has_vault.items():
        if has:
            texts = ("title_zh", "description", "licence", "contact", "theme")
            words: Table = {name: shape.hidden.text() for name in texts}
            words["keywords"] = [shape.hidden.text()]
            kind = {"class": shape.hidden.draw.choice(["closed", "conditional"]), "conditions": "None", "secret": True}
            key, title = f"{agency}.{shape.hidden.name('vault')}", shape.hidden.text()
            yield _dataset(key, title, [_ID, _LABEL], **words, **terms, **kind)
    yield _dataset(f"dot.{shape.hidden.name('draft')}", shape.hidden.text(), [_ID, _LABEL], publish=False)


def _streams(shape: Shape) -> Iterator[Table]:
    yield _stream("ops-own", "ops-files", "ops.own")
    yield _stream(shape.hidden.name("met-air"), _met_source(shape), "met.air")
    for name in ("flights", "permits", "cases", "archive", "people", "posts", "logs", "traps"):
        source = shape.hidden.draw.choice(shape.sources)
        mode = "append" if name == "logs" else "replace"
        yield _stream(shape.hidden.name(name), source, f"dot.{name}", mode)
    if shape.has_vault["dot"]:
        vault = f"dot.{shape.hidden.name('vault')}"
        yield _stream(shape.hidden.name("vault"), shape.sources[0], vault)


def _stream(key: str, source: str, dataset: str, mode: str = "replace") -> Table:
    contract = {"max_rejects": "100%", "max_shrink": "100%"}
    select = {"path": f"{dataset}.csv", "missing": [""]}
    return {
        "key": key,
        "source": source,
        "dataset": dataset,
        "select": select,
        "mode": mode,
        "contract": contract,
    }


def _rules(shape: Shape) -> Iterator[Table]:
    yield _rule("own-label", "ops.own#label", "agency:met", access="hash")
    yield _rule("risky", "dot.flights", effect="prohibit", filter=f"risk = {literal(shape.taken['risk'])}")
    by_secret = f'"{shape.secret}" = {literal(shape.taken_by_secret)}' if shape.secret else "risk IS NULL"
    yield _rule("watched", "dot.flights", "agency:ops", effect="prohibit", filter=by_secret)
    accesses: Table = {
        "fuel": "null",
        "note": "redact",
        "tail": "hash",
        "phone": {"kind": "partial", "head": 3, "tail": 2},
        "cost": {"kind": "round", "to": 1000},
        "born": {"kind": "round", "to": "year"},
        "zone": {"kind": "round", "to": 1},
        "speed": {"kind": "round", "to": 0.5},
        "seen_at": {"kind": "partial", "head": 4, "tail": 1},
    }
    for name, access in accesses.items():
        yield _rule(f"flights-{name}", f"dot.flights#{name}", access=access)
    if shape.secret:  # where this ends the field may be seen, and no answer says when
        for name in ("flights", "permits"):
            until = {"valid_to": datetime(2027, 1, shape.hidden.draw.randint(1, 28), tzinfo=UTC)}
            yield _rule(shape.hidden.name(f"hide-{name}"), f"dot.{name}#{shape.secret}", access="hidden") | until
    yield _rule("people-ssn", "dot.people#ssn", access="hash")
    yield _rule("permits-north", "dot.permits", "agency:ops", effect="permit", filter="region = 'north'")
    yield _rule("logs-debug", "dot.logs", "group:north", effect="prohibit", filter="level = 'debug'")
    yield _rule("air", "met.air", "agency:ops", effect="prohibit")
    for i in shape.hidden.some(2, 5):
        yield from _rules_about_others(shape.hidden, f"{shape.hidden.name('rule')}{i}")


def _rules_about_others(hidden: Hidden, key: str) -> Iterator[Table]:
    reason = hidden.text()
    name = hidden.draw.choice(["pilot", "fuel", "delay"])
    access = hidden.draw.choice(["hidden", "null", "clear"])
    yield _rule(f"{key}f", f"dot.flights#{name}", "agency:met", access=access) | {"reason": reason}
    target = hidden.draw.choice(["dot.flights", "dot.permits", "dot.cases", "dot.*"])
    yield _rule(f"{key}d", target, "client:met/station", effect=hidden.draw.choice(["permit", "prohibit"]))


def _rule(key: str, target: str, party: str = "everyone", **effect: Any) -> Table:
    reason = f"For the reason of {key}"
    return {
        "key": key,
        "target": target,
        "party": party,
        "reason": reason,
        "legal_basis": ACT,
        "valid_to": END,
        **effect,
    }


def _agreements(shape: Shape) -> Iterator[Table]:
    rounded, cut = {"kind": "round", "to": 100}, {"kind": "partial", "head": 1, "tail": 0}
    granted = {"id": "clear", "label": "clear", "amount": rounded, "name": cut}
    filter_ = f"grade = {literal(shape.taken['grade'])}"
    yield _agreement("ops-cases", "dot.cases", "ops", fields=granted, filter=filter_)
    yield _agreement("ops-permits", "dot.permits", "ops", fields=_CLEAR, filter="region = 'north'")
    for i in shape.hidden.some(2, 4):
        purpose = shape.hidden.text()
        fields = {"id": "clear", "grade": "clear"}
        yield _agreement(f"{shape.hidden.name('deal')}{i}", "dot.cases", "met", fields=fields, purpose=purpose)


def _agreement(key: str, dataset: str, agency: str, **more: Any) -> Table:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    fixed = {"purpose": "Statistics", "legal_basis": ACT, "valid_from": began, "valid_to": END}
    return {"key": key, "dataset": dataset, "agency": agency, **fixed, **more}
