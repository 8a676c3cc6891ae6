"""Breaks the code that decides and selects in every way mutmut knows, and fails where no proof notices.

``python -m tests.proofs.mutants [part or module …]``. A mutant that no test can notice, as it means the same, stands
with its reason in ``equivalent_mutants.toml``, but for letters of SQL in the other case. The engines start once,
outside: mutmut's many processes inherit them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant

from tests import engines

ROOT = Path(__file__).parents[2]
LISTED = Path(__file__).with_name("equivalent_mutants.toml")
STATEMENTS = "hub/store/select/"
_TEXT = re.compile(r"""('''|\"{3}|'|")(.*?)\1""")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
COPIED = ("hub", "policies", "connectors", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Part:
    """Modules to break, and the quick tests that must notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


PARTS = {
    "decisions": Part(
        tuple(f"policies/{name}.py" for name in ("pdp", "case", "changes", "gate", "view", "access", "facts")),
        (
            *(
                f"tests/policies/test_{name}.py"
                for name in ("stated", "changes", "accesses", "filters", "worked_cases")
            ),
            "tests/proofs/test_words.py",
        ),
    ),
    "statements": Part(
        tuple(
            f"{STATEMENTS}{name}.py" for name in ("conditions", "values", "relation", "gate", "aggregates", "changes")
        ),
        ("tests/store/select",),
    ),
    "kept": Part(
        ("hub/query/statements.py", "hub/query/kept.py"),
        tuple(f"tests/query/test_{name}.py" for name in ("kept", "kept_statements", "shapes", "aggregate")),
    ),
}


@dataclass(frozen=True)
class Mutant:
    """One change that no test noticed: the lines that went, and those that came."""

    function: str
    was: str
    becomes: str

    @property
    def module(self) -> str:
        return self.function.rpartition(".")[0].replace(".", "/") + ".py"

    @property
    def is_equal_sql(self) -> bool:
        """Whether only letters change of which SQL folds the case: those of its texts, outside of its own quotes."""
        if not self.module.startswith(STATEMENTS) or self.was.casefold() != self.becomes.casefold():
            return False
        texts = zip(_TEXT.findall(self.was), _TEXT.findall(self.becomes), strict=True)
        return all(_QUOTED.findall(one) == _QUOTED.findall(other) for (_, one), (_, other) in texts)


def main() -> int:
    parts = [_part(word) for word in sys.argv[1:] or PARTS]
    engines.pytest_load_initial_conftests()
    try:
        survivors = [mutant for part in parts for mutant in _survivors(part)]
    finally:
        engines.pytest_unconfigure()
    modules = {module for part in parts for module in part.modules}
    listed = [mutant for mutant in _listed() if mutant.module in modules]
    missed = [mutant for mutant in survivors if mutant not in listed and not mutant.is_equal_sql]
    stale = [mutant for mutant in listed if mutant not in survivors]
    _tell("no test noticed", missed)
    _tell("is listed as equivalent, but is noticed or no longer there", stale)
    sys.stdout.write(
        f"\n{len(survivors)} mutants survived, {len(missed)} of them not listed; {len(stale)} listed wrongly.\n"
    )
    return bool(missed or stale)


def _tell(what: str, mutants: Iterable[Mutant]) -> None:
    for mutant in mutants:
        sys.stdout.write(f"\n{what}: {mutant.function}\n  was      {mutant.was}\n  becomes  {mutant.becomes}\n")


def _part(word: str) -> Part:
    """A part by its name; by the path of one of its modules, that module alone."""
    for name, part in PARTS.items():
        if word == name:
            return part
        if word in part.modules:
            return replace(part, modules=(word,))
    raise SystemExit(f"{word} is no part and no module of one. Parts: {', '.join(PARTS)}.")


def _listed() -> list[Mutant]:
    groups = tomllib.loads(LISTED.read_text())["equivalent"]
    return [Mutant(**mutant) for group in groups for mutant in group["mutants"]]


def _survivors(part: Part) -> list[Mutant]:
    """Run mutmut on a copy of the project; a test that crashes, or hangs until pytest ends it, has noticed too.

    Nothing may lead to the unbroken modules: not Python (``-P``), nor the manage.py that pytest-django looks for.
    """
    with tempfile.TemporaryDirectory(prefix="hub-mutants-") as folder:
        copy = Path(folder)
        _copy(copy, part)
        processes = len(os.sched_getaffinity(0))
        mutmut = [sys.executable, "-P", "-m", "mutmut", "run", "--max-children", str(processes)]
        subprocess.run(mutmut, cwd=copy, check=True)
        with chdir(copy):
            return [mutant for module in part.modules for mutant in _unnoticed(module)]


def _unnoticed(module: str) -> list[Mutant]:
    """By what mutmut wrote down in the current folder."""
    ends = json.loads(Path(f"mutants/{module}.meta").read_text())["exit_code_by_key"]
    if not any(ends.values()):
        raise SystemExit(f"No mutant of {module} was noticed: mutmut did not run.")
    survived = [name for name, end in ends.items() if end in (None, 0, 5, 33)]
    sys.stdout.write(f"{module}: {len(ends)} mutants, {len(ends) - len(survived)} noticed.\n")
    return [_mutant(name, get_diff_for_mutant(name, path=module)) for name in survived]


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
        settings.write('pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "tests.proofs.quickest"]\n')
        settings.write("use_git_change_detection = false\n")
        settings.write("timeout_constant = 20.0\n")  # times 15: a busy machine is slow, not broken


def _mutant(name: str, diff: str) -> Mutant:
    lines = diff.splitlines()

    def changed(sign: str) -> str:
        return " ".join(line[1:].strip() for line in lines if line[:1] == sign and line[:3] != sign * 3)

    return Mutant(name.partition("__mutmut_")[0], changed("-"), changed("+"))


if __name__ == "__main__":
    sys.exit(main())
