"""The other ways in: the portal's pages as members see them, and changes that somebody with a role tries to make."""

from collections.abc import Mapping, Sequence

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.quiet.corpus import FIELDS, hidden_names
from tests.quiet.hidden import MARKS
from tests.quiet.tape import Tape

_PAGES = ("/", "/runs", "/exports", "/tokens", "/people", "/agencies", "/profile")
_FORMS = ("/agencies/dot/switch", "/agencies/none/switch", "/profile", "/people", "/agencies", "/tokens")


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
    for name in hidden_names("0"):
        tape.ask("post", f"/people/{name}@dot.example/remove", {"agency": "dot"})
    tape.get("/people", {"agency": "dot"})
    for path in ("datasets", "events", "datasets/dot.flights", "datasets/dot.flights/rows", "agreements", "rules"):
        tape.get(path)


def take_along(tape: Tape) -> None:
    """What describes a dataset to programs, and the form that asks for an export, also about what is hidden."""
    secrets = hidden_names("codename")
    for key in (*FIELDS, *(f"dot.{name}" for name in hidden_names("vault"))):
        for document in ("openapi.json", "datapackage.json"):
            tape.get(f"datasets/{key}/{document}")
            tape.get(f"datasets/{key}/{document}", Hub_Agreement="ops-cases")
        tape.get("exports", {"dataset": key})
        for name in ("none", *secrets):
            tape.ask("post", f"/datasets/{key}/export", {"format": "csv", "properties": name})
            tape.ask("post", f"/datasets/{key}/export", {"format": "csv", "filter": f'"{name}" IS NULL'})
    tape.get("exports")
    tape.get("/exports", HX_Request="true")


def visit_hidden(tape: Tape) -> None:
    """Pages of what is hidden in this hub, in the other one, or in neither."""
    for agency in ("dot", "met"):
        for name in (*hidden_names("vault"), *hidden_names("draft")):
            tape.get(f"/datasets/{agency}.{name}", Accept="text/html")
    for name in (*hidden_names("flights"), "ops-own"):
        tape.get("/runs", {"stream": name})


def ask_by_id(tape: Tape, ids: Mapping[str, Sequence[str]]) -> None:
    """Things that have no name: hidden ones, one's own, and none; ``ids`` are by the list that they are in."""
    acts = {
        "runs": ("cancel", "release", "drop", "retry"),
        "teams": ("end",),
        "tokens": ("revoke", "rotate"),
        "clients": (),
        "events": (),
    }
    acts["applications"] = ("ask", "supplement", "agree", "refuse", "withdraw")
    for path, of in acts.items():
        for number in ids[path]:
            tape.get(f"{path}/{number}")
            tape.ask("patch", f"{path}/{number}", {"external": True})
            for act in of:
                tape.ask("post", f"{path}/{number}/{act}")
    for number in ids["runs"]:
        tape.get(f"runs/{number}/rejects")
        tape.get(f"runs/{number}/rejects", {"field": "pilot", "rule": "pattern"})
        tape.get(f"runs/{number}/rejects", {"f": "csv"})


def visit_by_id(tape: Tape, ids: Mapping[str, Sequence[str]]) -> None:
    """The pages of the same things."""
    for number in ids["runs"]:
        tape.get(f"/runs/{number}", Accept="text/html")
        for act in ("release", "drop", "retry", "none"):
            tape.ask("post", f"/runs/{number}/{act}")
    for number in ids["tokens"]:
        tape.ask("post", f"/tokens/{number}/revoke")


def pass_by(tape: Tape) -> None:
    """What somebody can try who has not signed in."""
    for name in hidden_names("0"):
        tape.ask("post", "/sign-in", {"username": f"{name}@dot.example", "password": "wrong horse battery"})
        tape.ask("post", "/password", {"email": f"{name}@dot.example"})
        tape.get(f"/invitations/{name}", Accept="text/html")
    tape.get("/datasets/dot.flights")
    tape.get("datasets")
    tape.ask("post", "/i18n/setlang/", {"language": "en"})
    tape.ask("post", "/sign-out")
    for path in ("/healthz", "/readyz", "/metrics", "openapi.json", "docs"):
        tape.get(path)


