"""Sources of every kind that runs read, each on this machine."""

import pytest

from connectors.commands import register_source
from connectors.models import Source
from hub.accounts.caller import HUB
from hub.catalog.models import Dataset
from tests.connectors.kinds.conftest import database, execute, server_settings  # noqa: F401


@pytest.fixture
def tables(dataset: Dataset, server_settings: dict[str, str], database: str) -> Source:  # noqa: F811
    """Another database, whose tables ``execute`` makes."""
    config = {
        "host": server_settings["host"],
        "port": int(server_settings["port"]),
        "database": database,
        "user": server_settings["user"],
        "allow_loopback": True,
    }
    secrets = {"password": server_settings["password"]}
    return register_source(
        actor=HUB, key="tables", agency=dataset.agency, kind="postgres", config=config, secrets=secrets
    )
