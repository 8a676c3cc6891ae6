"""How many statements an answer takes: a decision that is kept adds none to those that read caller and data."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from hub.accounts.commands import bump_epoch
from hub.catalog.models import Dataset
from tests.api.conftest import Api


@contextmanager
def statements() -> Iterator[tuple[list[str], list[str]]]:
    """Those of the hub's own connection and of the serving one."""
    own: list[str] = []
    serving: list[str] = []
    with (
        CaptureQueriesContext(connections["default"]) as first,
        CaptureQueriesContext(connections["serving"]) as second,
    ):
        yield own, serving
    own += [query["sql"] for query in first.captured_queries]
    serving += [query["sql"] for query in second.captured_queries]


@pytest.mark.parametrize(
    ("path", "reading", "served"),
    [("/access", 0, 0), ("/schema", 1, 0), ("", 3, 0)],
)
def test_a_kept_decision_takes_no_statement(
    reader: Api, flights: Dataset, transactional_db: None, path: str, reading: int, served: int
) -> None:
    address = f"datasets/dot.flights{path}"
    assert reader.get(address).status_code == 200

    with statements() as (own, serving):
        assert reader.get(address).status_code == 200

    assert ("accounts_token" in own[0], "accounts_epoch" in own[0]) == (True, True)
    assert (len(own), len(serving)) == (1 + reading, served), own
    assert not any("policies_rule" in sql or "policies_agreement" in sql for sql in own)


def test_a_kept_read_is_one_statement_that_looks_at_token_and_epoch_itself(
    reader: Api, flights: Dataset, transactional_db: None
) -> None:
    for _ in range(2):
        with statements() as (own, serving):
            assert reader.get("datasets/dot.flights/rows").status_code == 200

    assert (own, len(serving)) == ([], 1)


def test_it_is_made_again_at_the_next_epoch(reader: Api, flights: Dataset, transactional_db: None) -> None:
    reader.get("datasets/dot.flights/access")
    bump_epoch()

    with statements() as (own, _):
        reader.get("datasets/dot.flights/access")

    assert any("policies_rule" in sql for sql in own)


def test_a_list_takes_as_many_statements_however_long_it_is(reader: Api, dataset: object) -> None:
    asked = {"q": "dot", "facets": "agency,theme,class"}
    reader.get("datasets", asked)  # from then on it is known how common the word is
    counted = []
    for names in (["one"], ["two", "three", "four", "five"]):
        for name in names:
            dataset(name)  # type: ignore[operator]
        with statements() as (own, _):
            reader.get("datasets", asked)
        counted.append(sum("accounts_usage" not in sql for sql in own))  # which is written by the clock
    assert counted[0] == counted[1] <= 12