def ask_parameters(tape: Tape) -> None:
    """Every parameter of every list that takes any word, with a hidden name of its kind."""
    paths = tape.get("openapi.json").json["paths"]
    asked = [
        (path, parameter) for path in sorted(paths) for parameter in paths[path].get("get", {}).get("parameters", ())
    ]
    for path, parameter in asked:
        if "{" not in path and parameter["in"] == "query" and "enum" not in parameter["schema"]:
            name = parameter["name"]
            for mark in (*MARKS, "no"):
                tape.get(path, {name: _NAMES.get(name, "{}rule0f").format(mark)})


def grant(tape: Tape) -> None:
    """Make agreements on one's own data under keys that are hidden, and for programs that are another agency's."""
    ours = {**_AGREEMENT, "dataset": "ops.own", "agency": "met"}
    for key in (*hidden_names("deal1"), "ops-cases", "granted"):
        tape.ask("post", "agreements", {**ours, "key": key})
    for name in hidden_names("app0"):
        tape.ask("post", "agreements", {**ours, "key": "more", "clients": [f"dot/{name}"]})


def invite(tape: Tape) -> None:
    """Make people members of one's own agency who are known elsewhere in this hub, in the other one or in neither."""
    for name in hidden_names("0"):
        tape.ask("post", "/people", {"email": f"{name}@dot.example", "roles": ["requester"]})
        tape.ask("post", f"/people/{name}@dot.example/remove")


def bring_files(tape: Tape) -> None:
    """Files for what is hidden, for others' and for one's own, which a stream fills."""
    for key in ("ops.own", "dot.flights", *(f"dot.{name}" for name in hidden_names("vault"))):
        for address in (f"/api/v1/datasets/{key}/uploads", f"/datasets/{key}/upload"):
            tape.ask("post", address, {"file": SimpleUploadedFile("x.csv", b"id,label\n1,x\n")})


def start_runs(tape: Tape) -> None:
    """Streams that are hidden, of others and of none, asked for on the pages of datasets."""
    for key in ("ops.own", "dot.flights", *(f"dot.{name}" for name in hidden_names("vault"))):
        for stream in (*hidden_names("met-air"), *hidden_names("permits"), "flights", "none"):
            tape.ask("post", f"/datasets/{key}/sync/{stream}")


def review_datasets(tape: Tape) -> None:
    """What is hidden, others' and one's own, on its way to being published."""
    for key in ("ops.own", "dot.flights", *(f"dot.{name}" for name in hidden_names("vault"))):
        for act in ("submit", "approve", "return", "none"):
            tape.ask("post", f"/datasets/{key}/review/{act}", {"note": "So"})


def name_things(tape: Tape) -> None:
    """Give things of one's own the keys of what is hidden: all of it is made."""
    for name in (*hidden_names("rule0d"), *hidden_names("sketch1"), "risky", "ours"):
        tape.ask("post", "rules/rehearse", {**_RULE, "target": "ops.own", "key": name})
        tape.ask("post", "rules", {**_RULE, "target": "ops.own", "key": name})
    for name in (*hidden_names("met-air"), *hidden_names("permits"), "flights"):
        tape.ask("post", "streams", {**_STREAM, "mode": "append", "key": name})
    for name in (*hidden_names("files1"), "more"):
        tape.ask("post", "sources", {**_SOURCE, "key": name})


