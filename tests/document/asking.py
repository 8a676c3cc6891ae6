"""One party's way through the document: all that it may ask, made up and followed on, each answer checked."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from connectors.runs import dispatch
from tests.api.conftest import document
from tests.document.world import KEYS
from tests.proofs.generated import IS_LONG

PARTIES = ("administrator", "reader", "stranger")
EXAMPLES = 60 if IS_LONG else 1
_EDGED = 18
"""Of so many paths each party tries the edges of one, where time is short: a path has up to five hundred."""
SEED = 20_260_101
_WORDS = {
    "keys": KEYS,
    "filters": ("id > 3", "\"名字\" LIKE '名%'", "delay BETWEEN 1 AND 9 OR at IS NULL", "ssn = 'x'", "id ="),
    "names": ("id", "id,delay", "delay,名字", "ssn"),
    "sorts": ("-delay,id", "at", "ssn"),
    "aggregates": ("count", "count,sum:delay", "min:at", "distinct:ssn"),
}
_USED = {"filter": "filters", "properties": "names", "groupby": "names", "sortby": "sorts", "agg": "aggregates"}
_SHAPE = frozenset(
    {"null", "max_length", "min_length", "max_value", "min_value", "invalid_choice"}
    | {"not_a_list", "not_a_dict", "empty", "repeated", "unknown-parameter"}
)
"""Codes of faults that a schema can tell; of all others (no such agency, only blanks, a kind's own keys) it cannot."""


@dataclass
class Asked:
    """What came of it; ``faults`` tell the operation, what is wrong, and how to ask so again."""

    faults: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    phases: Counter[str] = field(default_factory=Counter)


def ask_all(server: Callable[..., Any], party: str, token: str) -> Asked:
    """Ask whatever the document of a WSGI ``server`` offers to the bearer of ``token``, or without one to nobody."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server, config=_config(party, token))
    asked = Asked()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                dispatch.tick()
                _note(asked, event)
            case events.NonFatalError():
                asked.faults.append(f"{event.label}: {event.value!r}")
            case events.FatalError():
                raise event.exception
    return asked


def _note(asked: Asked, event: events.ScenarioFinished) -> None:
    for case_id, interaction in event.recorder.interactions.items():
        asked.operations.add(event.recorder.cases[case_id].value.operation.label)
        asked.phases[event.phase.value] += 1
        if interaction.response is not None:
            asked.statuses[interaction.response.status_code] += 1
    for case_id, checks in event.recorder.checks.items():
        sent = event.recorder.interactions.get(case_id)
        asked.faults += _faults(checks, sent and sent.response)


def _faults(checks: list[Any], response: Any) -> Iterator[str]:
    for check in checks:
        if check.failure_info is None or (check.name == "positive_data_acceptance" and _is_about_meaning(response)):
            continue
        failure = check.failure_info.failure
        said = "" if response is None else f"{response.status_code} {response.content[:500]!r}"
        yield f"{failure.operation}: {failure}\n{check.failure_info.code_sample[:1000]}\n{said}"


def _is_about_meaning(response: Any) -> bool:
    """Whether what fits the schema is refused for what no schema says."""
    problem = json.loads(response.content)
    return response.status_code == 400 and not _SHAPE & {error["code"] for error in problem.get("errors", ())}


def _config(party: str, token: str) -> SchemathesisConfig:
    bound = {f"query.{name}": {"dictionary": words, "probability": 0.6} for name, words in _USED.items()}
    paths = list(document()["paths"])
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "dictionaries": {name: {"values": list(values)} for name, values in _WORDS.items()},
            # Plain answers: what asks in process unpacks none.
            "headers": {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            "generation": {"max-examples": EXAMPLES, "no-shrink": True, "database": "none"},
            "phases": {"stateful": {"max-steps": 6, "generation": {"max-examples": 4 * EXAMPLES}}},
            "parameters": bound,
            "operations": [_told(path, party, number) for number, path in enumerate(paths)],
        }
    )


def _told(path: str, party: str, number: int) -> dict[str, Any]:
    """What is particular to a path; in the suite a few have their edges tried, by one party each."""
    is_edged = IS_LONG or number % _EDGED == PARTIES.index(party)
    told: dict[str, Any] = {"include-path": path, "phases": {"coverage": {"enabled": is_edged}}}
    if path.startswith("/api/v1/datasets/"):
        told["parameters"] = {"path.key": {"dictionary": "keys", "probability": 0.8}}
    return told
