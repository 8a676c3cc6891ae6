"""Whatever ends a run, or keeps a record out, is said in Chinese on the run's page: what happened, and what to do."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from django.utils import translation

from connectors.runs.drift import Drift
from connectors.runs.holding import Bounds, Broken, Held
from connectors.runs.terms import Terms
from hub import errors
from hub.store.intake.contract import FieldContract
from hub.web.sentences import said
from tests.whole.conftest import ROOT

FOLDERS = ("connectors", "hub/store/intake")
RAISED = {
    name: kind.code
    for name, kind in {**vars(errors), "Held": Held, "Broken": Broken}.items()
    if isinstance(kind, type) and issubclass(kind, errors.HubError)
}
# Refusals of what a program or a form asked for; none of them ends a run.
ASKED = {"Invalid", "Forbidden", "NotFound", "Conflict"}
WEBHOOKS = "calling.py"
# Ends that somebody asked for.
WANTED = {"cancelled", "source-stopped"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,} [a-z]{2,}\b")
PLACE = "Zq7"


class Told(NamedTuple):
    """An error as it stands in the code: its texts with ``PLACE`` in place of whatever is filled in."""

    where: str
    codes: list[str]
    messages: list[str]
    hints: list[str]


def _texts(node: ast.expr | None, known: dict[str, ast.expr]) -> list[str]:
    """All that an expression may come to; none where it says nothing of its own."""
    match node:
        case ast.Constant(str() as text):
            return [text]
        case ast.IfExp(body=first, orelse=second):
            return [*_texts(first, known), *_texts(second, known)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return ["".join(both) for both in product(_texts(left, known), _texts(right, known))]
        case ast.JoinedStr(values=values):
            parts = [_texts(value, known) for value in values]
            return ["".join(each) for each in product(*parts)]
        case ast.FormattedValue(value=ast.Name(id=name)) if name in known:
            return _texts(known[name], known) or [PLACE]
        case ast.FormattedValue():
            return [PLACE]
        case ast.Name(id=name) if name in known:
            return _texts(known[name], known)
    return []


def _assigned(tree: ast.AST) -> dict[str, ast.expr]:
    """Names of a module that stand for one text, and are given no other value anywhere in it."""
    values = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id].append(node.value)
    return {name: found[0] for name, found in values.items() if len(found) == 1 and _texts(found[0], {})}


def _in(path: Path) -> Iterator[Told]:
    tree = ast.parse(path.read_text())
    known = _assigned(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED and node.args:
            said_of = {keyword.arg: keyword.value for keyword in node.keywords}
            codes = _texts(said_of.get("code"), known) or [RAISED[node.func.id]]
            if node.func.id not in ASKED or codes == ["cancelled"]:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield Told(where, codes, _texts(node.args[0], known), _texts(said_of.get("hint"), known))


def _all() -> list[Told]:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if path.name != WEBHOOKS]
    return [told for path in paths for told in _in(path)]


def in_chinese(text: str) -> str:
    with translation.override("zh-hans"):
        return said(text)


def faults_of(text: str) -> list[str]:
    """What a Chinese reader would not understand of it."""
    if not text.replace(PLACE, "").strip(". "):  # put together of parts: see the breaches of contracts
        return []
    chinese = in_chinese(text)
    is_told = CHINESE.search(chinese) and not ENGLISH.search(chinese)
    return [] if is_told and chinese.count(PLACE) == text.count(PLACE) else [f"{text} -> {chinese}"]


def test_every_error_that_can_end_a_run_is_said_in_chinese() -> None:
    told = _all()

    assert [fault for one in told for text in one.messages + one.hints for fault in faults_of(text)] == []
    assert len([one for one in told if one.messages]) > 100


def test_every_code_says_what_to_do() -> None:
    hints: dict[str, list[str]] = defaultdict(list)
    for one in _all():
        for code in one.codes:
            hints[code] += one.hints

    assert {code for code, said_so in hints.items() if not said_so} <= WANTED
    assert len(hints) > 50


def _bounds(**contract: str) -> Bounds:
    return Bounds(Terms.parse(contract), {})


_DRIFTS = [Drift(("a", "b"), ("c",)), Drift(("a",)), Drift((), ("c",)), Drift(retyped=(("a", "text", "int4"),))]
_BREACHES: list[Callable[[], None]] = [
    *(lambda drift=drift: _bounds(columns="fail", types="fail").check_columns(drift) for drift in _DRIFTS),  # type: ignore[misc]
    *(lambda drift=drift: _bounds().check_columns(drift) for drift in _DRIFTS[:3]),  # type: ignore[misc]
    lambda: _bounds(types="fail").check_rejects(1, 1, 2),
    lambda: _bounds(rows="fail").check_rejects(1, 0, 2),
    lambda: _bounds().check_rejects(1, 0, 2),
    lambda: _bounds().check_rejects(2, 2, 2, (("a", "text", "int4"),)),
    lambda: _bounds().check_shrinkage(10, 1),
    lambda: _bounds().check_ends(["/a/b.csv"]),
]


@pytest.mark.parametrize("breach", _BREACHES)
def test_every_breach_of_a_contract_is_said_in_chinese(breach: Callable[[], None]) -> None:
    with pytest.raises((Held, Broken)) as caught:
        breach()

    assert faults_of(caught.value.message) + faults_of(caught.value.hint) == []


def test_names_stay_as_the_source_has_them() -> None:
    with pytest.raises(Held) as caught:
        _bounds().check_columns(_DRIFTS[0])

    assert in_chinese(caught.value.message) == "来源的列变了：新增 a, b；缺少 c。"
    assert in_chinese("PostgreSQL at db.example port 5432 takes no connections for now.") == (
        "db.example 端口 5432 上的 PostgreSQL 暂不接受连接。"
    )


def test_every_rule_of_a_field_is_said_in_chinese() -> None:
    rules = json.loads(FieldContract("a", "c1", "integer", minimum="1", maximum="2").messages())

    assert [fault for text in rules.values() for fault in faults_of(text)] == []


def test_every_reason_for_which_a_record_stays_out_is_said_in_chinese() -> None:
    texts: set[str] = set()
    for path in sorted((ROOT / "connectors").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reject":
                texts |= {text for argument in node.args[2:3] for text in _texts(argument, _assigned(tree))}

    assert [fault for text in sorted(texts) for fault in faults_of(text)] == []
    assert len(texts) >= 7
    assert in_chinese("day-1.csv: The quotes in this line do not match.") == "day-1.csv：此行的引号不配对。"


@pytest.mark.parametrize(
    "refusal",
    [
        "Loading water.wells is for the publishers of water. Ask for the role publisher in water, or to steward "
        "water.wells (load).",
        "The stream wells or its source is switched off. Switch it on first.",
        "The run is not held: it is failed. Look at it again.",
        "No record of this run is kept to be tried again. Records go once they were tried again, or a later run has "
        "replaced all rows; sync the stream.",
        "water.wells is filled by the stream wells. Bring the file with mode merge or append, or switch the stream "
        "off.",
        "Another file is on its way into water.wells. Wait for the end of its run.",
        "Another run of the stream is on its way. Wait for its end; it takes this one's place.",
    ],
)
def test_what_the_buttons_of_a_run_refuse_is_said_in_chinese(refusal: str) -> None:
    assert faults_of(refusal) == []
    assert "状态为：not" not in in_chinese(refusal)
