"""The reference consumer of docs/ keeps a copy that is equal after loads and changes of policy, on a running hub."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from tests.whole.conftest import ROOT, WholeHub, manage, started, stopped

SCRIPT = ROOT / "docs" / "keep_a_copy.py"
FIELDS = {
    "id": "integer",
    "站": "string",
    "paid": "decimal",
    "ratio": "number",
    "at": "datetime",
    "day": "date",
    "ok": "boolean",
    "pilot": "string",
}
MANIFEST = """
agency: [{code: dot, name: Transport}, {code: ops, name: Operations}]
client: [{agency: dot, name: app}, {agency: ops, name: app}]
source: [{key: files, agency: dot, kind: file, config: {url: "file://FOLDER/"}}]
dataset:
- key: dot.journeys
  title: Journeys
  primary_key: [站, id]
  sensitivity: public
  field: [FIELDS]
stream: [{key: journeys, source: files, dataset: dot.journeys, select: {path: journeys.csv}}]
"""
POLICIES = (
    {"target": "dot.journeys", "effect": "prohibit", "filter": "id > 30"},
    {"target": "dot.journeys", "effect": "prohibit", "filter": "站 = 'b'", "party": "agency:ops"},
    {"target": "dot.journeys#pilot", "access": "hash"},
    {"target": "dot.journeys#paid", "access": {"kind": "round", "to": 10}},
    {"target": "dot.journeys#at", "access": "hidden"},
)


def test_copy_is_equal_after_loads_and_changes_of_policy(hub: WholeHub, tmp_path: Path) -> None:
    draw, copies = random.Random(5), tmp_path
    declared = ", ".join(f"{{name: {name}, type: {type_}}}" for name, type_ in FIELDS.items())
    _apply(hub, MANIFEST.replace("FOLDER", str(_files(hub))).replace("FIELDS", declared))
    tokens = {agency: hub.token(agency, "app") for agency in ("dot", "ops")}
    for step in range(6):
        _load(hub, draw)
        if step % 2:
            _apply(hub, json.dumps({"rule": [_rule(draw)]}))
        for agency, token in tokens.items():
            if draw.random() < 0.7 or step == 5:
                assert _kept(hub, token, copies / f"{agency}.duckdb") == _read(hub, token)


def test_copy_begins_again_where_its_position_is_unknown(hub: WholeHub, tmp_path: Path) -> None:
    declared = ", ".join(f"{{name: {name}, type: {type_}}}" for name, type_ in FIELDS.items())
    _apply(hub, MANIFEST.replace("FOLDER", str(_files(hub))).replace("FIELDS", declared))
    _load(hub, random.Random(1))
    token, copy = hub.token("ops", "app"), tmp_path / "ops.duckdb"
    hub.manage("backup", str(tmp_path / "backup"))
    _load(hub, random.Random(2))
    assert _kept(hub, token, copy) == _read(hub, token)

    restored = hub.folder.parent / "restored"
    assert "is restored" in manage(restored, "restore", str(tmp_path / "backup")).stdout
    again = started(restored, HUB_FILE_ROOTS=str(_files(hub)))
    try:
        _load(again, random.Random(3))
        assert _kept(again, token, copy) == _read(again, token)
    finally:
        stopped(again)


def _files(hub: WholeHub) -> Path:
    return hub.folder.parent / "files"


def _apply(hub: WholeHub, manifest: str) -> None:
    path = hub.folder.parent / "hub.yaml"
    path.write_text(manifest)
    hub.manage("apply", str(path))


def _load(hub: WholeHub, draw: random.Random) -> None:
    lines = [",".join(FIELDS)]
    for id in draw.sample(range(1, 41), draw.randint(25, 35)):
        for station in draw.sample("abc", 2):
            cells = [id, station, draw.choice(["-7", "1.50", "12345678901234567890.25"]), draw.choice([0.1, 2.5e30])]
            cells += [f"2020-01-0{draw.randint(1, 3)}T05:00:00Z", "2020-02-29", draw.choice(["true", "false"])]
            lines.append(",".join(map(str, [*cells, draw.choice(["Ann", "O'Hara", "李"])])))
    (_files(hub) / "journeys.csv").write_text("\n".join(lines) + "\n")
    hub.manage("sync", "journeys", "--wait")


def _rule(draw: random.Random) -> dict[str, Any]:
    """One of the rules, anew or retired."""
    number = draw.randrange(len(POLICIES))
    return {"key": f"r{number}", "party": "everyone", "reason": "R", **POLICIES[number], "retire": draw.random() < 0.4}


def _kept(hub: WholeHub, token: str, copy: Path) -> list[dict[str, Any]]:
    """The copy after the script has run, by key."""
    argv = [sys.executable, str(SCRIPT), hub.url, "dot.journeys", str(copy)]
    done = subprocess.run(
        argv, env={**os.environ, "HUB_TOKEN": token}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(copy)) as opened:
        rows = [json.loads(row) for (row,) in opened.execute("SELECT row FROM copy").fetchall()]
        shown = opened.execute('SELECT DISTINCT id FROM "rows"').fetchall()
    assert {id for (id,) in shown} == {int(row["id"]) for row in rows}
    return sorted(rows, key=lambda row: (row["站"], int(row["id"])))


def _read(hub: WholeHub, token: str) -> list[dict[str, Any]]:
    rows = hub.get("/datasets/dot.journeys/rows", token, limit="10000", numbers="string").json()["data"]
    return sorted(rows, key=lambda row: (row["站"], int(row["id"])))
