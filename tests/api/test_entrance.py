"""Through the web server's entrance: what programs read past Django's signals is what Django's own handler answers."""

import io
import re
from typing import Any
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import connections

from hub.catalog.models import Dataset
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "/api/v1/datasets/dot.flights/rows"
Answered = tuple[int, dict[str, str], bytes]
_DRAWN = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|cur_[-\w]+")
"""Receipts and cursors, which are others each time."""


def asked(handle: Any, token: str, path: str, query: str = "", **headers: str) -> Answered:
    """What ``handle`` answers, Django's own handler where it is None, without what is drawn."""
    head: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "HTTP_HOST": "localhost",
        **({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}),
        **{f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()},
    }
    body = (handle or _django)(environ, lambda status, headers: head.extend((status, headers)))
    text = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return drawn((int(head[0].split()[0]), {name.lower(): value for name, value in head[1]}, text))


def drawn(answered: Answered) -> Answered:
    """The same with one word for all that is drawn by lot, in a body that is unpacked."""
    status, headers, text = answered
    headers = {name: value for name, value in headers.items() if name != "ratelimit-reset"}
    headers = {name: "drawn" if name == "hub-receipt" else value for name, value in headers.items()}
    if "content-encoding" in headers:
        unpacked = pa.CompressedInputStream(pa.BufferReader(text), headers["content-encoding"]).read()
        headers, text = {name: value for name, value in headers.items() if name != "content-length"}, unpacked
    return status, headers, _DRAWN.sub(b"drawn", text)


def _django(*exchange: Any) -> Any:
    from hub.wsgi import application

    return WSGIHandler.__call__(application, *exchange)


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
            ours = asked(application, token, path, query)
            assert bool(announced) == (not token)

            assert ours == asked(None, token, path, query)
            announced.clear()
    finally:
        request_started.disconnect(dispatch_uid="entrance")


def test_a_connection_that_the_server_ended_is_made_anew(reader: Api, flights: Dataset) -> None:
    from hub.wsgi import application

    assert asked(application, reader.token, ROWS)[0] == 200
    with connections["serving"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    other: Any = connections["default"].copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    other.close()

    assert asked(application, reader.token, ROWS)[0] == 200
