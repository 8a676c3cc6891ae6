"""Being told of changes: subscriptions to what is seen, hidden, or not there at all, and their notices."""

from hub.subscriptions.models import EVENTS
from hub.subscriptions.watching import watch
from tests.quiet.corpus import FIELDS, hidden_names
from tests.quiet.tape import Tape

_TARGETS = ("*", "dot.*", "met.*", "none.*", *FIELDS)
_WHERE = {"url": "https://receiver.example/hook"}
_NO_NOTICE = "00000000-0000-4000-8000-000000000000"
_ACTS = ("test", "pause", "resume", "rotate", "replay", "none")

Made = list[str]


def subscribe(tape: Tape) -> Made:
    """Subscribe to everything there is and is not; the ids of what was made."""
    hidden = [f"{agency}.{name}" for agency in ("dot", "met") for name in hidden_names("vault")]
    replies = [
        tape.ask("post", "subscriptions", {"target": target, **_WHERE})
        for target in (*_TARGETS, *hidden, *(f"dot.{name}" for name in hidden_names("draft")))
    ]
    tape.ask("post", "subscriptions", {"target": "*", "mail": [f"{hidden_names('0')[0]}@dot.example"]})
    return [reply.json["id"] for reply in replies if reply.status == 201]


def look(tape: Tape, made: Made) -> None:
    """What was told since, notice by notice; and every act on a subscription."""
    watch()
    tape.get("subscriptions")
    for id in made:
        tape.get(f"subscriptions/{id}")
        for key in (*FIELDS, *(f"dot.{name}" for name in hidden_names("vault"))):
            tape.get(f"subscriptions/{id}/deliveries", {"dataset": key})
        tape.ask("post", f"subscriptions/{id}/replay?since=2020-01-01T00:00:00Z")
        tape.ask("post", f"subscriptions/{id}/deliveries/{_NO_NOTICE}/replay")
        tape.ask("post", f"subscriptions/{id}/rotate")
        tape.ask("post", f"subscriptions/{id}/test")
        for name in hidden_names("vault"):
            tape.ask("patch", f"subscriptions/{id}", {"target": f"dot.{name}"})


def visit(tape: Tape, made: Made) -> None:
    """The pages of the same, with the forms; the subscriptions of others are asked for too."""
    tape.get("/subscriptions")
    for target in ("dot.flights", *(f"dot.{name}" for name in hidden_names("vault"))):
        tape.ask("post", "/subscriptions", {"target": target, "events": list(EVENTS), **_WHERE})
    tape.get("/subscriptions")
    for id in made[:2]:
        tape.get(f"/subscriptions/{id}", Accept="text/html")
        for act in _ACTS:
            tape.ask("post", f"/subscriptions/{id}/{act}", {"delivery": _NO_NOTICE})
