"""The first page of the catalogue, through API and portal, in a small hub and in one of a hundred times its size.

Each hub runs in a process of its own (``python -m tests.bench.catalogue DATASETS RULES AGENCIES``), which prints its
figures as JSON.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Final

SMALL, LARGE = (1_000, 100, 10), (100_000, 10_000, 1_000)
LIMIT_MS, FACETS_MS, PORTAL_MS, RATIO = 50, 50, 150, 1.5
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "40"))
REFERENCE: Final = "the same page by bare SQL"
_BARE = "SELECT key, title, description FROM catalog_dataset WHERE status = 'published' ORDER BY key LIMIT 101"
_ASKED: Final[dict[str, dict[str, str]]] = {
    "all": {},
    "a common word": {"q": "statistics"},
    "a word in an eighth": {"q": "hospital"},
    "a word in a fiftieth": {"q": "1987"},
    "a rare word": {"q": "barometer"},
    "a word that is nowhere": {"q": "xylophones"},
    "one character": {"q": "气"},
    "two characters": {"q": "水质"},
    "more characters": {"q": "部门发布供其他"},
    "two words": {"q": "hospital barometer"},
    "by title": {"sort": "title"},
    "by agency": {"sort": "agency"},
    "latest first": {"sort": "-published_at"},
    "latest data first": {"sort": "-synced_at"},
    "open": {"access": "open"},
    "on request": {"access": "on-request"},
    "closed": {"access": "closed"},
    "one agency": {"agency": "a5"},
    "one theme": {"theme": "theme 3"},
    "one class": {"class": "closed"},
    "overdue": {"freshness": "overdue"},
    "a word, open": {"q": "hospital", "access": "open"},
    "a word of one agency": {"q": "hospital", "agency": "a5"},
}
_WITH_FACETS: Final = ", with facets"
_FACETED = ("all", "a common word", "a word in an eighth", "a rare word", "one theme")
_OTHERS = ("all", "a word in an eighth", "a rare word", "open")


def bench() -> None:
    small, large = _of_hub(SMALL), _of_hub(LARGE)
    print(
        f"first page of the catalogue in a hub of {LARGE[0]:,} datasets, {ROUNDS} times; beside each figure its limit"
    )
    for name, took in large.items():
        plain, is_faceted = name.removesuffix(_WITH_FACETS), name.endswith(_WITH_FACETS)
        limit = PORTAL_MS if name.startswith("the portal") else LIMIT_MS + (FACETS_MS if is_faceted else 0)
        told = [_beside(f"p95 {took['p95']:6.1f} ms", took["p95"], limit), f"median {took['median']:6.1f} ms"]
        if is_faceted:
            more = took["median"] - large[plain]["median"]
            told.append(_beside(f"facets {more:6.1f} ms more", more, FACETS_MS))
        else:
            ratio = took["median"] / small[name]["median"]
            told.append(_beside(f"{ratio:4.1f} times that of {SMALL[0]:,}", ratio, RATIO))
        print(f"{name:<48}{'   '.join(told)}")


def _beside(figure: str, value: float, limit: float) -> str:
    return f"{figure} ({'limit' if value <= limit else 'OVER'} {limit:g})"


def _of_hub(size: tuple[int, int, int]) -> dict[str, dict[str, float]]:
    argv = [sys.executable, "-m", "tests.bench.catalogue", *map(str, size)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measured(datasets: int, rules: int, agencies: int) -> None:
    """Start a hub of this size, ask it, and print what it took."""
    from tests import engines

    os.environ |= {"HUB_RATE_LIMITS": "off", "DJANGO_SETTINGS_MODULE": "hub.settings"}
    engines.pytest_load_initial_conftests()
    try:
        import django
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        django.setup()
        import_module("hub.wsgi")  # as a web server's process begins
        setup_test_environment()
        call_command("migrate", verbosity=0)
        from tests.bench.seeding import seed

        seed(datasets, rules, agencies)
        print(json.dumps({name: _timed(act) for name, act in _acts()}))
    finally:
        engines.pytest_unconfigure()


def _acts() -> Iterator[tuple[str, Callable[[], object]]]:
    from django.db import connection
    from django.test import Client as Browser

    from tests.bench.seeding import token, visitor

    def asking(browser: Browser, path: str, params: dict[str, str]) -> Callable[[], object]:
        def ask() -> None:
            assert browser.get(path, params).status_code == 200

        return ask

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(_BARE)
            cursor.fetchall()

    callers = {
        "of groups": token("a8"),
        "with agreements": token("a1"),
        "publisher": token("a5", "publisher", name="publisher"),
    }
    browsers = {name: Browser(headers={"Authorization": f"Bearer {secret}"}) for name, secret in callers.items()}
    path, member = "/api/v1/datasets", visitor("a8")
    yield REFERENCE, bare
    for name, params in _ASKED.items():
        yield name, asking(browsers["of groups"], path, params)
    for name in _FACETED:
        yield (
            f"{name}{_WITH_FACETS}",
            asking(browsers["of groups"], path, {**_ASKED[name], "facets": "agency,theme,class"}),
        )
    for caller in ("with agreements", "publisher"):
        for name in _OTHERS:
            yield f"{caller}: {name}", asking(browsers[caller], path, _ASKED[name])
    for name in _OTHERS[:3]:
        yield f"the portal: {name}", asking(member, "/", _ASKED[name])


def _timed(act: Callable[[], object]) -> dict[str, float]:
    for _ in range(3):
        act()
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        act()
        took.append((time.perf_counter() - begun) * 1000)
    return {"median": statistics.median(took), "p95": statistics.quantiles(took, n=20)[-1]}


if __name__ == "__main__":
    _measured(*map(int, sys.argv[1:4]))
