"""Through the web server's entrance: what programs read past Django's signals is what Django's own handler answers."""

import io
import re
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import connections

from hub.catalog.models import Dataset
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "/api/v1/datasets/dot.flights/rows"
_DRAWN = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|gAAAA[-\w]+")
"""Receipts and cursors, which are others each time."""


def _asked(handle: Any, token: str, path: str, query: str = "") -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body, with one word for all that is drawn by lot."""
    head: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "HTTP_HOST": "localhost",
        **({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}),
    }
    body = handle(environ, lambda status, headers: head.extend((status, dict(headers))))
    text = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    headers = {name: value for name, value in head[1].items() if name != "RateLimit-Reset"}
    headers = {name: "drawn" if name == "Hub-Receipt" else value for name, value in headers.items()}
    return head[0], headers, _DRAWN.sub(b"drawn", text)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (ROWS, "limit=2"),
        (f"{ROWS}/1", ""),
        (f"{ROWS}/4711", ""),
        (ROWS, "f=csv&limit=all"),
        (ROWS, "filter=nosuch"),
        ("/api/v1/datasets/dot.flights/aggregate", ""),
        ("/api/v1/datasets/dot.nosuch/rows", ""),
    ],
)
def test_a_read_is_answered_as_django_s_handler_does(
    reader: Api, flights: Dataset, settings: Any, path: str, query: str
) -> None:
    from hub.wsgi import application

    settings.HUB_RATE_LIMITS = False
    announced: list[Any] = []
    request_started.connect(lambda **kwargs: announced.append(kwargs), weak=False, dispatch_uid="entrance")
    try:
        for token in (reader.token, "hub_of-nobody", ""):
            ours = _asked(application, token, path, query)
            assert bool(announced) == (not token)

            theirs = _asked(lambda *exchange: WSGIHandler.__call__(application, *exchange), token, path, query)

            assert ours == theirs
            announced.clear()
    finally:
        request_started.disconnect(dispatch_uid="entrance")


def test_a_connection_that_the_server_ended_is_made_anew(reader: Api, flights: Dataset) -> None:
    from hub.wsgi import application

    assert _asked(application, reader.token, ROWS)[0] == "200 OK"
    with connections["serving"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    other: Any = connections["default"].copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    other.close()

    assert _asked(application, reader.token, ROWS)[0] == "200 OK"
