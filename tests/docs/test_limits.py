"""The documents' examples of limits, word for word, on the tutorial's hub."""

import json
import re
from pathlib import Path

from tests.docs.conftest import Shell, blocks
from tests.whole.conftest import ROOT

_ADMIN = """
cat > tutorial/limits.toml <<'END'
{manifest}
[[client]]
agency = "water"
name = "admin"
roles = ["system"]
END
.venv/bin/python manage.py apply tutorial/limits.toml
ADMIN=$(.venv/bin/python manage.py token create --agency water --client admin)
"""


def _limits(document: str) -> str:
    text = (ROOT / "docs" / document).read_text()
    return re.search(r"\n## Limits\n(.*?)\n## ", text, re.DOTALL)[1]  # type: ignore[index]


def test_limits_are_set_and_told_word_for_word(tutorial: list[str], shell: Shell, tmp_path: Path) -> None:
    (manifest,) = re.findall(r"```toml\n(.*?)```", _limits("operate.md"), re.DOTALL)
    (change,) = blocks(_limits("operate.md"))
    (ask,) = blocks(_limits("read.md"))

    applied = shell.run(_ADMIN.format(manifest=manifest))
    changed, told = json.loads(shell.run(change)), json.loads(shell.run(ask))

    assert applied.endswith("3 things changed.\n")
    assert shell.run(_ADMIN.format(manifest=manifest).rpartition("ADMIN=")[0]).endswith("othing to change.\n")
    assert (changed["name"], changed["limits"]) == ("dashboard", {"concurrent": 4, "requests_per_day": 100_000})
    assert (told["caller"]["name"], told["agency"]["name"]) == ("city/map", "city")
    assert told["caller"]["limits"]["requests_per_minute"] == 6_000
    assert told["caller"]["taken_today"]["requests"] >= 2
    assert told["caller"]["taken_today"]["rows"] >= 1
