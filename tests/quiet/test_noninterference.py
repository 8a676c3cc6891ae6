"""Two hubs that differ only in what is hidden from a caller give it byte-equal answers, on every route.

``HUB_PROOF=long`` takes twenty pairs of hubs, ``HUB_PROOF=4,7`` those of these seeds.
"""

import os
from collections.abc import Callable, Iterator

import pytest
from django.urls import URLResolver, get_resolver

from tests.quiet import corpus
from tests.quiet.conftest import Answers
from tests.quiet.tape import Entry, differences, leaks

AnswersOf = Callable[[int], tuple[Answers, Answers]]

_ASKED = os.environ.get("HUB_PROOF") or "1"
SEEDS = range(1, 21) if _ASKED == "long" else [int(seed) for seed in _ASKED.split(",")]
pytestmark = pytest.mark.timeout(1200)
of_each_seed = pytest.mark.parametrize("seed", SEEDS)


@of_each_seed
def test_both_hubs_answer_alike(answers_of: AnswersOf, seed: int) -> None:
    one, other = answers_of(seed)

    found = [line for name, tape in one.items() for line in differences(tape, other[name])]

    assert not found, report(found)


@of_each_seed
def test_no_answer_holds_a_hidden_word(answers_of: AnswersOf, seed: int) -> None:
    found = [line for answers in answers_of(seed) for tape in answers.values() for line in leaks(tape)]

    assert not found, report(found)


@of_each_seed
def test_callers_see_all_that_is_theirs(answers_of: AnswersOf, seed: int) -> None:
    one, _ = answers_of(seed)
    reader = one["reader"].entries
    counts = {name: sum(entry.status == 200 for entry in tape.entries) for name, tape in one.items()}

    assert counts["reader"] > 200
    assert counts["member"] > 20
    for key, names in corpus.FIELDS.items():
        shown = [entry for entry in reader if f"/{key}/rows" in entry.asked and "row 0" in entry.answered]
        assert bool(shown) == (key not in corpus.ROWLESS), key
        assert all(any(f'"{name}"' in entry.answered for entry in reader) for name in names), key


@of_each_seed
def test_nothing_breaks(answers_of: AnswersOf, seed: int) -> None:
    broken = {entry.asked for answers in answers_of(seed) for entry in entries(answers) if entry.status >= 500}

    assert broken == {"GET /readyz  "}, "no scheduler runs here"


def test_every_route_is_asked(answers_of: AnswersOf) -> None:
    one, _ = answers_of(SEEDS[0])

    asked = {entry.route for entry in entries(one)}

    assert set(routes(get_resolver())) - asked == set()


def entries(answers: Answers) -> Iterator[Entry]:
    for tape in answers.values():
        yield from tape.entries


def routes(resolver: URLResolver, above: str = "") -> Iterator[str]:
    """Every address of the hub, with its parameters' names."""
    for pattern in resolver.url_patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route


def report(found: list[str]) -> str:
    return "\n".join([f"{len(found)} answers, of which the first are:", *found[:12]])
