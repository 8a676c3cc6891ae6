"""The worked cases of the policy, decided and shown without any database."""

import datetime as dt
from typing import Any

import pytest

from policies.decision import Decision
from policies.pdp import decide
from tests.policies.cases import FOLDERS, Case, load, shown

AT = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_reader_sees_exactly_what_the_case_says(folder: str) -> None:
    case = load(folder)

    answers = [_answer(case, expected) for expected in case.expected]

    assert answers == case.expected


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_owner_sees_everything_in_clear(folder: str) -> None:
    case = load(folder)
    for dataset in case.datasets.values():
        decision = decide(case.callers["aa/own"], dataset, case.rules, None, "rows", AT, agreements=case.grants)

        assert (decision.permit, decision.own, decision.until) == (True, True, None)
        assert {field.access.kind for field in decision.fields} == {"clear"}
        assert all(decision.rows.admits(row) for row in case.rows[dataset.key])


def _answer(case: Case, expected: dict[str, Any]) -> dict[str, Any]:
    asked = {name: expected[name] for name in ("reader", "dataset", "agreement") if name in expected}
    caller, dataset = case.callers[expected["reader"]], case.datasets[expected["dataset"]]
    grant = next((grant for grant in case.grants if grant.key == expected.get("agreement")), None)
    decision = decide(caller, dataset, case.rules, grant, "rows", AT, agreements=case.grants)
    if not decision.permit:
        return asked | {"denied": decision.code if decision.code == "agreement-required" else True}
    fields = {field.name: field.access.as_json() for field in decision.fields}
    return asked | {"fields": fields, "rows": _rows(decision, case.rows[dataset.key])}


def _rows(decision: Decision, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    visible = sorted((row for row in rows if decision.rows.admits(row)), key=lambda row: int(str(row["id"])))
    return [
        {field.name: shown(row[field.name], field.access, field.type) for field in decision.seen_fields}
        for row in visible
    ]
