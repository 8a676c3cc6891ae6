"""Agreements: who grants, what, and until when."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.models import User
from hub.catalog.models import Dataset
from policies.commands import (
    edit_agreement,
    edit_rule,
    end_agreement,
)
from policies.models import Agreement
from tests.cast import agency, faults, member, refusal, traces
from tests.policies.acts import BASIS, agree, draft

pytestmark = pytest.mark.django_db


def test_reviewer_grants_what_was_agreed(flights: Dataset, reviewer: Caller) -> None:
    access = {"kind": "partial", "head": 2, "tail": 0}
    events = traces(lambda: agree(reviewer, fields={"tail": access}))

    kept = Agreement.objects.get()
    assert (kept.fields, kept.purpose, kept.legal_basis) == ({"tail": access}, "Fleet statistics", BASIS)
    assert (kept.agreed_by, kept.granted_by) == (reviewer.name, User.objects.get(email=reviewer.email))
    assert timedelta(0) <= now() - kept.valid_from < timedelta(minutes=1)
    assert events == (["agreement.made"], True)


@pytest.mark.parametrize(
    ("code", "roles"), [("dot", ("publisher",)), ("ops", ("publisher",)), ("met", ("reviewer",)), ("hub", ("system",))]
)
def test_nobody_else_grants_changes_or_ends(flights: Dataset, code: str, roles: tuple[str, ...]) -> None:
    other, agreement = member(code, *roles), agree()

    assert refusal(agree, actor=other, key="a2") == "forbidden"
    assert refusal(edit_agreement, actor=other, agreement=agreement, purpose="Other") == "forbidden"
    assert refusal(end_agreement, actor=other, agreement=agreement) == "forbidden"
    assert Agreement.objects.get().purpose == "Fleet statistics"


def test_nobody_grants_to_themselves(flights: Dataset) -> None:
    both = member("dot", "reviewer", email="both@city.example")
    member("ops", "requester", email="both@city.example")
    agreement = agree()

    assert refusal(agree, actor=both, key="a2") == "second-person"
    assert refusal(agree, actor=member("ops", "authority"), key="a2") == "second-person"
    assert refusal(edit_agreement, actor=both, agreement=agreement, fields={}) == "second-person"
    assert agree(both, key="a2", agency=agency("met")).agreed_by == both.name


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"key": ""}, [("key", "invalid")]),
        ({"purpose": ""}, [("purpose", "required")]),
        ({"fields": {"none": "clear"}}, [("fields.none", "unknown-field")]),
        ({"fields": {"tail": "open"}}, [("fields.tail", "access-invalid")]),
        ({"fields": {"ok": {"kind": "round", "to": 1}}}, [("fields.ok", "access-invalid")]),
        ({"fields": {"id": {"kind": "round", "to": "0.5"}}}, [("fields.id", "access-invalid")]),
        ({"fields": ["tail"]}, [("fields", "invalid")]),
        ({"legal_basis": [{}]}, [("legal_basis[0].title", "required")]),
        ({"valid_to": None}, [("valid_to", "required")]),
        ({"valid_to": datetime(2000, 1, 1, tzinfo=UTC)}, [("valid_to", "invalid")]),
        ({"valid_to": date(2127, 1, 1)}, [("valid_to", "invalid")]),
        ({"filter": "id > 3"}, [("filter", "invalid")]),
        ({"modes": ["rows"]}, [("modes", "invalid")]),
        ({"colour": "red"}, [("colour", "unknown")]),
    ],
)
def test_agreement_is_refused_at_its_place(
    flights: Dataset, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(agree, **values) == expected
    assert not Agreement.objects.exists()


def test_conditional_data_is_granted_by_rows_and_modes_too(flights: Dataset) -> None:
    Dataset.objects.update(sharing_class="conditional", reason="Safety")

    made = agree(filter="id > 3", modes=["rows", "export"], valid_from=None)

    assert (made.filter, made.modes) == ("id > 3", ["rows", "export"])
    assert faults(agree, key="a2", filter="none = 1") == [("filter", "unknown-field")]


def test_agreement_is_changed_until_it_ends(flights: Dataset, reviewer: Caller) -> None:
    agreement = agree()
    stale = Agreement.objects.get()

    edit_agreement(actor=reviewer, agreement=agreement, fields={"tail": "hash"})
    assert traces(lambda: end_agreement(actor=reviewer, agreement=agreement)) == (["agreement.ended"], True)
    assert traces(lambda: end_agreement(actor=reviewer, agreement=stale)) == ([], False)

    kept = Agreement.objects.get()
    assert kept.fields == {"tail": "hash"}
    assert kept.ended_at is not None
    assert refusal(edit_agreement, actor=reviewer, agreement=kept, purpose="Other") == "ended"
    assert refusal(agree) == "exists"


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda actor: draft(actor), "rule.drafted"),
        (lambda actor: edit_rule(actor=actor, rule=draft(actor), reason="New"), "rule.edited"),
    ],
)
def test_each_change_is_recorded(flights: Dataset, act: Callable[[Caller], Any], kind: str) -> None:
    actor = member("dot", "publisher")

    assert traces(lambda: act(actor))[0][-1] == kind
