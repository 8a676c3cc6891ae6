"""Two hubs that differ only in what is hidden from a caller give it byte-equal answers, on every route."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.quiet import corpus, doors
from tests.quiet.hidden import MARKS, Hidden
from tests.quiet.tape import Tape, differences, leaks
from tests.quiet.world import World, empty, make_world

SEEDS = range(1, 21) if os.environ.get("HUB_PROOF") == "long" else range(1, 2)


@dataclass
class Recording:
    """What one hub answered to each who asked."""

    tapes: dict[str, Tape]


@pytest.fixture
def recorded(record: Callable[[int], tuple[Recording, Recording]]) -> Callable[[int], tuple[Recording, Recording]]:
    """The answers of the two hubs of a seed; asked once, however many tests look at them."""

    def both(seed: int) -> tuple[Recording, Recording]:
        if seed not in _recorded:
            _recorded[seed] = record(seed)
        return _recorded[seed]

    return both


_recorded: dict[int, tuple[Recording, Recording]] = {}


@pytest.fixture
def record(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Callable[[int], tuple[Recording, Recording]]]:
    """Makes the two hubs one after the other, as the database is one, and asks each the same."""
    files = tmp_path / "files"
    monkeypatch.setenv("WORLD_DIR", str(files))
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    settings.HUB_RATE_LIMITS = False

    def both(seed: int) -> tuple[Recording, Recording]:
        one, other = (_asked(make_world(files, mark, seed), is_changing=mark == MARKS[1]) for mark in MARKS)
        return one, other

    yield both
    empty()


def _asked(world: World, *, is_changing: bool) -> Recording:
    """All that the callers of ``ops`` ask, before and after the next load; ``is_changing``: of other hidden things."""
    reader, desk = (Tape(world.client(name)) for name in ("reader", "desk"))
    member, publisher = (Tape(world.member(name)) for name in ("member", "desk"))
    doors.visit(member)
    corpus.ask_openly(reader)
    corpus.ask_catalogue(reader)
    for person in (member, publisher):
        doors.visit_hidden(person)
    doors.try_changes(desk)
    held = corpus.hold(reader)
    corpus.probe(reader, random.Random(world.seed), size=5)
    world.load_again(Hidden(world.hidden.mark, world.seed + 1_000) if is_changing else None)
    corpus.go_on(reader, held)
    corpus.ask_openly(reader)
    return Recording({"reader": reader, "desk": desk, "member": member, "publisher": publisher})


@pytest.mark.parametrize("seed", SEEDS)
def test_both_hubs_answer_alike(recorded: Callable[[int], tuple[Recording, Recording]], seed: int) -> None:
    one, other = recorded(seed)

    found = [line for name, tape in one.tapes.items() for line in differences(tape, other.tapes[name])]
    assert not found, report(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_answer_holds_a_hidden_word(recorded: Callable[[int], tuple[Recording, Recording]], seed: int) -> None:
    found = [line for recording in recorded(seed) for tape in recording.tapes.values() for line in leaks(tape)]

    assert not found, report(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_callers_see_something(recorded: Callable[[int], tuple[Recording, Recording]], seed: int) -> None:
    one, _ = recorded(seed)
    reader = one.tapes["reader"].entries
    counts = {name: sum(entry.status == 200 for entry in tape.entries) for name, tape in one.tapes.items()}

    assert counts["reader"] > 400
    assert counts["member"] > 20
    for key, names in corpus.FIELDS.items():
        shown = [entry for entry in reader if f"/{key}/rows" in entry.asked and "row 0" in entry.answered]
        assert bool(shown) == (key not in corpus.ROWLESS), key
        assert all(any(f'"{name}"' in entry.answered for entry in reader) for name in names), key


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_breaks(recorded: Callable[[int], tuple[Recording, Recording]], seed: int) -> None:
    for recording in recorded(seed):
        for tape in recording.tapes.values():
            assert [entry.asked for entry in tape.entries if entry.status >= 500] == []


def report(found: list[str]) -> str:
    return "\n".join([f"{len(found)} answers, of which the first are:", *found[:12]])
