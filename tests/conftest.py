"""What all tests share: the serving role beside the test database."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from xdist.scheduler import LoadFileScheduling

from hub.local.connection import DATABASE

TESTS = Path(__file__).parent
LONG = (
    *("quiet/", "whole/test_chaos", "local/", "whole/", "totality/", "connectors/runs/test_killed", "revocation/"),
    *("document/", "e2e/", "docs/", "connectors/runs/test_checkpoints"),
)
"""Files that take long begin first, beside the rest: a file is one process's, and none may be left over at the end."""

ON_ONE_HUB = tuple(f"tests/whole/test_{name}.py" for name in ("examples", "files", "keep_a_copy", "recovery", "up"))
"""Files that share a whole hub, which takes a dozen processes to start."""


class Files(LoadFileScheduling):
    """A process of a parallel run gets a file, or all that share a hub."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return ON_ONE_HUB[0] if file in ON_ONE_HUB else str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    return Files(config, log)


def pytest_configure() -> None:
    """Passwords of the tests are hashed as all are, but in one round: a million of them take half a second each.

    Whole hubs are processes of their own and hash as in production. Each process of a parallel run has a part of
    Valkey of its own, as it has a database.
    """
    from django.conf import settings
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.test import TransactionTestCase

    from tests.emptying import empty

    PBKDF2PasswordHasher.iterations = 1
    TransactionTestCase._fixture_teardown = lambda case: empty()
    connections["default"].settings_dict["TEST"]["TEMPLATE"] = DATABASE
    part = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    settings.CELERY_BROKER_URL += f"?virtual_host={part}"
    settings.HUB_VALKEY_URL += f"?db={part}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: "pytest.FixtureRequest") -> Iterator[None]:
    """The serving role's rights belong to the database that the tests run on."""
    from hub.store.roles import ensure_serving_role

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        ensure_serving_role()
    yield
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        connections["serving"].close()


@pytest.fixture(autouse=True)
def serving(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test within one transaction serves on the owner's connection, as nobody else sees its rows.

    A test that commits (``transactional_db``) serves as the role that it is in production; the emptying of tables
    that follows it also takes the row which every hub has from its migrations.
    """
    from hub.accounts.models import Epoch
    from hub.query.kept import Kept

    Kept.forget()
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        yield
        return
    is_committing = bool(marker.kwargs.get("transaction")) or "transactional_db" in request.fixturenames
    request.getfixturevalue("transactional_db" if is_committing else "db")
    Epoch.objects.get_or_create(pk=1)
    if is_committing:
        yield
        return
    own = connections["serving"]
    connections["serving"] = connections["default"]
    yield
    connections["serving"] = own


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are named by their argument: what is packed holds the hour, and all workers must name a test the same."""
    return argname if isinstance(val, bytes) else None


def _rank(item: pytest.Item) -> int:
    """The place in ``LONG``, and behind it all the others in their own order."""
    path = item.path.relative_to(TESTS).as_posix()
    return next((rank for rank, name in enumerate(LONG) if path.startswith(name)), len(LONG))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that uses the database may use the serving connection too; long files begin first."""
    items.sort(key=_rank)
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker is not None or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            options = {"databases": ["default", "serving"], **(marker.kwargs if marker else {})}
            item.add_marker(pytest.mark.django_db(**options), append=False)
