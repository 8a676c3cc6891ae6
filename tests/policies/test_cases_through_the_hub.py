"""The worked cases, from manifest and files to the rows that leave through the API."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from connectors.models import Run, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.accounts.commands import issue_token
from hub.accounts.models import Client
from hub.manifest.apply import apply_manifest
from tests.policies.cases import CASES, FOLDERS


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
    clients = Client.objects.select_related("agency")
    tokens = {str(client): issue_token(actor=HUB, client=client)[1] for client in clients}

    answers = [_answer(tokens[case["reader"]], case) for case in expected]

    assert answers == [_pseudonymised(case) for case in expected]


def _answer(token: str, case: dict[str, Any]) -> dict[str, Any]:
    asked = {name: case[name] for name in ("reader", "dataset", "agreement") if name in case}
    headers = {"Authorization": f"Bearer {token}", "Hub-Agreement": case.get("agreement", "")}
    address = f"/api/v1/datasets/{case['dataset']}"
    answer = Browser().get(f"{address}/rows", {"limit": "10000", "numbers": "string"}, headers=headers)
    told = Browser().get(f"{address}/access", headers=headers).json()
    if answer.status_code == 403:
        assert told["decision"] == "deny"
        code = answer.json()["code"]
        return asked | {"denied": code if code == "agreement-required" else True}
    fields = {field["name"]: field["access"] for field in told["fields"]}
    rows = sorted(answer.json()["data"], key=lambda row: int(row["id"]))
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
