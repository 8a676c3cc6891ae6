"""Sharing classes: who gives them, and what they rest on."""

from typing import Any

import pytest

from hub.accounts.caller import HUB, Caller
from hub.catalog.commands import register_dataset
from hub.catalog.models import Dataset
from policies.commands import (
    classify_dataset,
)
from tests.cast import agency, faults, member, refusal, traces
from tests.policies.acts import BASIS

pytestmark = pytest.mark.django_db


def test_class_is_kept_with_its_reasons(flights: Dataset, reviewer: Caller) -> None:
    events = traces(
        lambda: classify_dataset(
            actor=reviewer,
            dataset=flights,
            sharing_class="conditional",
            reason="Safety",
            legal_basis=BASIS,
            conditions="On request",
        )
    )

    kept = Dataset.objects.get()
    assert (kept.sharing_class, kept.reason, kept.conditions) == ("conditional", "Safety", "On request")
    assert kept.legal_basis == BASIS
    assert events == (["dataset.classified"], True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sharing_class": "open"}, [("class", "invalid")]),
        (
            {"sharing_class": "conditional"},
            [("reason", "required"), ("conditions", "required"), ("legal_basis", "citation-required")],
        ),
        ({"sharing_class": "closed"}, [("reason", "required"), ("legal_basis", "citation-required")]),
        ({"sharing_class": "closed", "reason": "Why", "legal_basis": [{}]}, [("legal_basis[0].title", "required")]),
        ({"sharing_class": "closed", "reason": "Why", "legal_basis": "Act"}, [("legal_basis", "invalid")]),
        ({"sharing_class": "closed", "reason": "Why", "legal_basis": ["Act"]}, [("legal_basis[0]", "invalid")]),
        (
            {"sharing_class": "closed", "reason": "Why", "legal_basis": [{"title": "Act", "page": "3"}]},
            [("legal_basis[0]", "invalid")],
        ),
        (
            {"sharing_class": "closed", "reason": "Why", "legal_basis": [{"title": "A\0"}]},
            [("legal_basis[0].title", "invalid")],
        ),
        ({"sharing_class": "unconditional", "reason": None}, [("reason", "invalid")]),
    ],
)
def test_class_is_refused_at_its_place(
    flights: Dataset, values: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(classify_dataset, actor=HUB, dataset=flights, **values) == expected
    assert Dataset.objects.get().sharing_class == "unconditional"


def test_what_is_published_is_classified_by_reviewers(flights: Dataset, publisher: Caller) -> None:
    for other in (publisher, member("met", "reviewer"), member("hub", "system"), member("dot", "requester")):
        assert refusal(classify_dataset, actor=other, dataset=flights, sharing_class="unconditional") == "forbidden"


def test_draft_is_classified_by_its_publishers_and_nobody_elses(publisher: Caller) -> None:
    draft = register_dataset(actor=publisher, agency=agency("dot"), key="dot.draft", title="Draft")
    closing: dict[str, Any] = {"sharing_class": "closed", "reason": "Why", "legal_basis": BASIS}

    assert refusal(classify_dataset, actor=member("met", "publisher"), dataset=draft, **closing) == "forbidden"
    assert classify_dataset(actor=publisher, dataset=draft, **closing).sharing_class == "closed"
