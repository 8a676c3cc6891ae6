"""Whatever the OpenAPI document lets somebody ask is answered as the document says, to whoever asks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from schemathesis.transport.wsgi import WSGITransport

from tests.api.conftest import document
from tests.document.asking import PARTIES, ask_all
from tests.document.world import make_world

pytestmark = pytest.mark.timeout(3600)
REACHED = {"administrator": {200, 201, 400, 404, 405}, "reader": {200, 400, 403, 404, 405}, "stranger": {401, 404}}
"""Statuses without which a party asked nothing to speak of."""


@pytest.fixture
def tokens(transactional_db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of each party, on a hub whose files are the test's own."""
    monkeypatch.setenv("HUB_FILE_ROOTS", str(tmp_path))
    settings.HUB_DATA = tmp_path / "data"
    settings.HUB_RATE_LIMITS = False
    return make_world(tmp_path)


@pytest.fixture
def server(tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The hub as its web server calls it, in threads that come and go; their connections are closed at the end."""
    from hub.wsgi import application

    opened: set[BaseDatabaseWrapper] = set()
    send = WSGITransport.send

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return application(environ, start_response)
        finally:
            for connection in set(connections.all(initialized_only=True)) - opened:
                connection.inc_thread_sharing()
                opened.add(connection)

    def sent(self: WSGITransport, *args: Any, **kwargs: Any) -> Any:
        """Some checks hand on what only a socket understands, which the client for WSGI refuses."""
        known = {name: value for name, value in kwargs.items() if name not in ("max_redirects", "verify", "cert")}
        return send(self, *args, **known)

    monkeypatch.setattr(WSGITransport, "send", sent)
    monkeypatch.setattr("django.conf.settings.ALLOWED_HOSTS", ["localhost"])
    yield answer
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("party", PARTIES)
def test_answers_are_those_of_the_document(tokens: dict[str, str], server: Callable[..., Any], party: str) -> None:
    asked = ask_all(server, party, tokens[party])

    assert asked.faults == []
    assert set(asked.statuses) >= REACHED[party]
    assert len(asked.operations) >= 0.9 * sum(map(len, document()["paths"].values()))
