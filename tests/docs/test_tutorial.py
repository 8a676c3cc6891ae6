"""The README's tutorial and what the documents on rules and limits add to it, word for word, as newcomers run them."""

import json
import re
from typing import Any

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


def test_tutorial_works_word_for_word(tutorial: list[str]) -> None:
    _csv, applied, synced, read, access, exception = tutorial
    rows, told = json.loads(read), json.loads(access)
    shown = json.loads(exception.splitlines()[-1])

    assert applied.endswith("6 things changed.\n")
    assert synced.startswith("succeeded: rows_read 3, inserted 3,")
    assert rows["data"] == [{"well": "W-2", "district": "North", "depth_m": 120.0}]
    assert told["decision"] == "permit"
    assert told["next_step"] == "Apply to water to see in clear: owner_phone."
    assert re.fullmatch("[0-9a-f]{32}", shown["data"][0]["owner_phone"])


def test_rules_are_kept_word_for_word(tutorial: list[str], shell: Shell) -> None:
    roles, draft, rehearse, approve, review, apply, agree, under, ledger = blocks(
        (ROOT / "docs" / "rules.md").read_text()
    )

    assert shell.run(roles).endswith("3 things changed.\n")
    (drafted,) = _answers(shell.run(draft))
    assert (drafted["status"], drafted["warnings"]) == ("draft", [])
    (rehearsed,) = _answers(shell.run(rehearse))
    assert rehearsed["agencies"] == [{"agency": "city", "gains": 0, "loses": 2, "changes": 0, "same": 0}]
    approved, rows = _answers(shell.run(approve))
    assert approved["status"] == "approved"
    assert [row["depth_m"] for row in rows["data"]] == [50.0, 100.0, None]
    confirmed, versions = _answers(shell.run(review))
    assert confirmed["review_at"] > approved["review_at"]
    assert [version["status"] for version in versions["data"]] == ["draft", "approved", "approved"]
    shell.run(apply)
    (agreed,) = _answers(shell.run(agree))
    assert (agreed["status"], agreed["agreement"]) == ("agreed", "city-floods")
    granted, ended, refused = _answers(shell.run(under))
    assert [row["depth_m"] for row in granted["data"]] == [35.5, 120.0, None]
    assert ended["ended_by"] == "city/office"
    assert refused["code"] == "agreement-invalid"
    (exceptions,) = _answers(shell.run(ledger))
    asked = {entry["target"]: entry["asked"] for entry in exceptions["data"]}
    assert asked["water.wells#depth_m"] == 1


def test_limits_are_set_and_told_word_for_word(tutorial: list[str], shell: Shell) -> None:
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


def _limits(document: str) -> str:
    text = (ROOT / "docs" / document).read_text()
    return re.search(r"\n## Limits\n(.*?)\n## ", text, re.DOTALL)[1]  # type: ignore[index]


def _answers(printed: str) -> list[Any]:
    """The JSON texts that commands printed one after another."""
    found, decoder = [], json.JSONDecoder()
    while printed.strip():
        value, end = decoder.raw_decode(printed.strip())
        found.append(value)
        printed = printed.strip()[end:]
    return found
