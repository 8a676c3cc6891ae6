"""Small worlds from a seeded random source, so narrow that rules conflict and tie all the time."""

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hub.accounts.caller import Caller
from policies.facts import (
    NO_SUCH_GRANT,
    DatasetFacts,
    FieldFacts,
    GrantFacts,
    Mode,
    Party,
    RuleFacts,
    Target,
)
from tests.proofs import values
from tests.proofs.world import World

AT = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAYS = (-9, -2, -1, 0, 1, 2, 9)
"""From the moment of asking; all that begins or ends does so on one of them."""

MODES: tuple[Mode, ...] = ("rows", "aggregate", "export", "changes")
KEYS = ("aa.d1", "aa.d2", "cc.d3")
GROUPS = ("near", "far")
CLIENTS = ("aa/own", "aa/web", "bb/app", "bb/job", "cc/app")
SCOPES = ("read", "read:*", "read:aa.*", "read:aa.d1", "read:cc.*", "read:aa.d", "read:aa", "write", "write:aa.*")
IS_LONG = os.environ.get("HUB_PROOF") == "long"


@dataclass(frozen=True)
class Hub:
    """Datasets, the rules and agreements on them, and rows that each of them could hold."""

    at: dt.datetime
    datasets: tuple[DatasetFacts, ...]
    rules: tuple[RuleFacts, ...]
    agreements: tuple[GrantFacts, ...]


def how_many(count: int) -> int:
    return count * (20 if IS_LONG else 1)


def worlds(seed: int, count: int) -> Iterator[World]:
    """``count`` worlds, twenty times as many in a long proof."""
    random = Random(seed)
    for _ in range(how_many(count)):
        yield world(random, hub(random, AT))


def hub(random: Random, at: dt.datetime) -> Hub:
    datasets = tuple(_dataset(random, key) for key in KEYS)
    return Hub(
        at=at,
        datasets=datasets,
        rules=tuple(_rule(random, f"r{n:02}", datasets, at) for n in range(random.randrange(11))),
        agreements=tuple(_grant(random, f"g{n}", datasets, at) for n in range(random.choice((0, 1, 2, 3)))),
    )


def world(random: Random, hub: Hub) -> World:
    """One question to the hub, with its rows."""
    asker = caller(random)
    dataset = random.choice((hub.datasets[0],) * 4 + hub.datasets)
    fitting = [grant for grant in hub.agreements if (grant.agency, grant.dataset) == (asker.agency, dataset.key)]
    named = random.choice((None,) * 5 + tuple(fitting) * 3 + hub.agreements + (NO_SUCH_GRANT,) * (not fitting))
    return World(
        caller=asker,
        dataset=dataset,
        rules=hub.rules,
        grant=named,
        agreements=hub.agreements,
        mode=random.choice(("rows", *MODES)),
        at=hub.at,
        manages=manages(asker, dataset),
        rows=tuple(values.row(random, number) for number in range(5)),
    )


def caller(random: Random) -> Caller:
    """Mostly a client that owns nothing."""
    client = random.choice(("bb/app",) * 6 + ("bb/job", "bb/", "cc/app", "aa/own", "aa/web"))
    agency, _, name = client.partition("/")
    roles = {role for role in ("authority", "publisher", "auditor") if random.random() < 0.06}
    return Caller(
        agency=agency,
        client=client if name else "",
        email="" if name else f"member@{agency}.example",
        groups=frozenset(key for key in GROUPS if random.random() < 0.6),
        roles=frozenset(roles),
        is_external=client == "aa/web",
        scopes=frozenset(random.sample(SCOPES, random.randrange(1, 3))) if random.random() < 0.15 else frozenset(),
    )


def manages(caller: Caller, dataset: DatasetFacts) -> bool:
    is_owner = caller.agency == dataset.agency
    return caller.has_role("authority") or (is_owner and caller.has_role("publisher"))


def rule(random: Random, dataset: DatasetFacts, at: dt.datetime, **given: Any) -> RuleFacts:
    """One more rule about this dataset."""
    return replace(_rule(random, f"x{random.random()}", (dataset,), at), **given)


