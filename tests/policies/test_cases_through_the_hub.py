"""The worked cases, from manifest and files to the rows that leave through the door."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.models import Run, Stream
from connectors.runner import carry_out
from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import issue_token
from hub.accounts.models import Client
from hub.accounts.queries import caller_for_token
from hub.errors import Forbidden
from hub.manifest.apply import apply_manifest
from hub.query.door import Purpose, read_rows
from hub.query.params import parse_rows_query
from hub.query.views import decision_for
from policies.explain import explanation
from tests.policies.cases import CASES, FOLDERS

ALL = parse_rows_query({"limit": ["10000"], "numbers": ["string"]})


@pytest.fixture
def hub_of(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A hub made from a case's manifest, with its files read in."""

    def made(folder: str) -> None:
        monkeypatch.setenv("CASE_DIR", str(CASES / folder))
        monkeypatch.setenv("HUB_FILE_ROOTS", str(CASES))
        apply_manifest(CASES / folder / "manifest.toml")
        for stream in Stream.objects.all():
            run = Run.objects.create(stream=stream)
            carry_out(run.pk)
            run.refresh_from_db()
            assert (run.status, run.error_message) == ("succeeded", "")

    return made


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_reader_gets_exactly_the_rows_of_the_case(folder: str, hub_of: Callable[[str], None]) -> None:
    hub_of(folder)
    expected = json.loads((CASES / folder / "expected.json").read_text())
    callers = {str(client): _caller(client) for client in Client.objects.select_related("agency")}

    answers = [_answer(callers[case["reader"]], case) for case in expected]

    assert answers == [_pseudonymised(case) for case in expected]


def _caller(client: Client) -> Caller:
    caller = caller_for_token(issue_token(actor=HUB, client=client)[1])
    assert caller is not None
    return caller


def _answer(caller: Caller, case: dict[str, Any]) -> dict[str, Any]:
    asked = {name: case[name] for name in ("reader", "dataset", "agreement") if name in case}
    key, agreement = case["dataset"], case.get("agreement", "")
    try:
        page = read_rows(caller, key, ALL, Purpose(agreement))
    except Forbidden as denied:
        return asked | {"denied": denied.code if denied.code == "agreement-required" else True}
    told = explanation(decision_for(caller, key, agreement=agreement))
    fields = {field["name"]: field["access"] for field in told["fields"]}
    rows = json.loads(f"[{page.rows}]")
    if "id" in (rows[0] if rows else {}):
        rows.sort(key=lambda row: int(row["id"]))
    return asked | {"fields": fields, "rows": [_with_equal_hashes(row, fields) for row in rows]}


def _with_equal_hashes(row: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Of a hash only its shape is known beforehand."""
    return {name: _shape(value) if fields[name] == "hash" else value for name, value in row.items()}


def _shape(value: str | None) -> object:
    return None if value is None else (len(value), set(value) <= set("0123456789abcdef"))


def _pseudonymised(case: dict[str, Any]) -> dict[str, Any]:
    if "rows" not in case:
        return case
    rows = [
        {name: (32, True) if isinstance(value, dict) else value for name, value in row.items()} for row in case["rows"]
    ]
    return case | {"rows": rows}
