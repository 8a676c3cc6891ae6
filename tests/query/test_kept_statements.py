"""A statement is made once for reads of one shape, and anew for a view that is another one."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, Membership, User
from hub.accounts.queries import current_epoch
from hub.catalog.models import Dataset
from hub.query.door import RowsPage, read_row
from policies.models import Rule
from tests.feeds import load_rows

Read = Callable[..., RowsPage]
BEGINS = 3
pytestmark = pytest.mark.django_db(transaction=True)


def ids(page: RowsPage) -> list[int]:
    return [row["id"] for row in json.loads(f"[{page.rows}]")]


@pytest.mark.parametrize("is_prepared", [True, False])
def test_rule_that_begins_by_itself_holds_from_that_moment(
    rule: Callable[..., Rule], ops: Caller, read: Read, settings: LazySettings, is_prepared: bool
) -> None:
    settings.HUB_PREPARED_STATEMENTS = is_prepared
    begins = now() + timedelta(seconds=BEGINS)
    rule(effect="prohibit", filter="id > 3", valid_from=begins)
    rule(target_field="tailnum", access={"kind": "redact"}, effect="", valid_from=begins)
    caller = replace(ops, epoch=current_epoch())

    for _ in range(2):
        assert ids(read(caller, limit="5")) == [1, 2, 3, 4, 5]
        assert '"N1"' in read_row(caller, "dot.flights", ("1",)).rows
    time.sleep(max(0, (begins - now()).total_seconds()))

    assert ids(read(caller, limit="5")) == [1, 2, 3]
    assert '"***"' in read_row(caller, "dot.flights", ("1",)).rows


def test_filter_of_the_readers_own_is_read_with_its_count(flights: Dataset, read: Read) -> None:
    page = read(filter="id > 17", count="exact", limit="2")

    assert (ids(page), page.count) == ([18, 19], 3)


def test_rows_that_moved_to_another_table_are_read_there(flights: Dataset, read: Read) -> None:
    user = User.objects.create_user("reader@ops.example")
    Membership.objects.create(user=user, agency=Agency.objects.get(code="ops"))
    Dataset.objects.filter(pk=flights.pk).update(primary_key=[])
    flights.refresh_from_db()
    for round_ in range(3):
        load_rows(flights, [{"id": 100 * round_ + number} for number in range(3)])

        assert sorted(ids(read(limit="5"))) == [100 * round_ + number for number in range(3)]
