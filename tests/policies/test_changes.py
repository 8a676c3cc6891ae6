"""A decision tells the next moment at which it changes by itself, and nobody of what only a secret field would tell."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pytest

from policies.access import CLEAR, HIDDEN, NULL
from policies.facts import DatasetFacts, GrantFacts, Party, RuleFacts, Target
from tests.policies.stated import ASKED_FOR, AT, GRANT, ID, OPEN, OWNER, PERMIT, PHONE, PROHIBIT, ask

DAY = dt.timedelta(days=1)
FUTURE, PAST = AT + DAY, AT - DAY
EVERYONE, GROUP, AGENCY, CLIENT = Party(), Party("group", "near"), Party("agency", "bb"), Party("client", "bb/app")
MINE = replace(PROHIBIT, party=AGENCY)
ALLOWED = replace(PERMIT, party=AGENCY)
BARRED = replace(PROHIBIT, valid_from=FUTURE)
ON_ID = RuleFacts("f", Target("aa", "aa.d1", "id"), AGENCY, access=NULL)
CHANGES: dict[
    str, tuple[DatasetFacts, Sequence[RuleFacts], GrantFacts | None, Sequence[GrantFacts], dt.datetime | None]
] = {
    "nothing changes": (OPEN, [PERMIT], None, [], None),
    "a rule begins": (OPEN, [replace(MINE, valid_from=FUTURE)], None, [], FUTURE),
    "a rule ends": (OPEN, [replace(MINE, valid_to=FUTURE)], None, [], FUTURE),
    "a firm rule does not end": (OPEN, [replace(MINE, valid_to=FUTURE, is_firm=True)], None, [], None),
    "a rule began just now": (OPEN, [replace(MINE, valid_from=AT)], None, [], None),
    "a rule ended before": (OPEN, [replace(MINE, valid_to=PAST)], None, [], None),
    "an agreement begins": (ASKED_FOR, [], None, [replace(GRANT, valid_from=FUTURE)], FUTURE),
    "an agreement ends": (ASKED_FOR, [], None, [replace(GRANT, valid_to=FUTURE)], FUTURE),
    "the named one begins": (ASKED_FOR, [], replace(GRANT, valid_from=FUTURE), [], FUTURE),
    "the named one ends": (ASKED_FOR, [], replace(GRANT, valid_to=FUTURE), [], FUTURE),
    "another ends beside it": (ASKED_FOR, [], GRANT, [replace(GRANT, key="h", valid_to=FUTURE)], None),
    "a rule that decides nothing ends first": (
        OPEN,
        [replace(PERMIT, valid_to=FUTURE), replace(MINE, valid_from=FUTURE + DAY)],
        None,
        [],
        FUTURE + DAY,
    ),
    "the first of two": (OPEN, [replace(MINE, valid_from=FUTURE, valid_to=FUTURE + DAY)], None, [], FUTURE),
    "a rule ends beside an agreement": (OPEN, [replace(MINE, valid_to=FUTURE)], None, [GRANT], FUTURE),
    "a rule of a wider party begins": (OPEN, [ALLOWED, BARRED], None, [], None),
    "a firm one of a wider party begins": (OPEN, [ALLOWED, replace(BARRED, is_firm=True)], None, [], FUTURE),
    "a wider party's takes rows": (OPEN, [ALLOWED, replace(BARRED, filter="id = 1")], None, [], FUTURE),
    "one ends as an equal begins": (
        OPEN,
        [replace(PERMIT, valid_to=FUTURE), replace(PERMIT, key="q", valid_from=FUTURE)],
        None,
        [],
        None,
    ),
    "a wider party's on a field of the agreement begins": (
        ASKED_FOR,
        [replace(ON_ID, party=GROUP, valid_from=FUTURE)],
        replace(GRANT, fields={"id": CLEAR}),
        [],
        None,
    ),
    "the agency's own on a field of the agreement begins": (
        ASKED_FOR,
        [replace(ON_ID, valid_from=FUTURE)],
        replace(GRANT, fields={"id": CLEAR}),
        [],
        FUTURE,
    ),
    "a field's rule begins": (OPEN, [replace(ON_ID, valid_from=FUTURE)], None, [], FUTURE),
    "a field's rule ends": (OPEN, [replace(ON_ID, valid_to=FUTURE)], None, [], FUTURE),
    "a wider party's on a field begins": (
        OPEN,
        [ON_ID, replace(ON_ID, party=GROUP, access=HIDDEN, valid_from=FUTURE)],
        None,
        [],
        None,
    ),
    "a wider party's firm one on a field begins": (
        OPEN,
        [ON_ID, replace(ON_ID, party=GROUP, access=HIDDEN, is_firm=True, valid_from=FUTURE)],
        None,
        [],
        FUTURE,
    ),
    "a narrower party's on a field ends unseen, then the wider's": (
        OPEN,
        [replace(ON_ID, party=CLIENT, valid_to=FUTURE), replace(ON_ID, valid_to=FUTURE + DAY)],
        None,
        [],
        FUTURE + DAY,
    ),
    "two fields' rules begin at once, one of them unseen": (
        OPEN,
        [
            replace(ON_ID, valid_from=FUTURE),
            replace(ON_ID, target=Target("aa", "aa.d1", "phone"), access=HIDDEN, valid_from=FUTURE),
        ],
        None,
        [],
        FUTURE,
    ),
    "a rule on a field of what is denied begins": (OPEN, [MINE, replace(ON_ID, valid_from=FUTURE)], None, [], None),
    "a rule on a field that is gone begins": (
        OPEN,
        [replace(ON_ID, target=Target("aa", "aa.d1", "gone"), valid_from=FUTURE)],
        None,
        [],
        None,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_decision_tells_when_it_changes_by_itself(change: str) -> None:
    dataset, rules, grant, agreements, moment = CHANGES[change]

    decision = ask(dataset, *rules, grant=grant, agreements=agreements)

    assert (decision.until, decision.told_until) == (moment, moment)


def test_a_change_to_a_secret_field_alone_is_not_told() -> None:
    secret = replace(PHONE, is_secret=True)
    dataset = replace(OPEN, fields=(ID, secret))
    shown = RuleFacts("f", Target("aa", "aa.d1", "phone"), access=CLEAR, valid_from=FUTURE)
    later = replace(MINE, valid_from=FUTURE + DAY)

    alone, both = ask(dataset, shown), ask(dataset, shown, later)

    assert (alone.until, alone.told_until) == (FUTURE, None)
    assert (both.until, both.told_until) == (FUTURE, FUTURE + DAY)
    beside = replace(shown, target=Target("aa", "aa.d1", "id"), access=NULL)
    assert ask(dataset, shown, beside).told_until == FUTURE


def test_own_data_and_what_was_never_there_change_at_no_moment() -> None:
    rules = (replace(MINE, valid_from=FUTURE), replace(MINE, key="o", party=Party(), valid_from=FUTURE))

    own = ask(OPEN, *rules, caller=OWNER)
    draft = ask(replace(OPEN, status="draft"), *rules)

    assert (own.until, own.told_until, draft.until, draft.told_until) == (None,) * 4
