"""What the database answers is what the policy's text gives: rows and cells through the door, and the catalogue."""

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.queries import current_epoch
from hub.errors import Forbidden, NotFound
from hub.predicates import FIELD_TYPES, FieldType
from hub.query import door
from hub.query.catalogue import readable_datasets, visible_datasets, visible_wordings, with_access
from hub.query.params import RowsQuery
from policies.access import KINDS, Access
from policies.explain import availability
from policies.facts import NO_SUCH_GRANT, DatasetFacts, FieldFacts, RuleFacts, Target
from tests.proofs.cells import shown
from tests.proofs.generated import MODES, Hub, caller, how_many, hub, manages, world
from tests.proofs.naive import answer
from tests.proofs.stored import build, put, storable
from tests.proofs.test_decisions import decided
from tests.proofs.values import TYPES, access
from tests.proofs.world import Row, World

ALL = RowsQuery(numbers_as_strings=True)


@pytest.fixture
def rows(db: None) -> tuple[Row, ...]:
    """Those in the table of each dataset."""
    return build(24)


@pytest.mark.parametrize("seed", range(200, 202))
def test_readers_get_exactly_the_rows_and_cells_of_the_policy(rows: tuple[Row, ...], seed: int) -> None:
    for asked in _asked(seed, rows, 60):
        code, page = _read(asked)

        found = answer(asked)

        assert code == found.code, asked
        seen = [row for row, is_visible in zip(rows, found.visible, strict=True) if is_visible]
        expected = [shown(row, asked.dataset, dict(found.accesses), asked.caller.agency) for row in seen]
        assert sorted(page) == sorted(map(_text, expected)), asked


def test_every_access_shows_every_type_as_the_policy_says(rows: tuple[Row, ...]) -> None:
    random = Random(205)
    reached: set[tuple[str, str]] = set()
    fields = tuple(FieldFacts(name, type_, "public") for name, type_ in TYPES.items())
    dataset = DatasetFacts("aa.d1", "aa", fields=fields)
    for _ in range(how_many(60)):
        forms = {field.name: _fitting(random, field.type) for field in fields}
        rules = tuple(RuleFacts(n, Target("aa", "aa.d1", n), access=form, reason=n) for n, form in forms.items())
        put(Hub(now(), (dataset,), rules, ()))
        asked = World(Caller("bb", "bb/app", epoch=1), dataset, rules, None, (), "rows", now(), False, rows)

        code, page = _read(asked)

        expected = sorted(_text(shown(row, dataset, forms, "bb")) for row in rows)
        assert (code, sorted(page)) == ("ok", expected), [(a, b) for a, b in zip(sorted(page), expected) if a != b]
        reached |= {(field.type, forms[field.name].kind) for field in fields}
    assert len(reached) == len(FIELD_TYPES) * len(KINDS) - len(("boolean", "time", "json", "geometry"))


@pytest.mark.parametrize("seed", range(210, 213))
def test_the_catalogue_lists_exactly_what_is_decided(rows: tuple[Row, ...], seed: int) -> None:
    random = Random(seed)
    for _ in range(how_many(30)):
        there = _put(random)
        for asker in [_bound(random, there) for _ in range(2)]:
            mode = random.choice(MODES)
            cases = [_case(there, asker, key) for key in range(len(there.datasets))]

            listed = {dataset.key: dataset.access for dataset in with_access(visible_datasets(asker), asker)}
            readable = {dataset.key for dataset in readable_datasets(asker, mode)}

            decisions = [decided(case) for case in cases]
            told = {decision.dataset.key: availability(decision) for decision in decisions if decision.exists}
            permitted = {case.dataset.key for case in cases if decided(replace(case, mode=mode)).permit}
            assert listed == told, (there, asker)
            assert set(visible_wordings(asker).values_list("key", flat=True)) == listed.keys(), (there, asker)
            assert readable == permitted, (there, asker, mode)


def _asked(seed: int, rows: tuple[Row, ...], count: int) -> Iterator[World]:
    """Questions about rows, four of each hub."""
    random = Random(seed)
    for _ in range(how_many(count)):
        there = _put(random)
        for _ in range(4):
            asked = world(random, there)
            asker = replace(asked.caller, epoch=current_epoch())
            yield replace(asked, caller=asker, mode="rows", rows=rows)


def _put(random: Random) -> Hub:
    there = storable(hub(random, now()))
    put(there)
    return there


def _bound(random: Random, there: Hub) -> Caller:
    """Somebody, now and then with a token that is bound to an agreement."""
    keys = [grant.key for grant in there.agreements]
    return replace(caller(random), epoch=current_epoch(), agreement=random.choice(("", "", *keys, "no-such")))


def _case(there: Hub, asker: Caller, number: int) -> World:
    """The question that the catalogue answers for one dataset."""
    dataset = there.datasets[number]
    any_world = world(Random(0), there)
    grant = next((grant for grant in there.agreements if grant.key == asker.agreement), NO_SUCH_GRANT)
    grant = grant if asker.agreement else None
    return replace(any_world, caller=asker, dataset=dataset, grant=grant, mode="rows", manages=manages(asker, dataset))


def _read(asked: World) -> tuple[str, list[str]]:
    """The code of the answer, and its rows as texts that compare."""
    agreement = "" if asked.grant is None else asked.grant.key or "no-such"
    try:
        page = door.read_rows(asked.caller, asked.dataset.key, ALL, door.Purpose(agreement))
    except NotFound:
        return "not-found", []
    except Forbidden as refused:
        return refused.code, []
    return "ok", [_text(row) for row in json.loads(f"[{page.rows}]")]


def _fitting(random: Random, type_: FieldType) -> Access:
    while not (form := access(random, type_)).fits(type_):
        pass
    return form


def _text(row: dict[str, object]) -> str:
    """Where a number is written 25 or 25.0 makes no difference."""
    return json.dumps(json.loads(json.dumps(row), parse_int=float), sort_keys=True)
