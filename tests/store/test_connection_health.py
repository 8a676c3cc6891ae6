"""A lasting connection that the server has ended is noticed before it is used, without a question to the server."""

import pytest
from django.db import connection, connections

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_ended_connection_is_replaced_and_a_sound_one_kept() -> None:
    serving = connections["serving"]
    first = _backend("serving")
    _begin_request()
    assert _backend("serving") == first
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
        assert cursor.fetchone() == (True,)

    _begin_request()

    assert serving.is_usable() is False
    assert _backend("serving") != first
    assert serving.is_usable() is True


def _begin_request() -> None:
    connections["serving"].health_check_enabled = True
    connections["serving"].health_check_done = False


def _backend(alias: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
