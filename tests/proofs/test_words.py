"""Parties, targets and accesses are read from their words, and written so that they are read again; else refused."""

import json
from decimal import Decimal

import pytest

from hub.errors import Invalid
from hub.predicates import FIELD_TYPES
from policies.access import Access, seen_type
from policies.facts import Party, Target

PARTIES = {
    "everyone": Party(),
    "group:near": Party("group", "near"),
    "group:near:by": Party("group", "near:by"),
    "agency:bb": Party("agency", "bb"),
    "client:bb/app": Party("client", "bb/app"),
}
TARGETS = {
    "*": (Target(), "catalogue"),
    "aa.*": (Target("aa"), "agency"),
    "aa.d1": (Target("aa", "aa.d1"), "dataset"),
    "aa.b.d1": (Target("aa", "aa.b.d1"), "dataset"),
    "aa.d1#名": (Target("aa", "aa.d1", "名"), "field"),
}
DIGITS = "1.23456789012345678901234567891"
ACCESSES: tuple[tuple[object, Access], ...] = (
    *((word, Access(word)) for word in ("clear", "hash", "redact", "null", "hidden")),  # type: ignore[arg-type]
    ({"kind": "redact"}, Access("redact")),
    ({"kind": "partial", "head": 0, "tail": 0}, Access("partial", 0, 0)),
    ({"kind": "partial", "head": 3, "tail": 4}, Access("partial", 3, 4)),
    ({"kind": "partial", "head": 10_000, "tail": 10_000}, Access("partial", 10_000, 10_000)),
    ({"kind": "round", "to": 1000}, Access("round", to=1000)),
    ({"kind": "round", "to": "0.50"}, Access("round", to=Decimal("0.5"))),
    ({"kind": "round", "to": 0.25}, Access("round", to=Decimal("0.25"))),
    ({"kind": "round", "to": Decimal("2.0")}, Access("round", to=2)),
    ({"kind": "round", "to": "1e29"}, Access("round", to=10**29)),
    ({"kind": "round", "to": "1e-29"}, Access("round", to=Decimal("1e-29"))),
    ({"kind": "round", "to": DIGITS}, Access("round", to=Decimal(DIGITS))),
    ({"kind": "round", "to": 10**29 + 1}, Access("round", to=10**29 + 1)),
    *(({"kind": "round", "to": unit}, Access("round", to=unit)) for unit in ("day", "month", "year")),
)
NO_STEPS = (0, -1, True, "week", None, "nan", "inf", "1e30", "1e-30", 10**30 + 1, "0." + "1" * 31, [1])
NO_ACCESSES: tuple[object, ...] = (
    "",
    "open",
    "round",
    "partial",
    7,
    None,
    {},
    {"kind": "open"},
    {"kind": "round"},
    {"kind": "clear", "to": 1},
    {"kind": "partial", "head": 1},
    {"kind": "partial", "head": -1, "tail": 0},
    {"kind": "partial", "head": 0, "tail": -1},
    {"kind": "partial", "head": 0, "tail": True},
    {"kind": "partial", "head": True, "tail": 0},
    {"kind": "partial", "head": 10_001, "tail": 0},
    {"kind": "partial", "head": 1, "tail": 10_001},
    {"kind": "partial", "head": 1, "tail": 1, "to": 1},
    {"kind": "round", "to": 1, "head": 1},
    *({"kind": "round", "to": step} for step in NO_STEPS),
)


@pytest.mark.parametrize("word", PARTIES)
def test_a_party_is_read_from_its_words(word: str) -> None:
    assert (Party.parse(word), str(PARTIES[word])) == (PARTIES[word], word)


@pytest.mark.parametrize("word", TARGETS)
def test_a_target_is_read_from_its_words(word: str) -> None:
    target = Target.parse(word)

    assert ((target, target.kind), str(target)) == (TARGETS[word], word)


@pytest.mark.parametrize(("word", "access"), ACCESSES)
def test_an_access_is_read_from_its_words_and_written_so(word: object, access: Access) -> None:
    assert Access.parse(word) == access
    assert type(Access.parse(word).to) is type(access.to)
    assert Access.parse(json.loads(json.dumps(access.as_json()))) == access


@pytest.mark.parametrize("word", ["", "all", "group", "group:", "near:x", "client:bb", "agency:bb/app", "everyone:x"])
def test_what_is_no_party_is_refused(word: str) -> None:
    with pytest.raises(Invalid) as refused:
        Party.parse(word)

    assert (refused.value.message, refused.value.code, refused.value.hint) == (
        f"{word!r} is no party.",
        "party-invalid",
        "everyone, group:…, agency:…, client:…/…",
    )


@pytest.mark.parametrize("word", ["", "aa", "aa.", ".d1", "aa.d1#", "aa.*#id", "#id", "**"])
def test_what_is_no_target_is_refused(word: str) -> None:
    with pytest.raises(Invalid) as refused:
        Target.parse(word)

    assert (refused.value.message, refused.value.code, refused.value.hint) == (
        f"{word!r} is no target.",
        "target-invalid",
        "*, dot.*, dot.flights, dot.flights#x",
    )


@pytest.mark.parametrize("word", NO_ACCESSES)
def test_what_is_no_access_is_refused(word: object) -> None:
    with pytest.raises(Invalid) as refused:
        Access.parse(word)

    told = f"{word!r} is not an access."
    if isinstance(word, dict) and word.get("kind") == "round" and list(word) == ["kind", "to"]:
        told = f"round cannot be to {word['to']!r}."
    if word in ({"kind": "open"}, {"kind": "round"}):
        told = f"{word['kind']!r} is not an access."  # type: ignore[index]
    assert (refused.value.message, refused.value.code) == (told, "access-invalid")
    assert refused.value.hint == (
        "Write clear, redact, null, hidden or hash, { kind = 'partial', head = 3, tail = 4 }, "
        "{ kind = 'round', to = 1000 } or { kind = 'round', to = 'month' }."
    )


@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_a_field_fits_what_it_can_be_shown_in(type_: str) -> None:
    steps = {"numbers": (1, Decimal("0.5")), "moments": ("day", "month", "year")}
    fitting = {
        "number": "numbers",
        "decimal": "numbers",
        "date": "moments",
        "datetime": "moments",
    }

    for shelf, several in steps.items():
        for to in several:
            fits = to == 1 if type_ in ("string", "integer") else shelf == fitting.get(type_)
            assert Access("round", to=to).fits(type_) == fits  # type: ignore[arg-type]
    assert Access("round", to=10_000).fits("string")
    assert not Access("round", to=10_001).fits("string")
    for kind in ("partial", "hash", "redact"):
        assert seen_type(Access(kind), type_) == "string"  # type: ignore[arg-type]
    assert seen_type(Access("null"), type_) == type_  # type: ignore[arg-type]
