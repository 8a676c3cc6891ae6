"""The other ways in: the portal's pages as members see them, and changes that somebody with a role tries to make."""

from tests.quiet.corpus import FIELDS, hidden_names
from tests.quiet.tape import Tape

_NOBODY = "00000000-0000-4000-8000-000000000000"
_PAGES = ("/", "/runs", "/tokens", "/people", "/agencies", "/profile")
_FORMS = ("/agencies/dot/switch", "/agencies/none/switch", "/profile", f"/tokens/{_NOBODY}/revoke")
_MEMBERSHIPS = range(3, 13)
"""The numbers of other agencies' memberships, and of none."""


def visit(tape: Tape) -> None:
    """Every page, and every form that a member may send without changing anything."""
    for page in _PAGES:
        tape.get(page)
    tape.get("/", Accept_Language="zh-hans")
    for key in FIELDS:
        tape.get(f"/datasets/{key}", Accept="text/html")
    for word in ("pilot", *hidden_names("vault")):
        tape.get("/", {"q": word}, HX_Request="true")
        tape.get("/", {"theme": word})
    for kind in ("conditional", "closed"):
        tape.get("/", {"class": kind, "agency": "dot"})
    for path in _FORMS:
        tape.ask("post", path, {"agency": "dot"})
    for number in _MEMBERSHIPS:
        tape.ask("post", f"/people/{number}/remove")
    tape.get("/people", {"agency": "dot"})
    for path in ("datasets", "events", "datasets/dot.flights", "datasets/dot.flights/rows", "agreements", "rules"):
        tape.get(path)


def visit_hidden(tape: Tape) -> None:
    """Pages of what is hidden in this hub, in the other one, or in neither."""
    for agency in ("dot", "met"):
        for name in (*hidden_names("vault"), *hidden_names("draft")):
            tape.get(f"/datasets/{agency}.{name}", Accept="text/html")
    for name in (*hidden_names("flights"), "ops-own"):
        tape.get("/runs", {"stream": name})
    tape.get(f"/runs/{_NOBODY}", Accept="text/html")


def try_changes(tape: Tape) -> None:
    """Write about hidden things as a publisher of another agency; nothing of it may be done."""
    vaults = [f"{agency}.{name}" for agency in ("dot", "met") for name in hidden_names("vault")]
    flights = {"party": "everyone", "effect": "prohibit", "reason": "x", "key": "ours"}
    for target in (*vaults, "dot.*", "*", "dot.flights", *(f"dot.flights#{n}" for n in hidden_names("codename"))):
        tape.ask("post", "rules", {**flights, "target": target})
    for key in vaults:
        tape.ask("post", "datasets", {"key": key, "title": "x"})
        tape.ask("patch", f"datasets/{key}", {"fields": [{"name": "x", "type": "string"}]})
        tape.ask("post", f"datasets/{key}/approve")
        tape.ask("post", "streams", {**_STREAM, "dataset": key})
        tape.ask("post", "agreements", {**_AGREEMENT, "dataset": key})
        tape.get(f"datasets/{key}/access", {"as": "agency:ops"})
    for name in hidden_names("files0"):
        tape.ask("post", "streams", {**_STREAM, "source": name})
        for act in ("test", "discover"):
            tape.ask("post", f"sources/{name}/{act}")
        tape.ask("patch", f"sources/{name}", {"retire": True})
    for name in hidden_names("app1"):
        tape.ask("post", "tokens", {"client": f"dot/{name}"})
        tape.ask("post", "clients", {"agency": "dot", "name": name})
    for name in hidden_names("rule1f"):
        tape.ask("post", f"rules/{name}/approve")
        tape.ask("patch", f"rules/{name}", {"reason": "x"})
        tape.ask("post", f"agreements/{name}/end")
    for path in ("runs", "tokens", "clients"):
        tape.get(path)
        tape.get(f"{path}/{_NOBODY}")
        tape.get(path, {"agency": "dot"} if path != "runs" else {"dataset": "dot.flights"})


_STREAM = {"key": "ours", "source": "ops-files", "dataset": "ops.own", "select": {"path": "x.csv"}}
_AGREEMENT = {
    "key": "ours",
    "agency": "ops",
    "fields": {"id": "clear"},
    "purpose": "x",
    "legal_basis": [],
    "valid_to": "2030-01-01T00:00:00Z",
}
