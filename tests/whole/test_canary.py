"""A secret of each source is searched for in all that the hub writes, answers and runs: it is nowhere but sealed."""

import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from connectors.registry import KINDS
from connectors.testing import Asked, Reply, Served, serving

from .conftest import WholeHub, started, stopped

ENDED = ("succeeded", "partial", "held", "failed", "cancelled")
HEAD = """
[[agency]]
code = "dot"
name = "Transport"
[[client]]
agency = "dot"
name = "publisher"
roles = ["publisher", "auditor"]
"""
PART = """
[[source]]
key = "{key}"
agency = "dot"
kind = "{kind}"
config = {config}
secrets = {secrets}
[[dataset]]
key = "dot.{key}"
title = "Things"
primary_key = ["id"]
[[dataset.field]]
name = "id"
type = "integer"
[[stream]]
key = "{key}"
source = "{key}"
dataset = "dot.{key}"
select = {select}
"""
TAP = f"""#!{sys.executable}
import json, sys
settings = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
print(settings, file=sys.stderr)
print(settings)
"""


def canary(key: str) -> str:
    return f"cnry/{key}+5f2e9a="


def echo(asked: Asked) -> Reply:
    """What leaks most: an error page that shows the request with all its headers."""
    text = "<html>" + json.dumps(dict(asked.headers)) + asked.path + "</html>"
    return Reply(text.encode(), 200 if asked.path.endswith("1") else 500, "text/html")


def sources(web: Served, hub: Path) -> dict[str, tuple[str, dict[str, object], dict[str, str], dict[str, object]]]:
    """For each key kind, config, the names of secrets, and select: each signs in somewhere, and none gets rows."""
    loop, dead = {"allow_loopback": True}, {"host": "127.0.0.1", "port": 1, "database": "d", "user": "u"}
    own = {"host": str(hub / "postgres"), "database": "hub", "user": "hub"}
    return {
        "bearer": ("rest", {"url": web.url, "auth": {"kind": "bearer"}, **loop}, {"token": ""}, {"path": "a1"}),
        "header": (
            "rest",
            {"url": web.url, "auth": {"kind": "header", "name": "X-Key"}, **loop},
            {"token": ""},
            {"path": "b"},
        ),
        "basic": (
            "rest",
            {"url": web.url, "auth": {"kind": "basic"}, **loop},
            {"user": "u", "password": ""},
            {"path": "c1"},
        ),
        "file": ("file", {"url": web.url, **loop}, {"token": ""}, {"path": "d1", "format": "csv"}),
        "sftp": (
            "file",
            {"url": "sftp://u@127.0.0.1:1/f/", "host_key": "SHA256:" + "A" * 43, **loop},
            {"password": ""},
            {"path": "a.csv"},
        ),
        "keyed": (
            "file",
            {"url": "sftp://u@127.0.0.1:1/f/", "host_key": "SHA256:" + "A" * 43, **loop},
            {"private_key": ""},
            {"path": "a.csv"},
        ),
        "s3": (
            "file",
            {"url": "s3://things/", "endpoint": web.url, "region": "r", **loop},
            {"access_key": "AK", "secret_key": ""},
            {"path": "a1", "format": "csv"},
        ),
        "ckan": ("ckan", {"url": web.url + "1", **loop}, {"token": ""}, {"resource": "r"}),
        "postgres": ("postgres", {**own, **loop}, {"password": ""}, {"table": "things"}),
        "mysql": ("mysql", {**dead, **loop}, {"password": ""}, {"table": "things"}),
        "sql": ("sql", {"dialect": "mysql+pymysql", **dead, **loop}, {"password": ""}, {"table": "things"}),
        "singer": ("singer", {"tap": "tap-loud"}, {"api_key": ""}, {"stream": "things"}),
    }


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    folder = tmp_path_factory.mktemp("canary")
    tap = folder / "tap-loud"
    tap.write_text(TAP)
    tap.chmod(0o755)
    hub = started(folder / "hub", HUB_SINGER_TAPS=f"tap-loud={tap}", HUB_LOG_LEVEL="DEBUG")
    yield hub
    stopped(hub)


def test_no_secret_of_a_source_is_anywhere_but_sealed(loud: WholeHub, tmp_path: Path) -> None:
    with serving(echo) as web, watched() as lines:
        wanted = sources(web, loud.folder)
        assert {kind for kind, *_ in wanted.values()} == set(KINDS) - {"upload"}
        manifest = tmp_path / "hub.toml"
        manifest.write_text(HEAD + "".join(part(key, *about) for key, about in wanted.items()))
        said = [loud.manage("apply", str(manifest)), loud.manage("apply", str(manifest))]
        token = loud.token("dot", "publisher")
        said += [loud.manage("sync", key) for key in wanted]
        answers = [
            loud.get(f"/sources/{key}{what}", token).text for key in wanted for what in ("", "/test", "/discover")
        ]
        runs = ended(loud, token, len(wanted))
    said.append(loud.manage("backup", str(tmp_path / "backup")))
    answers += [loud.get(path, token).text for path in ("/runs", "/sources", "/streams", "/events", "/connector-kinds")]
    answers += [loud.get(f"/runs/{run['id']}{what}", token).text for run in runs for what in ("", "/rejects")]

    assert {run["status"] for run in runs} == {"failed"}, runs
    places = {
        "answers": "\n".join(answers).encode(),
        "commands": "\n".join(one.stdout + one.stderr for one in said).encode(),
        "processes": "\n".join(lines).encode(),
        "output": loud.folder.with_suffix(".log").read_bytes(),
        **{str(path): path.read_bytes() for root in (loud.folder, tmp_path) for path in files(root, manifest)},
    }
    found = [(where, key) for where, text in places.items() for key in wanted for form in forms(key) if form in text]
    assert found == []
    assert forms("bearer")[0] in manifest.read_bytes()
    assert any("--queues" in line for line in lines)
    assert any("postgres" in where for where in places)


def part(key: str, kind: str, config: dict[str, object], secrets: dict[str, str], select: dict[str, object]) -> str:
    hidden = {name: value or canary(key) for name, value in secrets.items()}
    return PART.format(key=key, kind=kind, config=table(config), secrets=table(hidden), select=table(select))


def table(values: dict[str, object]) -> str:
    """An inline table of TOML."""
    told = (f"{name} = {table(one) if isinstance(one, dict) else json.dumps(one)}" for name, one in values.items())
    return "{ " + ", ".join(told) + " }"


def forms(key: str) -> list[bytes]:
    """The ways in which the secret could have been written down."""
    plain = canary(key)
    basic = base64.b64encode(f"u:{plain}".encode())
    return [plain.encode(), basic, base64.b64encode(plain.encode()), quote(plain, safe="").encode()]


def files(root: Path, manifest: Path) -> Iterator[Path]:
    yield from (path for path in root.rglob("*") if path.is_file() and path != manifest)


def ended(hub: WholeHub, token: str, count: int) -> list[dict[str, str]]:
    until = time.monotonic() + 90
    while True:
        runs: list[dict[str, str]] = hub.get("/runs", token).json()["data"]
        if len(runs) >= count and all(run["status"] in ENDED for run in runs):
            return runs
        assert time.monotonic() < until, runs
        time.sleep(0.5)


@contextmanager
def watched() -> Iterator[set[str]]:
    """The command lines of all processes of this machine that ran meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
