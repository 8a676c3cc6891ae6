"""Copies that are kept by the change feed are what their readers may see, whatever is loaded and decided meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connections

from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency
from hub.catalog.models import Dataset, Field
from hub.errors import Conflict, Forbidden
from policies.models import Rule
from tests.feeds import Copy, load_rows
from tests.proofs import values
from tests.proofs.generated import how_many

KEYS = (("id",), ("zone", "id"), ("day", "zone"))
ZONES = (None, "", "a", "A", "浦", "it's", '"', "a,b", "\\", "z" * 30)
TYPES: Mapping[str, Any] = {**values.TYPES, "zone": "string"}
pytestmark = pytest.mark.timeout(1200)


class FedHub:
    """One dataset of ``aa`` under random loads and rules, and the copies of several readers."""

    def __init__(self, random: Random, key: tuple[str, ...]) -> None:
        self.random, self.key = random, key
        self.agencies = {code: Agency.objects.create(code=code, name=code) for code in ("aa", "bb", "cc", "dd")}
        self.dataset = Dataset.objects.create(
            agency=self.agencies["aa"], key="aa.d1", title="D", status="published", primary_key=list(key)
        )
        for number, (name, type_) in enumerate(TYPES.items(), start=1):
            is_shown = name in key or random.random() < 0.8
            sensitivity = "public" if is_shown else "personal"
            Field.objects.create(dataset=self.dataset, number=number, name=name, type=type_, sensitivity=sensitivity)
        self.copies = [Copy(code, "aa.d1") for code in self.agencies]
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}

    def act(self) -> None:
        """Load, or change what somebody may see; of seven acts five are loads."""
        self.random.choice((self.load, self.load, self.load, self.load, self.load, self.prohibit, self.change_field))()

    def load(self) -> None:
        mode = self.random.choice(("replace", "replace", "merge", "append"))
        chosen = {key: self._changed(row) for key, row in self.rows.items() if self.random.random() < 0.8}
        for _ in range(self.random.randrange(6)):
            row = {**values.row(self.random, self.random.randrange(25)), "zone": self.random.choice(ZONES)}
            row["day"] = self.random.choice((None, *values.VALUES["date"]))
            chosen[tuple(row[name] for name in self.key)] = row
        if mode == "replace" and self.random.random() < 0.06:
            chosen = {}
        load_rows(self.dataset, list(chosen.values()), mode)  # type: ignore[arg-type]
        known = {} if mode == "replace" else self.rows
        self.rows = {**chosen, **known} if mode == "append" else {**known, **chosen}

    def _changed(self, row: dict[str, Any]) -> dict[str, Any]:
        """Mostly as it is, else with some cells of another row, but for its key."""
        if self.random.random() < 0.7:
            return row
        other = {**values.row(self.random, 0), "zone": self.random.choice(ZONES)}
        names = [name for name in TYPES if name not in self.key and self.random.random() < 0.3]
        return {**row, **{name: other[name] for name in names}}

    def prohibit(self) -> None:
        """Take rows from somebody by a filter, or give them back."""
        rules = Rule.objects.filter(target_field="")
        if rules and self.random.random() < 0.5:
            self.random.choice(list(rules)).delete()
        else:
            self._rule(effect="prohibit", filter=self._filter())
        bump_epoch()

    def change_field(self) -> None:
        """Show a field in another form to somebody, or as before; now and then one of the key."""
        rules = Rule.objects.exclude(target_field="")
        if rules and self.random.random() < 0.4:
            self.random.choice(list(rules)).delete()
        else:
            names = [name for name in TYPES if name not in self.key or self.random.random() < 0.1]
            name = self.random.choice(names)
            access = values.access(self.random, TYPES[name])
            self._rule(target_field=name, access=access.as_json())
        bump_epoch()

    def _filter(self) -> str:
        if self.random.random() < 0.3:
            return f"id > {self.random.randrange(25)}"
        return values.filter_text(self.random, list(values.TYPES)) or "id IS NULL"

    def _rule(self, **said: Any) -> None:
        party = {"party_agency": self.agencies[self.random.choice(("bb", "cc", "dd"))]}
        said = {**(party if self.random.random() < 0.7 else {}), **said, "author": "a", "approver": "b", "reason": "r"}
        Rule.objects.create(key=f"r{self.random.random()}", status="approved", target_dataset=self.dataset, **said)

    def take(self, copy: Copy) -> None:
        """One page, or all of them, after which the copy is whole; who may not follow now keeps what there is."""
        limit = self.random.choice((1, 2, 3, 7, 100))
        with suppress(Forbidden, Conflict):
            if self.random.random() < 0.6:
                copy.take(limit)
            else:
                copy.take_all(limit)
                assert copy.is_equal()


@pytest.fixture
def hubs(transactional_db: None) -> Callable[[int, tuple[str, ...]], FedHub]:
    return lambda seed, key: FedHub(Random(seed), key)


@pytest.mark.parametrize("key", KEYS, ids=",".join)
def test_copies_are_equal_at_every_stop(hubs: Callable[..., FedHub], key: tuple[str, ...]) -> None:
    hub = hubs(300 + KEYS.index(key), key)
    stops = 0
    for _ in range(how_many(40)):
        hub.act()
        for copy in hub.copies:
            if hub.random.random() < 0.6:
                hub.take(copy)
    for copy in hub.copies:
        with suppress(Forbidden, Conflict):
            copy.take_all(4)
            assert copy.is_equal(), copy.agency
            stops += 1
    Rule.objects.all().delete()
    bump_epoch()
    for copy in hub.copies:
        copy.take_all(4)
        assert copy.is_equal(), copy.agency
    assert len(hub.copies[0].rows) == len(hub.rows) > 0


def test_copies_are_equal_after_loads_at_the_same_time(hubs: Callable[..., FedHub]) -> None:
    hub = hubs(310, ("zone", "id"))
    hub.load()
    with _loading(hub, how_many(40)) as is_over:
        while not is_over.is_set():
            for copy in hub.copies:
                copy.take(2)
    for copy in hub.copies:
        copy.take_all(3)
        assert copy.is_equal(), copy.agency


@contextmanager
def _loading(hub: FedHub, count: int) -> Iterator[Event]:
    """``count`` loads by somebody else; the event says that they are in."""
    is_over, failures = Event(), []

    def load() -> None:
        try:
            for _ in range(count):
                hub.load()
        except Exception as error:
            failures.append(error)
        finally:
            is_over.set()
            connections.close_all()

    thread = Thread(target=load)
    thread.start()
    try:
        yield is_over
    finally:
        thread.join()
    assert failures == []
