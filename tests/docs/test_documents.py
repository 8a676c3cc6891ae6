"""What the documents say is so: commands, settings, routes, manifests and links."""

import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from drf_spectacular.generators import SchemaGenerator

from hub.manifest.reading import read_manifest
from hub.manifest.schema import check_shape
from tests.whole.conftest import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)
# Examples for readers are programs of theirs, with settings of their own.
SOURCES = "\n".join(
    path.read_text()
    for name in ("hub", "connectors")
    for path in (ROOT / name).rglob("*.py")
    if path.name != "examples.py"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())

    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


def test_commands_exist_with_the_options_shown() -> None:
    shown = re.findall(r"manage\.py ([a-z]+)([^\n`]*)", TEXT)
    commands = get_commands()

    assert {name for name, _ in shown} <= set(commands)
    for name, rest in shown:
        parser = load_command_class(commands[name], name).create_parser("manage.py", name)
        known = {option for action in parser._actions for option in action.option_strings} | {"--data"}
        subparsers = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
        known |= {
            o for choices in subparsers for sub in choices.values() for a in sub._actions for o in a.option_strings
        }
        assert set(re.findall(r"--[a-z]+", rest)) <= known, f"{name} {rest}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert (
        set(re.findall(r"`?make ([a-z]+)`", TEXT)) | set(re.findall(r"^make ([a-z]+)$", TEXT, re.MULTILINE)) <= targets
    )


def test_every_setting_is_documented_and_every_documented_setting_is_read() -> None:
    read = set(re.findall(r"\"((?:HUB|EMAIL)_[A-Z_]+|(?:SERVING_)?DATABASE_URL|BROKER_URL)\"", SOURCES))
    table = (ROOT / "docs" / "operate.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    documented = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", "\n".join(rows)))

    assert read - documented == set()
    assert documented - read == set()


def test_routes_shown_are_routes_of_the_document() -> None:
    routes = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    patterns = [re.sub(r"\{[^}]+\}", "[^/]+", route) + r"\Z" for route in routes]
    shown = re.findall(r"(?:GET|POST|PATCH) (?:/api/v1)?(/[a-z/{} -]+?)(?:[?`]|\Z)", TEXT)

    unknown = [path for path in shown if not any(re.match(pattern, f"/api/v1{path}") for pattern in patterns)]
    assert unknown == []
    assert len(shown) > 5


def test_manifests_shown_have_the_right_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", str(tmp_path))  # a shell has it
    monkeypatch.setenv("EXPORTS_PASSWORD", "as the server's administrator has said")
    examples = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    examples += re.findall(r"<<'END'\n(\[\[.*?)END\n", TEXT, re.DOTALL)

    for example in examples:
        assert tomllib.loads(example)
        (tmp_path / "hub.toml").write_text(example)
        assert check_shape(read_manifest(tmp_path / "hub.toml")) == []
    assert len(examples) >= 3
