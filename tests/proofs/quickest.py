"""Runs the quickest tests of a mutant first, as most mutants fall to one of them; loaded with ``-p``."""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings

MEASURED = Path("mutmut-stats.json")
"""Where mutmut keeps how long each test took on the unbroken code; not there yet while it measures."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MEASURED.exists():
        seconds = json.loads(MEASURED.read_text())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))


def pytest_sessionstart() -> None:
    """Mutants run side by side: on one database each would notice the other."""
    for account in settings.DATABASES.values():
        account.setdefault("TEST", {})["NAME"] = f"mutant_{os.getpid()}"
