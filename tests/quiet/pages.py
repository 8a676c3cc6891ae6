"""The portal's pages of rules, applications, agreements, reasons and sources: read, and their forms sent.

They name what is the caller's, what is hidden from it in this hub or in the other one, and what is in neither.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import product

from tests.quiet.corpus import FIELDS, WITHHELD, hidden_names
from tests.quiet.tape import Tape

_LISTS = ("applications", "agreements", "rules", "new-rule", "exceptions", "sources", "new-source/file")
_CHOSEN = ("exceptions?agency=dot", "exceptions?overdue=1", "rules?status=draft", "new-rule?target=dot.flights")
_ANSWERS = ("ask", "supplement", "agree", "refuse", "withdraw", "none")
_UNSEEN = [
    *(f"{agency}.{name}" for agency in ("dot", "met") for name in hidden_names("vault")),
    *(f"dot.{name}" for name in hidden_names("draft")),
]
_RULES = ("own-label", "risky", *hidden_names("rule0f"), *hidden_names("sketch0"))
_TAKEN = ("own-label", "risky", *hidden_names("rule1f"), *hidden_names("sketch2"))
_DEALS = ("ops-cases", *hidden_names("deal0"))
_SOURCES = ("ops-files", *(f"{owner}{name}" for owner in ("", "dot::") for name in hidden_names("files0")))
_OFFER = {"name": "x", "select": {"path": "x.csv"}, "columns": [{"name": "id", "type": "integer"}], "primary_key": []}
_DRAFT = {"offer": json.dumps(_OFFER), "is_filled": "1", "0-key": "ops.drawn", "0-title": "x", "0-stream": "drawn"}
_PARTIES = ("agency:met", "client:met/station", "client:met/none")
_BASIS = {"basis_title": "Statistics Act", "basis_article": "7", "basis_url": "", "basis_kind": "law"}
_RULE = {"party": "everyone", "effect": "prohibit", "reason": "x", **_BASIS}
_TERMS = {"access-id": "clear", "purpose": "Statistics", "valid_to": "2030-01-01T00:00:00", **_BASIS}


def look(tape: Tape, ids: Mapping[str, Sequence[str]]) -> None:
    """Every page of what is there and of what is hidden, without a change to anything; ``ids`` are by list."""
    for path in (*_LISTS, *_CHOSEN):
        tape.get(f"/{path}")
    for key in (*FIELDS, *_UNSEEN):
        tape.get("/applications/new", {"dataset": key})
        for asked in ({}, {"agreement": "ops-cases"}, {"as": "agency:ops"}):
            tape.get(f"/datasets/{key}/access", asked)
    for key, deal in product(("dot.cases", "dot.permits", "ops.own"), _DEALS):
        tape.get(f"/datasets/{key}/access", {"agreement": deal})
    for party in _PARTIES:
        tape.get("/datasets/ops.own/access", {"as": party})
    for key in _RULES:
        tape.get(f"/rules/{key}", Accept="text/html")
        tape.get(f"/rules/{key}/edit")
    for key in _SOURCES:
        tape.get(f"/sources/{key}", Accept="text/html")
        tape.get(f"/sources/{key}/edit")
    for number in ids["applications"]:
        tape.get(f"/applications/{number}", Accept="text/html")


def act(tape: Tape, ids: Mapping[str, Sequence[str]]) -> None:
    """Every form, about one's own and about what is hidden; whatever the person may do is done."""
    _restrict(tape)
    _connect(tape)
    _ask(tape)
    for number in ids["applications"]:
        said = {**_TERMS, "question": "Why?", "note": "So.", "answer": "No."}
        for key in hidden_names("deal1"):
            tape.ask("post", f"/applications/{number}/agree", {**said, "key": key})
        for answer in _ANSWERS:
            tape.ask("post", f"/applications/{number}/{answer}", said)
    for key in (*_DEALS, *hidden_names("deal1")):
        tape.ask("post", f"/agreements/{key}/end")


def _restrict(tape: Tape) -> None:
    """Rules: drafted, changed, rehearsed, approved, confirmed and ended."""
    secrets = [f"dot.flights#{name}" for name in hidden_names("codename")]
    for target in ("ops.own", "ops.own#label", "ops.*", "*", "dot.flights", "dot.*", *secrets, *_UNSEEN):
        tape.ask("post", "/new-rule", {**_RULE, "key": "drafted", "target": target})
    for party in _PARTIES:
        tape.ask("post", "/new-rule", {**_RULE, "key": "theirs", "target": "ops.own", "party": party})
    for key in _TAKEN:
        tape.ask("post", "/new-rule", {**_RULE, "key": key, "target": "ops.own"})
    for key in ("drafted", "theirs", *_RULES):
        tape.ask("post", f"/rules/{key}/edit", {**_RULE, "target": "ops.own", "filter": "label = 'row 001'"})
        tape.ask("post", f"/rules/{key}/rehearsal", {"days": "30"})
        tape.ask("post", f"/rules/{key}/rehearsal", {"end": "1"})
        for step in ("approve", "confirm", "none", "retire"):
            tape.ask("post", f"/rules/{key}/{step}")


def _connect(tape: Tape) -> None:
    """Sources: connected, tried, changed and drafted from. What a folder of one's own holds is told to its owner."""
    for key in ("ops-files", "drawn", *hidden_names("files1")):
        tape.ask("post", "/new-source/file", {"key": key, "config.url": "file:///nowhere/"})
    for key in _SOURCES:
        tape.ask("post", f"/sources/{key}/test")
        if key != "ops-files":
            tape.ask("post", f"/sources/{key}/discover")
            tape.ask("post", f"/sources/{key}/edit", {"config.url": "file:///nowhere/"})
        tape.ask("post", f"/sources/{key}/bring", {"offer": _DRAFT["offer"]})
        for stream in ("drawn", *hidden_names("met-air")):
            tape.ask("post", f"/sources/{key}/bring", {**_DRAFT, "0-stream": stream, "0-mode": "append"})


def _ask(tape: Tape) -> None:
    """Applications for datasets and fields that there are, are withheld or are secret."""
    for key in (*FIELDS, *_UNSEEN):
        tape.ask("post", f"/applications/new?dataset={key}", _TERMS)
    for name in (*WITHHELD, *hidden_names("codename")):
        for key in ("dot.flights", "dot.cases"):
            tape.ask("post", f"/applications/new?dataset={key}", {**_TERMS, f"access-{name}": "clear"})
            by_name = {**_TERMS, "filter": f'"{name}" IS NULL', "clients": f"ops/{name}"}
            tape.ask("post", f"/applications/new?dataset={key}", by_name)
