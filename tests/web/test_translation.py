"""Every word of the portal is there in Chinese: none missing, doubtful or left over; what is written is compiled."""

import ast
import gettext
import re
from collections.abc import Iterator

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from hub.web.sentences import said
from tests.whole.conftest import ROOT

WEB = ROOT / "hub" / "web"
FOLDER = WEB / "locale" / "zh_Hans" / "LC_MESSAGES"
SPOKEN = {"_", "gettext", "gettext_lazy", "gettext_noop", "pgettext", "pgettext_lazy"}
IN_TEMPLATE = re.compile(r"""\b(n?gettext|_)\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def _of_module(source: str) -> Iterator[str]:
    """The literals that a module gives to gettext; with their context where they have one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPOKEN:
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if texts:
                yield "\x04".join(texts)


def _of_template(source: str) -> Iterator[str]:
    for _, literal in IN_TEMPLATE.findall(templatize(source)):
        yield ast.literal_eval(literal)


def _spoken() -> set[str]:
    modules = {text for path in WEB.rglob("*.py") for text in _of_module(path.read_text())}
    templates = {
        text for kind in ("html", "txt") for path in WEB.rglob(f"*.{kind}") for text in _of_template(path.read_text())
    }
    return modules | templates


def _written() -> dict[str, str]:
    """What ``django.po`` has, by its key in the compiled catalogue."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n\n+", (FOLDER / "django.po").read_text()):
        parts = dict.fromkeys(("msgctxt", "msgid", "msgstr"), "")
        name = ""
        for line in entry.splitlines():
            head = re.match(r"(msgctxt|msgid|msgstr)(?:\[0\])? ", line)
            if head:
                name = head[1]
            elif line.startswith("msgid_plural"):
                name = ""
            if name and '"' in line:
                parts[name] += ast.literal_eval(line[line.index('"') :])
        key = f"{parts['msgctxt']}\x04{parts['msgid']}" if parts["msgctxt"] else parts["msgid"]
        found[key] = parts["msgstr"]
    return {key: text for key, text in found.items() if key}


def _compiled() -> dict[str, str]:
    with (FOLDER / "django.mo").open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    flat = {key[0] if isinstance(key, tuple) else key: text for key, text in catalog.items()}
    return {key: text for key, text in flat.items() if key}


def test_every_string_of_the_portal_is_translated_and_none_is_left_over() -> None:
    spoken, written = _spoken(), _written()

    assert spoken - written.keys() == set()
    assert written.keys() - spoken == set()
    assert [key for key, text in written.items() if not text.strip()] == []
    assert len(spoken) > 400


def test_no_translation_is_doubtful_or_obsolete() -> None:
    lines = (FOLDER / "django.po").read_text().splitlines()

    assert [line for line in lines if line.startswith("#~") or (line.startswith("#,") and "fuzzy" in line)] == []


def test_compiled_catalogue_is_the_written_one() -> None:
    assert _compiled() == _written()


def test_translations_fill_in_what_the_originals_do() -> None:
    placeholders = re.compile(r"%\(\w+\)s")

    wrong = [
        key for key, text in _written().items() if set(placeholders.findall(key)) != set(placeholders.findall(text))
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("sentence", "chinese"),
    [
        ("There is no dataset water.pumps.", "没有数据集 water.pumps。"),
        ("reason is missing.", "此项必填。"),
        ("The rule r is retired, not a draft.", "规则 r 的状态为：已停用，并非草稿。"),
        (
            "Approving a rule takes another person than a@b.example.",
            "批准规则须由 a@b.example 以外的人员办理。",
        ),
        (
            "Unexpected 'DL'; expected ')' or ',' (character 36)",
            "此处不应为 'DL'；应为 ')'或','（第 36 个字符）",
        ),
        (
            "Not a date (character 3) Write DATE('2026-03-28').",
            "不是日期（第 3 个字符）。请写作 DATE('2026-03-28')。",
        ),
        ("Nobody ever said this.", "Nobody ever said this."),
    ],
)
def test_what_commands_say_is_said_in_chinese(sentence: str, chinese: str) -> None:
    with translation.override("zh-hans"):
        assert said(sentence) == chinese


def test_what_commands_say_is_plain_in_english_too() -> None:
    round_ = "round cannot be to ''. Write clear, redact, null, hidden or hash, { kind = 'partial' }."

    with translation.override("en"):
        assert said("valid_to is missing.") == "This is missing."
        assert said(round_) == "Say beside it to what it is rounded, such as 1000 or month."
        assert said("There is no agency opss.") == "There is no agency opss."
        assert said("'x' is no party.", "everyone, agency:…") == "Write everyone, group:…, agency:… or client:…/…."
        assert said("The rule r is draft.", "Look at it again.") == "The rule r is draft. Look at it again."
