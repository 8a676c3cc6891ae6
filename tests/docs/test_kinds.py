"""The guide to a new kind of source: its example is one, as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.whole.conftest import ROOT

KIND, CONTRACT = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "kinds.md").read_text(), re.DOTALL)


def test_example_is_short() -> None:
    assert len(KIND.splitlines()) < 60


def test_example_passes_the_contract_without_another_word(tmp_path: Path) -> None:
    """In a process of its own that finds the file where a kind lies, beside the others."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "feed.py").write_text(KIND)
    (tmp_path / "test_feed.py").write_text(CONTRACT)
    (tmp_path / "conftest.py").write_text(
        f"from connectors import kinds\nkinds.__path__.append({str(folder)!r})\nimport django\ndjango.setup()\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings", "PYTHONPATH": str(ROOT)}
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:django",
        "--rootdir",
        str(tmp_path),
    ]

    done = subprocess.run(
        [*argv, str(tmp_path)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1[0-9] passed", done.stdout), done.stdout
