"""Breaks the code that decides and selects in every way mutmut knows, and fails where no proof notices.

``python -m tests.proofs.mutants [part …]``. A mutant that no test can notice, as it means the same, stands with its
reason in ``equivalent_mutants.toml``. The engines start once, outside: mutmut's many processes inherit them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import engines

ROOT = Path(__file__).parents[2]
LISTED = Path(__file__).with_name("equivalent_mutants.toml")
COPIED = ("hub", "policies", "connectors", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Part:
    """Modules to break, the tests that must notice, and how many may run side by side."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    processes: int


PARTS = {
    "decisions": Part(
        tuple(f"policies/{name}.py" for name in ("pdp", "case", "changes", "gate", "view", "access", "facts")),
        (
            *(f"tests/proofs/test_{name}.py" for name in ("words", "decisions", "explanations")),
            "tests/policies/test_worked_cases.py",
        ),
        os.cpu_count() or 1,
    ),
    "statements": Part(
        tuple(f"hub/store/select/{name}.py" for name in ("conditions", "values", "relation", "gate")),
        ("tests/predicates", "tests/query", "tests/proofs/test_sql.py"),
        1,
    ),
}


@dataclass(frozen=True)
class Mutant:
    """One change that no test noticed: the lines that went, and those that came."""

    function: str
    was: str
    becomes: str


def main() -> int:
    chosen = sys.argv[1:] or list(PARTS)
    listed = {Mutant(entry["function"], entry["was"], entry["becomes"]) for entry in _listed()}
    engines.pytest_load_initial_conftests()
    try:
        survivors = [mutant for name in chosen for mutant in _survivors(PARTS[name])]
    finally:
        engines.pytest_unconfigure()
    missed = [mutant for mutant in survivors if mutant not in listed]
    for mutant in missed:
        sys.stdout.write(f"\n{mutant.function}\n  was      {mutant.was}\n  becomes  {mutant.becomes}\n")
    sys.stdout.write(f"\n{len(survivors)} mutants survived, {len(missed)} of them not listed as equivalent.\n")
    return bool(missed)


def _listed() -> list[dict[str, str]]:
    return tomllib.loads(LISTED.read_text()).get("mutant", [])


def _survivors(part: Part) -> Iterator[Mutant]:
    """Run mutmut on a copy of the project; a test that hangs or crashes has noticed too.

    Nothing may lead to the unbroken modules: not Python (``-P``), nor the manage.py that pytest-django looks for.
    """
    with tempfile.TemporaryDirectory(prefix="hub-mutants-") as folder:
        copy = Path(folder)
        _copy(copy, part)
        mutmut = [sys.executable, "-P", "-m", "mutmut"]
        subprocess.run([*mutmut, "run", "--max-children", str(part.processes)], cwd=copy, check=True)
        for module in part.modules:
            ends = json.loads((copy / "mutants" / f"{module}.meta").read_text())["exit_code_by_key"]
            if not any(ends.values()):
                raise SystemExit(f"No mutant of {module} was noticed: mutmut did not run.")
            for name in (name for name, end in ends.items() if end in (None, 0, 5, 33)):
                shown = subprocess.run([*mutmut, "show", name], cwd=copy, check=True, capture_output=True, text=True)
                yield _mutant(name, shown.stdout)


def _copy(to: Path, part: Part) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / name)
    with (to / "pyproject.toml").open("a") as settings:
        settings.write("\n[tool.mutmut]\n")
        settings.write(f"source_paths = {json.dumps(['hub', 'policies', 'connectors'])}\n")
        settings.write(f"only_mutate = {json.dumps(part.modules)}\n")
        settings.write(f"pytest_add_cli_args_test_selection = {json.dumps(part.tests)}\n")
        settings.write('pytest_add_cli_args = ["--reuse-db", "-p", "no:cacheprovider"]\n')
        settings.write("use_git_change_detection = false\n")


def _mutant(name: str, diff: str) -> Mutant:
    lines = diff.splitlines()

    def changed(sign: str) -> str:
        return " ".join(line[1:].strip() for line in lines if line[:1] == sign and line[:3] != sign * 3)

    return Mutant(name.partition("__mutmut_")[0], changed("-"), changed("+"))


if __name__ == "__main__":
    sys.exit(main())
