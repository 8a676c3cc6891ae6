"""The two hubs of a seed, made one after the other as the database is one, and what each answered to whom."""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from tests.quiet import corpus, doors, notices, pages
from tests.quiet.hidden import MARKS, Hidden
from tests.quiet.tape import Tape, thinned
from tests.quiet.world import World, empty, make_world

SHARE = 1 if "HUB_PROOF" in os.environ else 0.1
"""How much is asked of what is much alike: all of it in the long proof, and of seeds that somebody names."""

Answers = dict[str, Tape]
"""What one hub answered, by who asked."""

_kept: dict[int, tuple[Answers, Answers]] = {}


@pytest.fixture
def answers_of(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Callable[[int], tuple[Answers, Answers]]:
    """The answers of the two hubs of a seed; asked once, however many tests look at them."""
    files = tmp_path / "files"
    monkeypatch.setenv("WORLD_DIR", str(files))
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    settings.HUB_RATE_LIMITS = False

    def hub(mark: str, seed: int) -> Answers:
        settings.HUB_DATA = tmp_path / f"data-{mark}"  # neither finds the other's files
        return _ask_all(make_world(files, mark, seed), is_changing=mark == MARKS[1])

    def both(seed: int) -> tuple[Answers, Answers]:
        if seed not in _kept:
            one, other = (hub(mark, seed) for mark in MARKS)
            _kept[seed] = one, other
            empty()
        return _kept[seed]

    return both


def _ask_all(world: World, *, is_changing: bool) -> Answers:
    """All that the people and programs of ``ops`` ask, before and after the next load of every dataset.

    With ``is_changing`` that load brings other hidden cells and rows, else nothing new at all.
    """
    made: set[str] = set()
    reader, desk = (Tape(world.client(name), made) for name in ("reader", "desk"))
    member, publisher, head = people = [Tape(world.member(name), made) for name in ("member", "desk", "head")]
    passer_by, ids = Tape(Browser(), set()), world.ids()
    corpus.ask_openly(reader)
    held, positions = corpus.hold(reader), corpus.follow(reader)
    subscribed = [(tape, notices.subscribe(tape)) for tape in (reader, desk)]
    with thinned([reader, desk, *people], SHARE):
        corpus.ask_catalogue(reader)
        _visit(people, ids)
        doors.pass_by(passer_by)
        _try(reader, desk, publisher, ids)
        corpus.probe(reader, random.Random(world.seed), size=5)
        doors.name_things(desk)
    world.load_again(Hidden(world.hidden.mark, world.seed + 1_000) if is_changing else None)
    for tape, ours in subscribed:
        notices.look(tape, ours)
        notices.visit(member, ours)
    corpus.go_on(reader, held)
    corpus.follow_on(reader, positions)
    with thinned([reader, *people], SHARE):
        corpus.ask_openly(reader)
        for person in people:
            pages.act(person, ids)
            doors.grant(person)
            doors.invite(person)
        _visit(people, ids)
    for person in people:
        person.pages("events", {"limit": "100"})
    programs = {"reader": reader, "desk": desk, "passer-by": passer_by}
    return programs | {"member": member, "publisher": publisher, "head": head}


def _visit(people: list[Tape], ids: Mapping[str, Sequence[str]]) -> None:
    """The portal's pages, as each of the people sees them."""
    for person in people:
        doors.visit(person)
        doors.visit_hidden(person)
        doors.visit_by_id(person, ids)
        pages.look(person, ids)
        doors.take_along(person)


def _try(reader: Tape, desk: Tape, publisher: Tape, ids: Mapping[str, Sequence[str]]) -> None:
    """What programs ask by ids and parameters, and what those who may load and write try to change."""
    for client in (reader, desk):
        doors.ask_by_id(client, ids)
        doors.take_along(client)
    doors.try_changes(desk)
    for somebody in (publisher, desk):
        doors.bring_files(somebody)
        doors.start_runs(somebody)
        doors.review_datasets(somebody)
    for client in (reader, desk):
        doors.ask_parameters(client)
