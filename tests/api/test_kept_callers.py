"""Who carries a token is kept from read to read: what changes in between holds at once, in answers and in refusals."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.models import Client, Token
from hub.accounts.queries import token_digest
from hub.api.middleware import read_at
from hub.audit.models import Event
from hub.catalog.models import Dataset
from policies import commands as policies
from policies.models import Rule
from tests.api.conftest import Api

ROWS = "datasets/dot.flights/rows"
WORDS = {"reason": "It leads to a person", "legal_basis": [{"title": "An act"}]}


def body(response: Any) -> Any:
    return json.loads(response.content)


def test_the_carrier_is_read_once(reader: Api, flights: Dataset) -> None:
    reader.get(ROWS)
    assert _times_asked(lambda: reader.get(f"{ROWS}/1")) == 0
    accounts.set_group(actor=HUB, key="others", agencies=[])
    assert _times_asked(lambda: reader.get(ROWS)) == 1
    assert _times_asked(lambda: reader.get(ROWS)) == 0


def _revoke(client: Client) -> None:
    accounts.revoke_token(actor=HUB, token=Token.objects.get(client=client))


def _switch_off(client: Client) -> None:
    accounts.switch_client(actor=HUB, client=client, is_active=False)


def _expire(client: Client) -> None:
    Token.objects.filter(client=client).update(expires_at="2020-01-01T00:00Z")


@pytest.mark.parametrize("end", [_revoke, _switch_off, _expire])
@pytest.mark.parametrize("path", ["", "/1", "?nothing=1", "/nothing", "?limit=0", "?f=csv&limit=all"])
def test_a_kept_carrier_that_has_ended_is_nobody(
    reader: Api, flights: Dataset, end: Callable[[Client], None], path: str
) -> None:
    assert reader.get(ROWS).status_code == 200
    end(Token.objects.get(digest=token_digest(reader.token)).client)
    before = Event.objects.filter(kind__startswith="rows.").count()

    response = reader.get(f"{ROWS}{path}")

    assert (response.status_code, body(response)["code"]) == (401, "token-invalid")
    assert b"flights" not in response.content
    assert Event.objects.filter(kind__startswith="rows.").count() == before


def test_a_refusal_is_of_the_rules_as_they_are(reader: Api, flights: Dataset) -> None:
    rule = _rule("hide", target="dot.flights#delay", party="everyone", access="hidden")
    assert reader.get(ROWS, {"delay": "1.5"}).status_code == 400
    policies.retire_rule(actor=HUB, rule=rule)
    assert len(body(reader.get(ROWS, {"delay": "1.5"}))["data"]) == 1
    _rule("hide-again", target="dot.flights#delay", party="everyone", access="hidden")
    refused = body(reader.get(ROWS, {"delay": "no number"}))
    assert (refused["code"], refused["detail"]) == ("unknown-field", "There is no field or parameter delay.")


def test_who_is_let_in_since_is_not_recorded_as_refused(reader: Api, flights: Dataset) -> None:
    accounts.set_group(actor=HUB, key="some", agencies=[])
    _rule("closed", target="dot.flights", party="everyone", effect="prohibit")
    _rule("for-some", target="dot.flights", party="group:some", effect="permit", firm=False)
    assert reader.get(ROWS).status_code == 403
    accounts.set_group(actor=HUB, key="some", agencies=["ops"])
    assert reader.get(ROWS).status_code == 200
    assert Event.objects.filter(kind="rows.refused").count() == 1


@pytest.mark.parametrize("path", ["rows", "aggregate", "changes", "rows/1", "rows/a/b", "rows/1,2", "rows/rows"])
def test_the_short_way_leads_where_the_addresses_do(path: str) -> None:
    address = f"/api/v1/datasets/dot.flights/{path}"
    view, arguments = read_at(address)
    found = resolve(address)
    assert (type(view), arguments) == (found.func.view_class, found.kwargs)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["rows/", "row", "", "rows/a\nb", "schema", "file.csv", "rowsx", "x/rows", "rows\n"])
def test_other_addresses_are_left_to_all_the_rest(path: str) -> None:
    assert read_at(f"/api/v1/datasets/dot.flights/{path}") == (None, {})


def _rule(key: str, **values: Any) -> Rule:
    rule = policies.draft_rule(actor=HUB, key=key, **WORDS, **values)
    return policies.approve_rule(actor=HUB, rule=rule)


def _times_asked(act: Callable[[], Any]) -> int:
    """How often the table of tokens was read to find the carrier of one."""
    with CaptureQueriesContext(connection) as statements:
        assert act().status_code == 200
    return sum("accounts_client c" in asked["sql"] for asked in statements.captured_queries)