def _dataset(random: Random, key: str) -> DatasetFacts:
    names = ("id", *random.sample(tuple(values.TYPES)[1:], random.randrange(1, 5)))
    return DatasetFacts(
        key=key,
        agency=key.partition(".")[0],
        sharing_class=random.choice(("unconditional",) * 8 + ("conditional",) * 6 + ("closed", "later")),
        status=random.choice(("published",) * 18 + ("retired", "draft", "submitted")),
        is_secret=random.random() < 0.15,
        fields=tuple(_field(random, name) for name in names),
        reason=f"{key} is as it is",
    )


def _field(random: Random, name: str) -> FieldFacts:
    sensitivity = random.choice(("public", "public", "internal", "personal", "sensitive", "unclassified", "later"))
    return FieldFacts(name, values.TYPES[name], sensitivity, random.random() < 0.3, random.choice(("", "", "person")))


def _rule(random: Random, key: str, datasets: tuple[DatasetFacts, ...], at: dt.datetime) -> RuleFacts:
    dataset = random.choice((datasets[0],) * 5 + datasets)
    kind = random.choice(("field",) * 6 + ("dataset",) * 6 + ("agency", "agency", "catalogue", "catalogue"))
    begins, ends = _times(random, at)
    common = RuleFacts(
        key=key,
        target=Target(),
        party=_party(random),
        is_firm=random.random() < 0.1,
        reason=random.choice(("", f"because of {key}")),
        valid_from=begins,
        valid_to=ends,
    )
    if kind == "field":
        field = random.choice(dataset.fields)
        shown = None if random.random() < 0.04 else values.access(random, field.type)
        return replace(common, target=Target(dataset.agency, dataset.key, field.name), access=shown)
    target = {"dataset": Target(dataset.agency, dataset.key), "agency": Target(dataset.agency)}.get(kind, Target())
    names = [field.name for field in dataset.fields]
    effect = random.choice(("permit",) * 5 + ("prohibit",) * 2)
    is_filtered = kind == "dataset" and random.random() < (0.9 if common.is_firm else 0.55)
    return replace(
        common,
        target=target,
        effect=None if random.random() < 0.02 else effect,
        filter=values.filter_text(random, names) if is_filtered else None,
        modes=_modes(random),
    )


def _grant(random: Random, key: str, datasets: tuple[DatasetFacts, ...], at: dt.datetime) -> GrantFacts:
    dataset = random.choice((datasets[0],) * 5 + datasets)
    begins, ends = _times(random, at)
    fields = [field for field in dataset.fields if random.random() < 0.7]
    names = [field.name for field in dataset.fields]
    return GrantFacts(
        key=key,
        agency=random.choice(("bb",) * 5 + ("cc", "aa")),
        dataset=dataset.key,
        fields={field.name: values.access(random, field.type) for field in fields},
        clients=frozenset(random.sample(("bb/app", "bb/job"), 1)) if random.random() < 0.25 else frozenset(),
        filter=values.filter_text(random, names) if random.random() < 0.4 else None,
        modes=_modes(random),
        reason=f"for {key}",
        valid_from=begins,
        valid_to=ends,
    )


def _party(random: Random) -> Party:
    kind = random.choice(("everyone", "everyone", "group", "group", "agency", "agency", "client", "client"))
    names = {
        "everyone": ("",),
        "group": GROUPS,
        "agency": ("bb", "bb", "bb", "cc"),
        "client": ("bb/app", "bb/app", "bb/job", "aa/web"),
    }
    return Party(kind, random.choice(names[kind]))  # type: ignore[arg-type]


def _modes(random: Random) -> frozenset[str]:
    return frozenset(random.sample(MODES, random.randrange(1, 3))) if random.random() < 0.25 else frozenset()


def _times(random: Random, at: dt.datetime) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Mostly open at both ends; what ends begins before."""
    first, last = sorted(random.sample(DAYS, 2))
    begins = at + dt.timedelta(days=first) if random.random() < 0.25 else None
    ends = at + dt.timedelta(days=last) if random.random() < 0.4 else None
    return begins, ends
