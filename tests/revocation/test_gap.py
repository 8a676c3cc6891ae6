"""A read that was decided before the commit and runs after it is refused: no gap between decision and rows."""

import threading
import time

import pytest
from django.db import connection, connections, transaction

from hub.audit.models import Event
from hub.errors import HubError
from hub.query.door import read_rows, stream_rows
from hub.query.params import parse_rows_query
from tests.revocation.conftest import KEY, Cast
from tests.revocation.test_streams import ENDS

pytestmark = pytest.mark.django_db(transaction=True)

_QUERIES = {"page": {}, "stream": {"f": ["ndjson"], "limit": ["all"]}}


@pytest.mark.parametrize("form", _QUERIES)
@pytest.mark.parametrize("name", [*ENDS, "member removed"])
def test_read_that_waits_while_the_right_ends_is_refused(cast: Cast, name: str, form: str) -> None:
    caller = cast.person() if name == "member removed" else cast.program()
    query = parse_rows_query(_QUERIES[form])
    end = cast.remove_member if name == "member removed" else lambda: ENDS[name][0](cast)
    read_rows(caller, KEY, parse_rows_query({}))  # so that the decision is there already
    answers: list[object] = []

    def read() -> None:
        try:
            if form == "page":
                answers.append(read_rows(caller, KEY, query).rows)
            else:
                answers.append(b"".join(stream_rows(caller, KEY, query).chunks))
        except HubError as refused:
            answers.append(refused)
        finally:
            connections.close_all()

    thread = threading.Thread(target=read)
    with transaction.atomic():
        _hold_reads()
        thread.start()
        _wait_until_one_waits()
        end()
    thread.join(30)

    (answer,) = answers
    if name == "field hidden":
        assert isinstance(answer, str | bytes)
        assert b"secret" not in (answer if isinstance(answer, bytes) else answer.encode())
    else:
        assert isinstance(answer, HubError)
        assert answer.status in (401, 403)
        assert Event.objects.filter(kind__in=("rows.read", "rows.stream")).count() == 1


def _hold_reads() -> None:
    """Every statement of the door looks at the epoch: until the commit it has to wait."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_epoch IN ACCESS EXCLUSIVE MODE")


def _wait_until_one_waits() -> None:
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'accounts_epoch'::regclass")
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < until
            time.sleep(0.01)
