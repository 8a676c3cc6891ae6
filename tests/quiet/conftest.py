"""The two hubs of a seed, made one after the other as the database is one, and what each answered to whom."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from tests.quiet import corpus, doors, pages
from tests.quiet.hidden import MARKS, Hidden
from tests.quiet.tape import Tape
from tests.quiet.world import World, empty, make_world

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

    def both(seed: int) -> tuple[Answers, Answers]:
        if seed not in _kept:
            one, other = (_ask_all(make_world(files, mark, seed), is_changing=mark == MARKS[1]) for mark in MARKS)
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
    doors.visit(member)
    corpus.ask_openly(reader)
    corpus.ask_catalogue(reader)
    doors.visit_hidden(member)
    for person in (member, publisher):
        doors.visit_by_id(person, ids)
    for person in people:
        pages.look(person, ids)
    for client in (reader, desk):
        doors.ask_by_id(client, ids)
    doors.pass_by(passer_by)
    doors.try_changes(desk)
    doors.bring_files(publisher)
    doors.bring_files(desk)
    for client in (reader, desk):
        doors.ask_parameters(client)
    held = corpus.hold(reader)
    corpus.probe(reader, random.Random(world.seed), size=5)
    doors.name_things(desk)
    world.load_again(Hidden(world.hidden.mark, world.seed + 1_000) if is_changing else None)
    corpus.go_on(reader, held)
    corpus.ask_openly(reader)
    for person in people:
        pages.act(person, ids)
        doors.grant(person)
        doors.invite(person)
    doors.visit_by_id(head, ids)
    for person in people:
        pages.look(person, ids)
        person.pages("events", {"limit": "100"})
    programs = {"reader": reader, "desk": desk, "passer-by": passer_by}
    return programs | {"member": member, "publisher": publisher, "head": head}
