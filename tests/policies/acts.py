"""What the tests of commands have done to one dataset: rules drafted on it, and an agreement made."""

from datetime import UTC, datetime
from typing import Any

from hub.accounts.caller import HUB, Caller
from hub.catalog.models import Dataset
from policies.commands import (
    draft_rule,
    make_agreement,
)
from policies.models import Agreement, Rule
from policies.queries import rules_about
from tests.cast import agency

BASIS = [{"title": "Data Security Law", "article": "21", "url": ""}]
END = datetime(2127, 6, 30, tzinfo=UTC)
FIELDS = [
    {"name": "id", "type": "integer", "sensitivity": "public"},
    {"name": "tail", "type": "string", "sensitivity": "public"},
    {"name": "ok", "type": "boolean", "sensitivity": "public"},
]


def draft(actor: Caller = HUB, **values: Any) -> Rule:
    said = {"key": "r1", "target": "dot.flights", "party": "everyone", "effect": "permit", "reason": "Because"}
    return draft_rule(**{"actor": actor, **said, **values})


def hashing(actor: Caller = HUB, **values: Any) -> Rule:
    return draft(actor, **{"target": "dot.flights#tail", "effect": "", "access": "hash", **values})


def agree(actor: Caller = HUB, **values: Any) -> Agreement:
    said: dict[str, Any] = {"key": "a1", "dataset": Dataset.objects.get(), "agency": agency("ops"), "valid_to": END}
    said |= {"fields": {"tail": "clear"}, "purpose": "Fleet statistics", "legal_basis": BASIS}
    return make_agreement(**{"actor": actor, **said, **values})


def in_force(dataset: Dataset) -> list[str]:
    return list(rules_about(dataset).values_list("key", flat=True))