def try_changes(tape: Tape) -> None:
    """Write about hidden things as a publisher of another agency; nothing of it may be done."""
    vaults = [f"{agency}.{name}" for agency in ("dot", "met") for name in hidden_names("vault")]
    for target in (*vaults, "dot.*", "*", "dot.flights", *(f"dot.flights#{n}" for n in hidden_names("codename"))):
        tape.ask("post", "rules", {**_RULE, "target": target})
        tape.ask("post", "rules/rehearse", {**_RULE, "target": target})
    for key in vaults:
        tape.ask("post", "datasets", {"key": key, "title": "x"})
        tape.ask("patch", f"datasets/{key}", {"fields": [{"name": "x", "type": "string"}]})
        tape.ask("post", f"datasets/{key}/approve")
        tape.ask("post", "streams", {**_STREAM, "dataset": key})
        tape.ask("post", "agreements", {**_AGREEMENT, "dataset": key})
        tape.ask("post", "applications", {**_APPLICATION, "dataset": key})
        tape.get(f"datasets/{key}/access", {"as": "agency:ops"})
        _try_indexes(tape, key)
    _try_indexes(tape, "dot.flights")
    for name in hidden_names("files0"):
        tape.ask("post", "streams", {**_STREAM, "source": name})
        for act in ("test", "discover"):
            tape.ask("post", f"sources/{name}/{act}")
        tape.ask("patch", f"sources/{name}", {"retire": True})
    for name in hidden_names("app0"):
        tape.ask("post", "tokens", {"client": f"dot/{name}"})
        tape.ask("post", "clients", {"agency": "dot", "name": name})
    for name in hidden_names("rule0f"):
        for act in ("approve", "confirm"):
            tape.ask("post", f"rules/{name}/{act}")
            tape.ask("post", f"groups/{name}/{act}")
        tape.get(f"rules/{name}/versions")
        tape.ask("post", "rules/rehearse", {"key": name})
        tape.ask("patch", f"rules/{name}", {"reason": "x"})
        tape.ask("post", f"agreements/{name}/end")
        tape.ask("put", f"groups/{name}", {"agencies": ["ops"]})
    tape.get(f"applications/{_NONE}")
    for act in ("ask", "supplement", "agree", "refuse", "withdraw"):
        tape.ask("post", f"applications/{_NONE}/{act}")
    tape.get("exceptions", {"agency": "dot"})
    for path in ("tokens", "clients", "sources"):
        tape.ask("post", path, {"agency": "dot"})
        tape.get(path, {"agency": "dot"})
    for path in ("agencies", "agencies/dot"):
        tape.ask("post" if path == "agencies" else "patch", path, {"code": "dot", "name": "x"})


def _try_indexes(tape: Tape, key: str) -> None:
    """Ask what indexes there are, and for one on what is hidden."""
    tape.get(f"datasets/{key}/indexes")
    for name in hidden_names("codename"):
        tape.ask("post", f"datasets/{key}/indexes", {"fields": [name]})
    tape.get(f"datasets/{key}/indexes/{_NONE}")
    tape.ask("delete", f"datasets/{key}/indexes/{_NONE}")


_NAMES = {
    "dataset": "dot.{}vault",
    "client": "dot/{}app0",
    "source": "{}files0",
    "stream": "{}flights",
    "actor": "{}0@dot.example",
    "q": "{}codename",
}
"""By parameter, what it names; for all others a rule will do."""
_NONE = "00000000-0000-4000-8000-000000000000"
_STREAM = {"key": "ours", "source": "ops-files", "dataset": "ops.own", "select": {"path": "x.csv"}}
_RULE = {"party": "everyone", "effect": "prohibit", "reason": "x", "key": "ours"}
_SOURCE = {"agency": "ops", "kind": "file", "config": {"url": "file://${env:WORLD_DIR}/"}}
_AGREEMENT = {
    "key": "ours",
    "agency": "ops",
    "fields": {"id": "clear"},
    "purpose": "x",
    "legal_basis": [],
    "valid_to": "2030-01-01T00:00:00Z",
}
_APPLICATION = {name: value for name, value in _AGREEMENT.items() if name not in ("key", "agency")}
