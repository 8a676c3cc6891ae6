"""What the policy states, each on the smallest case that shows it: the whole decision, with all that took part."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from policies.access import CLEAR, HIDDEN, NULL, Access
from policies.decision import NO_ROWS, FieldDecision, RowPolicy
from policies.facts import NO_SUCH_GRANT, GrantFacts, Party, RuleFacts, Target
from policies.gate import Gate, Implied, pass_gate
from policies.pdp import may_read
from tests.policies.stated import (
    ASKED_FOR,
    AT,
    BY_CLASS,
    CLOSED,
    GRANT,
    ID,
    INVALID,
    NAME,
    OPEN,
    OWN,
    OWNER,
    PERMIT,
    PHONE,
    PROHIBIT,
    READER,
    RETIRED,
    ask,
    denied,
    implied,
    permitted,
    took_part,
    tree,
)


def test_an_unconditional_dataset_is_open_by_its_class() -> None:
    assert ask(OPEN, mode="export") == permitted(mode="export")


def test_a_permit_names_all_that_took_part() -> None:
    some = replace(PERMIT, key="p1", party=Party("group", "near"), filter="id > 1")
    more = replace(PERMIT, key="p2", party=Party("group", "near"), filter="\"名\" = 'x'")
    same = replace(some, key="p3")
    weaker = replace(PERMIT, key="p4", filter="id > 9")
    taking = replace(PROHIBIT, filter="id = 7", party=Party("agency", "bb"))
    firmly = replace(PROHIBIT, key="n2", filter="id = 8", is_firm=True)
    shown = RuleFacts("f", Target("aa", "aa.d1", "名"), access=Access("hash"), reason="to join")
    floor = replace(shown, key="f2", access=Access("redact"), is_firm=True)

    decision = ask(OPEN, some, more, same, weaker, taking, firmly, shown, floor)

    permits = [took_part(rule, "gate", effect="permit", filter=tree(str(rule.filter))) for rule in (some, more, same)]
    takers = [took_part(rule, "rows", effect="prohibit", filter=tree(str(rule.filter))) for rule in (taking, firmly)]
    voices = tuple(took_part(rule, "fields", access=rule.access, field="名") for rule in (shown, floor))
    assert decision == permitted(
        rows=RowPolicy((tree("id > 1"), tree("\"名\" = 'x'")), (tree("id = 7"), tree("id = 8"))),
        fields=(BY_CLASS[0], FieldDecision(NAME, Access("redact"), voices), BY_CLASS[2]),
        because=(*permits, *takers),
    )


def test_under_a_grant_what_it_does_not_name_is_hidden() -> None:
    grant = replace(GRANT, filter="id < 5", fields={"id": Access("round", to=10)})
    shown = RuleFacts("f", Target("aa", "aa.d1", "名"), access=CLEAR)

    decision = ask(ASKED_FOR, PERMIT, shown, grant=grant)

    ungranted = took_part(grant, "fields", access=HIDDEN, field="名")
    assert decision == permitted(
        ASKED_FOR,
        rows=RowPolicy((tree("id < 5"),)),
        fields=(
            FieldDecision(
                ID, Access("round", to=10), (took_part(grant, "fields", access=Access("round", to=10), field="id"),)
            ),
            FieldDecision(NAME, HIDDEN, (ungranted,)),
            FieldDecision(PHONE, HIDDEN, (ungranted._replace(field="phone"),)),
        ),
        because=(took_part(grant, "gate", effect="permit", filter=tree("id < 5")),),
        grant=grant,
    )


def test_a_grant_on_an_unconditional_dataset_gives_fields_only() -> None:
    grant = replace(GRANT, filter="id < 5", fields={"phone": Access("partial", 3, 0)})

    decision = ask(OPEN, grant=grant)

    voice = took_part(grant, "fields", access=Access("partial", 3, 0), field="phone")
    fields = (*BY_CLASS[:2], FieldDecision(PHONE, Access("partial", 3, 0), (voice,)))
    assert decision == permitted(fields=fields, grant=grant)


def test_own_data_is_read_in_clear() -> None:
    fields = tuple(FieldDecision(field, CLEAR, (OWN,)) for field in OPEN.fields)
    expected = permitted(caller=OWNER, mode="changes", because=(OWN,), fields=fields, own=True)

    assert ask(OPEN, PROHIBIT, caller=OWNER, mode="changes") == expected
    retired = replace(OPEN, status="retired")
    assert ask(retired, caller=OWNER) == denied(retired, "retired", RETIRED, caller=OWNER)
    assert ask(OPEN, caller=OWNER, grant=GRANT) == denied(OPEN, "agreement-invalid", INVALID, caller=OWNER)


def test_a_denial_names_the_prohibits_alone_and_what_would_serve() -> None:
    nothing = replace(GRANT, key="z", modes=frozenset({"export"}))
    several = (replace(GRANT, key="y"), nothing, GRANT)
    firm = replace(PROHIBIT, is_firm=True)
    retired = replace(OPEN, status="retired")

    assert ask(OPEN, PERMIT, PROHIBIT) == denied(OPEN, "denied", took_part(PROHIBIT, "gate", effect="prohibit"))
    assert ask(OPEN, PROHIBIT, firm, mode="export") == denied(
        OPEN, "denied", took_part(firm, "gate", effect="prohibit"), mode="export"
    )
    assert ask(CLOSED, PERMIT) == denied(CLOSED, "closed", implied("prohibit"))
    assert ask(ASKED_FOR, agreements=several) == denied(
        ASKED_FOR, "agreement-required", implied("prohibit"), agreements=("g", "y")
    )
    assert ask(ASKED_FOR, agreements=(nothing,)) == denied(ASKED_FOR, "denied", implied("prohibit"))
    assert ask(ASKED_FOR, grant=NO_SUCH_GRANT) == denied(ASKED_FOR, "agreement-invalid", INVALID)
    assert ask(retired) == denied(retired, "retired", RETIRED)


def test_an_agreement_may_be_for_some_of_an_agencys_clients_only() -> None:
    mine, anothers = (replace(GRANT, clients=frozenset({client})) for client in ("bb/app", "bb/job"))

    assert ask(ASKED_FOR, grant=mine).permit
    assert ask(ASKED_FOR, grant=anothers) == denied(ASKED_FOR, "agreement-invalid", INVALID)
    assert ask(ASKED_FOR, agreements=(anothers,)).code == "denied"


def test_what_is_not_there_tells_nothing() -> None:
    draft = replace(OPEN, status="draft")
    narrow = replace(READER, scopes=frozenset({"write"}))

    assert ask(draft) == denied(draft, "not-found")
    assert ask(draft, manages=True).code == "ok"
    assert ask(OPEN, caller=narrow) == denied(OPEN, "not-found", caller=narrow)


def test_a_secret_dataset_is_told_to_those_whom_some_way_leads_in() -> None:
    secret = replace(ASKED_FOR, is_secret=True)
    export = replace(GRANT, modes=frozenset({"export"}))

    assert ask(secret) == denied(secret, "not-found")
    for void in (NO_SUCH_GRANT, replace(GRANT, agency="cc"), replace(GRANT, valid_to=AT)):
        assert ask(secret, grant=void) == denied(secret, "not-found")
    assert ask(secret, grant=export) == denied(secret, "denied", implied("prohibit"))
    assert ask(secret, agreements=(export,)) == denied(secret, "denied", implied("prohibit"))
    assert ask(secret, manages=True) == denied(secret, "denied", implied("prohibit"))
    assert ask(secret, replace(PERMIT, party=Party("agency", "bb"), modes=frozenset({"export"}))).code == "denied"


def test_an_access_or_filter_that_cannot_be_read_is_taken_at_its_strictest_and_said_to_be() -> None:
    unreadable = replace(PERMIT, filter="nosuch = 1")
    taking = replace(PROHIBIT, filter="")
    unknown = RuleFacts("f", Target("aa", "aa.d1", "id"))
    unfit = replace(unknown, key="f2", access=Access("round", to="month"))

    only, taken, hidden = ask(OPEN, unreadable), ask(OPEN, taking), ask(OPEN, unknown, unfit)

    assert only.because == (took_part(unreadable, "gate", effect="permit", is_readable=False),)
    assert only.rows == RowPolicy(())
    assert taken.because[1:] == (took_part(taking, "rows", effect="prohibit", is_readable=False),)
    assert taken.rows == NO_ROWS
    voices = tuple(took_part(rule, "fields", access=HIDDEN, field="id", is_readable=False) for rule in (unknown, unfit))
    assert hidden.fields[0] == FieldDecision(ID, HIDDEN, voices)


def test_a_permit_without_a_filter_shows_all_rows_beside_one_that_has_one() -> None:
    decision = ask(
        OPEN, replace(PERMIT, filter="id = 1"), replace(PERMIT, key="all"), replace(PROHIBIT, filter="id = 2")
    )

    assert decision.rows == RowPolicy("all", (tree("id = 2"),))


def test_the_most_specific_party_speaks_for_a_field_and_a_firm_access_is_its_floor() -> None:
    target = Target("aa", "aa.d1", "id")
    everyone = RuleFacts("f0", target, access=HIDDEN)
    group = RuleFacts("f1", target, Party("group", "near"), access=NULL)
    agency = RuleFacts("f2", target, Party("agency", "bb"), access=Access("round", to=10))
    client = RuleFacts("f3", target, Party("client", "bb/app"), access=CLEAR)
    floor = RuleFacts("f4", target, access=Access("round", to=100), is_firm=True)

    def shown(*rules: RuleFacts, grant: GrantFacts | None = None) -> Access:
        return ask(OPEN, *rules, grant=grant).fields[0].access

    assert shown(everyone) == HIDDEN
    assert shown(everyone, group) == NULL
    assert shown(everyone, group, agency) == Access("round", to=10)
    assert shown(everyone, group, agency, client) == CLEAR
    assert shown(everyone, group, agency, client, floor) == Access("round", to=100)
    assert shown(floor) == Access("round", to=100)
    assert shown(agency, grant=replace(GRANT, fields={"id": Access("round", to=20)})) == Access("round", to=20)
    assert shown(client, grant=replace(GRANT, fields={"id": NULL})) == CLEAR
    assert shown(group, grant=replace(GRANT, fields={"id": CLEAR})) == CLEAR


def test_the_gate_names_what_decided_and_what_could_have() -> None:
    firm = replace(PROHIBIT, is_firm=True)
    catalogue, dataset, beyond = (0, 0), (2, 0), (4, 0)

    open_to_all = Gate(True, (Implied(True),), catalogue)
    assert pass_gate(OPEN, (), None, "rows") == pass_gate(OPEN, (), None, None) == open_to_all
    assert pass_gate(ASKED_FOR, (), None, "rows") == Gate(False, (Implied(False),), dataset)
    assert pass_gate(CLOSED, (PERMIT,), GRANT, "rows") == Gate(False, (Implied(False),), beyond)
    assert pass_gate(OPEN, (PERMIT, firm), None, "rows") == Gate(False, (firm,), beyond)
    assert pass_gate(OPEN, (PERMIT, PROHIBIT), None, "rows") == Gate(False, (PROHIBIT,), dataset)
    assert pass_gate(ASKED_FOR, (PERMIT,), GRANT, "rows") == Gate(True, (GRANT,), (2, 2))


@pytest.mark.parametrize(
    ("scopes", "reads"),
    [
        ((), True),
        (("write",), False),
        (("read",), True),
        (("read:*",), True),
        (("read:aa.*",), True),
        (("read:aa.b.*",), False),
        (("read:aa.b.d1",), True),
        (("write", "read:aa.b.d1"), True),
        (("read:aa",), False),
    ],
)
def test_a_token_covers_all_an_agencys_or_one_dataset(scopes: Sequence[str], reads: bool) -> None:
    """An agency's code ends at the first dot."""
    assert may_read(frozenset(scopes), "aa.b.d1") == reads


def test_a_word_of_a_later_release_gives_nothing() -> None:
    party = Party("later", "bb")  # type: ignore[arg-type]

    assert not party.matches(READER)
    assert ask(replace(OPEN, sharing_class="later")).code == "closed"
    assert ask(OPEN, replace(PERMIT, effect="later")).code == "denied"  # type: ignore[arg-type]
