"""A copy that does what changes say is what its reader sees now, and nothing is said that it has already."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from hub.predicates import FieldType
from hub.store.select.changes import Given, Stretch, changes_sql
from hub.store.select.relation import Shown
from hub.store.sql import Sql
from tests.proofs.values import VALUES
from tests.store.select.conftest import Ask, placed
from tests.store.select.histories import CELLS, History, Key, Row, Sight, json_object, key_of, named, place

N = Shown("n", "integer", Sql("n")), lambda row: row["n"]
FLAG = Shown("flag", "boolean", Sql("flag")), lambda row: row["flag"]
WORD = (
    Shown("it's", "string", Sql("word || %s", ("%",))),
    lambda row: None if row["word"] is None else row["word"] + "%",
)
INITIAL = (
    Shown("it's", "string", Sql("left(word, %s) || '%%'", (1,))),
    lambda row: None if row["word"] is None else row["word"][:1] + "%",
)
AS_TEXT = Shown("n", "string", Sql("n::text")), lambda row: None if row["n"] is None else str(row["n"])
SIGHTS = {
    "all": Sight((N, WORD, FLAG)),
    "flagged": Sight((N, WORD, FLAG), ((Sql("flag"), lambda row: row["flag"]),)),
    "some": Sight(
        (N, WORD, FLAG),
        (
            (Sql("flag OR n > %s", (1,)), lambda row: row["flag"] or (row["n"] is not None and row["n"] > 1)),
            (Sql("word <> %s OR flag", ("b",)), lambda row: row["flag"] or (row["word"] not in (None, "b"))),
        ),
    ),
    "initials": Sight((N, INITIAL, FLAG)),
    "texts": Sight((AS_TEXT, WORD, FLAG)),
    "texts and initials": Sight((AS_TEXT, INITIAL, FLAG)),
    "no words": Sight((N, FLAG)),
    "nothing": Sight((N, WORD, FLAG), ((Sql("n IS NULL AND n = 0"), lambda _: False),)),
    "not a cell": Sight((), ((Sql("flag"), lambda row: row["flag"]),)),
}
OTHER_FORMS = {
    "decimal": (Decimal("0.100"), Decimal("2.5"), Decimal("0.00"), Decimal("1000000000000000000000000000000")),
    "number": (-0.0,),
}
KEYS: tuple[tuple[FieldType, ...], ...] = (
    *((type_,) for type_ in ("string", "integer", "number", "decimal", "boolean", "date", "datetime", "time")),
    ("boolean", "string"),
    ("decimal", "integer", "number"),
)
EVER = 6
"""Versions of a history."""


def stretch_of(history: History, now: str, given: Given | None = None, **other: Any) -> Stretch:
    """As the hub asks: a part of the key that every row of the table has is never null."""
    lacking = {name for row in history.rows.values() for name, value in row.items() if value is None}
    key = tuple(
        Shown(name, type_, Sql(name), is_plain=True, never_null=name not in lacking)
        for name, type_ in named(history.types).items()
    )
    return Stretch("people", "people_log", key, SIGHTS[now].seeing(history.types), given, **other)


def cells(random: Random) -> dict[str, Any]:
    return {
        "flag": random.choice((True, True, False, None)),
        "n": random.choice((None, 0, 1, 2)),
        "word": random.choice((None, "", "ab", "a", "ac", "b", "浦")),
    }


def grown(history: History, random: Random) -> History:
    """With rows that come, change, go, and come back, in keys of which some have no value."""
    while len(history.versions) <= EVER:
        gone = [key for key in history.rows if random.random() < 0.2]
        rows: dict[Key, Row] = {}
        for _ in range(8):
            row = {name: _part(random, type_) for name, type_ in named(history.types).items()} | cells(random)
            before = history.rows.get(key_of(row))
            if before is None or any(before[name] != row[name] for name in CELLS):
                rows[key_of(row)] = row
        history.load(rows.values(), [key for key in gone if key not in rows])
    return history


def _part(random: Random, type_: FieldType) -> Any:
    return random.choice((None, *VALUES[type_], *OTHER_FORMS.get(type_, ())))


def said(history: History, before: dict[Key, str], now: dict[Key, str], exact: bool) -> list[tuple[Key, str]]:
    """What turns one copy into the other, in the order of the keys."""
    changes = []
    for key in sorted({**before, **now}, key=place):
        if before.get(key) != now.get(key):
            one_form = [(*field, _in_one_form(part)) for field, part in zip(named(history.types).items(), key)]
            op, told = "upsert" if key in now else "delete", json_object(one_form, exact)
            changes.append((key, f'{{"op":"{op}","key":{told},"row":{now.get(key, "null")}}}'))
    return changes


def _in_one_form(part: Any) -> Any:
    return part.normalize() if isinstance(part, Decimal) else part + 0 if isinstance(part, float) else part


def walked(ask: Ask, stretch: Stretch, limit: int, **other: bool) -> list[str]:
    """The changes of all pages, each from where the one before it ended."""
    changes: list[str] = []
    while page := ask(placed(changes_sql(stretch, limit, **other), len(stretch.key))):
        assert len(page) <= limit
        changes += [text for text, _ in page]
        stretch = replace(stretch, after=tuple(page[-1][1]))
    return changes


@pytest.mark.parametrize("types", KEYS, ids=",".join)
def test_a_copy_of_any_version_and_sight_becomes_what_is_seen_now(ask: Ask, types: tuple[FieldType, ...]) -> None:
    random = Random(700 + KEYS.index(types))
    history = grown(History(ask, types), random)
    for before in SIGHTS:
        for now in SIGHTS:
            version, exact = random.randrange(EVER + 1), random.random() < 0.5
            given = Given(version, None if before == now else SIGHTS[before].seeing(types))
            had, has = (
                SIGHTS[sight].copy(history.versions[at].values(), exact) for sight, at in ((before, version), (now, -1))
            )

            changes = walked(ask, stretch_of(history, now, given), random.choice((1, 3, 100)), numbers_as_strings=exact)

            assert changes == [text for _, text in said(history, had, has, exact)], (before, now, version)


@pytest.mark.parametrize("types", KEYS, ids=",".join)
def test_a_stretch_is_told_from_behind_one_key_to_another(ask: Ask, types: tuple[FieldType, ...]) -> None:
    random = Random(800 + KEYS.index(types))
    history = grown(History(ask, types), random)
    now = SIGHTS["all"].copy(history.rows.values(), False)
    for _ in range(12):
        version, before = random.randrange(1, EVER), random.choice(("all", "some"))
        given = Given(version, SIGHTS[before].seeing(types))
        had = SIGHTS[before].copy(history.versions[version].values(), False)
        ends = _ends(ask, history, given, had)
        after, upto = (random.choice((None, *ends)) for _ in range(2))
        expected = [
            text
            for key, text in said(history, had, now, False)
            if (after is None or place(key) > place(after)) and (upto is None or place(key) <= place(upto))
        ]

        stretch = stretch_of(history, "all", given, after=after and ends[after], upto=upto and ends[upto])

        assert walked(ask, stretch, 2) == expected, (version, before, after, upto)


def _ends(ask: Ask, history: History, given: Given, had: dict[Key, str]) -> dict[Key, tuple[str | None, ...]]:
    """The positions of all rows that there are, and of those that the reader has."""
    terms = len(history.types)
    everything = ask(placed(changes_sql(stretch_of(history, "all"), 999), terms))
    nothing = ask(placed(changes_sql(stretch_of(history, "nothing", given), 999), terms))
    places = [tuple(position) for _, position in (*everything, *nothing)]
    return dict(zip((*sorted(history.rows, key=place), *sorted(had, key=place)), places, strict=True))


@pytest.fixture
def numbered(ask: Ask) -> History:
    """Rows 1, 2, 3, and one without a number, which is gone by now."""
    history = History(ask, ("integer",))
    history.load({"k0": key, "flag": True, "n": key, "word": "a"} for key in (1, 2, 3, None))
    history.load([{"k0": 2, "flag": True, "n": 9, "word": "a"}], [(None,)])
    return history


def test_what_is_gone_may_lack_a_part_of_the_key_that_no_row_lacks_now(ask: Ask, numbered: History) -> None:
    changes = ['{"op":"upsert","key":{"k0":2},"row":{"n":9,"it\'s":"a%","flag":true}}']
    gone = '{"op":"delete","key":{"k0":null},"row":null}'

    def told(**stretch: Any) -> list[str]:
        return [text for text, *_ in ask(changes_sql(stretch_of(numbered, "all", Given(1), **stretch), 9))]

    assert told() == told(after=("1",)) == [*changes, gone]
    assert told(after=("2",)) == [gone]
    assert told(upto=("3",)) == changes
    assert told(after=("2",), upto=("3",)) == told(after=(None,)) == []


@pytest.mark.parametrize("given", [None, Given(0), Given(1), Given(1, SIGHTS["initials"].seeing(("integer",)))])
def test_a_void_pass_gives_no_change(ask: Ask, numbered: History, given: Given | None) -> None:
    sql = changes_sql(stretch_of(numbered, "all", given), 9)
    assert len(ask(sql)) == (3 if given is None or not given.version else 2)

    ask("DELETE FROM gate")

    assert ask(sql) == []


def test_numbers_are_texts_where_they_are_asked_for_so(ask: Ask, numbered: History) -> None:
    stretch = stretch_of(numbered, "all")

    assert ask(changes_sql(stretch, 1)) == ask(changes_sql(stretch, 1, numbers_as_strings=False))
    assert ask(placed(changes_sql(stretch, 1, numbers_as_strings=True), 1)) == [
        ('{"op":"upsert","key":{"k0":"1"},"row":{"n":"1","it\'s":"a%","flag":true}}', ["1"])
    ]


@pytest.mark.parametrize("given", [None, Given(9, SIGHTS["initials"].seeing(("integer",)))])
def test_a_page_of_what_is_on_no_other_side_holds_no_more_rows_than_it_tells(
    ask: Ask, numbered: History, given: Given | None
) -> None:
    """Where no index gives the order, the first rows alone are kept, not all of them sorted."""
    ask("INSERT INTO people SELECT n, true, n, 'ab', 1 FROM generate_series(10, 500) n")
    ask("SET LOCAL enable_hashagg = off")

    plan = _plan(ask, "EXPLAIN ANALYZE " + changes_sql(stretch_of(numbered, "all", given), 5))

    assert plan.count("Sort Method: top-N heapsort") == 1


def test_an_index_finds_where_a_page_goes_on(ask: Ask, numbered: History) -> None:
    ask("CREATE INDEX ON people (k0)")
    ask("SET LOCAL enable_seqscan = off")
    ask("SET LOCAL enable_bitmapscan = off")

    plan = _plan(ask, "EXPLAIN " + changes_sql(stretch_of(numbered, "all", after=("3",)), 5))

    assert "Index Cond: (k0 > '3'::bigint)" in plan


def _plan(ask: Ask, explain: Sql) -> str:
    return "\n".join(line for (line,) in ask(explain))
