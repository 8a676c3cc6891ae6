"""A decision under fifty rules that all match: without times, with times of their own, with times that matter not."""

import hashlib
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hub.accounts.caller import Caller
from policies.access import KINDS, Access
from policies.facts import DatasetFacts, FieldFacts, Party, RuleFacts, Target
from policies.pdp import decide

LIMIT_MS = 0.3
ROUNDS = 1_000
RULES = 50
AT = datetime(2026, 6, 1, tzinfo=UTC)
WHOLE = Target("dot", "dot.flights")
CALLER = Caller("ops", client="ops/app", groups=frozenset(f"g{n}" for n in range(10)))
PARTIES = (Party(), Party("group", "g1"), Party("agency", "ops"), Party("client", "ops/app"))
FORMS = tuple(Access(kind) for kind in KINDS if kind not in ("round", "partial", "hidden"))
DATASET = DatasetFacts(
    "dot.flights",
    "dot",
    fields=tuple(FieldFacts(f"f{n}", ("string", "integer", "decimal", "date")[n % 4], "public") for n in range(18)),  # type: ignore[arg-type]
)
Times = Callable[[int], dict[str, datetime]]


def mixed(times: Times) -> tuple[RuleFacts, ...]:
    """Permits and prohibits with filters of their own, and accesses of every party to all fields."""
    return tuple(_mixed(number, times(number)) for number in range(RULES))


def outranked(times: Times) -> tuple[RuleFacts, ...]:
    """Rules that come and go all the time, while others say what holds."""
    lasting = [_access(number, "agency", "ops", {}) for number in range(18)]
    return (*lasting, *(_access(number, "group", f"g{number % 10}", times(number)) for number in range(RULES - 18)))


def never(number: int) -> dict[str, datetime]:
    return {}


def of_its_own(number: int) -> dict[str, datetime]:
    return {"valid_from": AT + timedelta(days=number - 25), "valid_to": AT + timedelta(days=number + 40)}


def bench() -> None:
    reference = _median(lambda: [hashlib.sha256(b"a rule").digest() for _ in range(RULES)])
    for name, rules in (
        ("without times", mixed(never)),
        ("each with times of its own", mixed(of_its_own)),
        ("whose times change nothing", outranked(of_its_own)),
    ):
        took = _median(lambda rules=rules: decide(CALLER, DATASET, rules, None, "rows", AT))  # type: ignore[misc]
        print(f"a decision, {RULES} rules {name:<28}{took:8.3f} ms  (limit {LIMIT_MS} ms; median of {ROUNDS})")
    print(f"{RULES} SHA-256, for the machine's measure {reference:17.3f} ms")


def _mixed(number: int, times: dict[str, datetime]) -> RuleFacts:
    party, key = PARTIES[number % 4], f"r{number}"
    if number % 5 == 0:
        text = f"f1 > {number} AND f0 IN ('A', 'B{number}')"
        return RuleFacts(key, WHOLE, PARTIES[2], "permit", filter=text, reason="x", **times)  # type: ignore[arg-type]
    if number % 5 == 1:
        return RuleFacts(key, WHOLE, party, "prohibit", filter=f"f0 = 'x{number}'", reason="x", **times)  # type: ignore[arg-type]
    return _access(number, party.kind, party.name, times)


def _access(number: int, kind: str, name: str, times: dict[str, datetime]) -> RuleFacts:
    target, party = Target("dot", "dot.flights", f"f{number % 18}"), Party(kind, name)  # type: ignore[arg-type]
    form = FORMS[number % len(FORMS)]
    return RuleFacts(f"r{number}", target, party, access=form, reason="x", **times)  # type: ignore[arg-type]


def _median(act: Callable[[], object]) -> float:
    """Milliseconds, warm."""
    for _ in range(ROUNDS // 10):
        act()
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000
