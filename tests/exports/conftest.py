"""The cast of the API, on a folder of files for each test."""

from typing import Any

import pytest

from tests.api.conftest import (  # noqa: F401
    as_agency,
    dataset,
    flights,
    no_limits_left_over,
    owner,
    reader,
    token_of,
)


@pytest.fixture(autouse=True)
def data(tmp_path: Any, settings: Any) -> None:
    settings.HUB_DATA = tmp_path
