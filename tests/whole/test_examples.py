"""The examples of a dataset's page run as they stand, whatever names and values they hold; `R` is read word by word."""

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.whole.conftest import WholeHub

NASTY = """O'Br"ien\\ $HOME `id` %x {y} 名;--"""
FIELDS = {
    "trips": {"id": "integer", "town": "string", "driver": "string"},
    "站点": {"编号": "integer", "名字": "string", "driver": "string"},
    "words": {"id": "integer", "and": "string", "driver": "string"},
    "days": {"day": "date", "paid": "decimal", "driver": "string"},
    "bare": {"id": "integer", "town": "string", "driver": "string"},
}
CELLS = {
    "trips": [["1", NASTY], ["2", "x"]],
    "站点": [["1", "东站"], ["2", "O'x"]],
    "words": [["1", "\\"], ["2", '"']],
    "days": [["2026-01-31", "1.50"], ["2026-02-01", "2.50"]],
    "bare": [],
}
KEYS = {name: f"dot.{name if name.isascii() else 'stations'}" for name in FIELDS}
SECRET = "driver-555"
ROWS = pytest.mark.parametrize("name", list(FIELDS))


def _manifest(folder: Path) -> dict[str, Any]:
    return {
        "agency": [{"code": "dot", "name": "Transport"}, {"code": "ops", "name": "Operations"}],
        "client": [{"agency": "ops", "name": "reader"}],
        "source": [{"key": "files", "agency": "dot", "kind": "file", "config": {"url": f"file://{folder}/"}}],
        "dataset": [
            {"key": KEYS[name], "title": f'"{name}" \\', "primary_key": [next(iter(fields))], "publish": True}
            | {"field": [{"name": n, "type": t, "sensitivity": _sensitivity(n)} for n, t in fields.items()]}
            for name, fields in FIELDS.items()
        ],
        "stream": [
            {"key": KEYS[name][4:], "source": "files", "dataset": KEYS[name], "select": {"path": f"{KEYS[name]}.csv"}}
            for name in FIELDS
        ],
    }


def _sensitivity(name: str) -> str:
    return "personal" if name == "driver" else "public"


@pytest.fixture(scope="module")
def token(hub: WholeHub) -> str:
    files = hub.folder.parent / "files"
    for name, fields in FIELDS.items():
        lines = [list(fields), *([*cells, SECRET] for cells in CELLS[name])]
        text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in lines)
        (files / f"{KEYS[name]}.csv").write_text(text)
    manifest = hub.folder.parent / "hub.yaml"
    manifest.write_text(json.dumps(_manifest(files)))
    hub.manage("apply", str(manifest))
    for key in KEYS.values():
        hub.manage("sync", key[4:], "--wait")
    return hub.token("ops", "reader")


@pytest.fixture(scope="module")
def page_of(hub: WholeHub, token: str) -> Iterator[Callable[[str], str]]:
    """A dataset's page as a member of ``ops`` sees it, who came by the link that ``apply`` prints."""
    more = hub.folder.parent / "member.yaml"
    more.write_text(
        json.dumps(
            {"agency": [{"code": "ops", "name": "Operations", "member": [{"email": "a@ops.example", "roles": []}]}]}
        )
    )
    link = re.findall(r"http\S+/invitations/\S+", hub.manage("apply", str(more)).stdout)[0]
    with httpx.Client(base_url=hub.url, follow_redirects=True, timeout=30) as session:
        hidden = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(link).text)
        assert hidden is not None
        words = {"csrfmiddlewaretoken": hidden[1], "password": "correct horse battery"}
        assert session.post(link, data=words, headers={"Referer": link}).status_code == 200
        yield lambda name: session.get(f"/datasets/{KEYS[name]}").text


def example(page: str, id: str) -> str:
    found = re.search(rf'<pre id="{id}"><code>(.*?)</code></pre>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def wanted(name: str) -> list[dict[str, Any]]:
    """The first row, as the example's filter finds it; of the dataset without rows, none."""
    return [dict(zip(FIELDS[name], CELLS[name][0], strict=False))] if CELLS[name] else []


def texts(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{key: _text(value) for key, value in row.items()} for row in rows]


def _text(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def run(argv: list[str], token: str) -> str:
    done = subprocess.run(
        argv, env={**os.environ, "HUB_TOKEN": token}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@ROWS
def test_curl(token: str, page_of: Callable[[str], str], name: str) -> None:
    told = json.loads(run(["bash", "-c", example(page_of(name), "curl")], token))

    assert texts(told["data"]) == wanted(name)


@ROWS
def test_python(token: str, page_of: Callable[[str], str], name: str) -> None:
    said = run([sys.executable, "-W", "error", "-c", example(page_of(name), "python")], token)

    rows, _, table = said.partition("\n")
    assert texts(eval(rows)) == wanted(name)
    assert all(field in table for field in FIELDS[name] if field != "driver")


@ROWS
def test_sql(hub: WholeHub, token: str, page_of: Callable[[str], str], name: str, tmp_path: Path) -> None:
    """Its extension for HTTP is not at hand: every statement is parsed, and the query reads the same file from disk."""
    sql = example(page_of(name), "duckdb")
    address = f"{hub.url}/api/v1/datasets/{KEYS[name]}/file.parquet"
    (tmp_path / "file.parquet").write_bytes(hub.get(f"/datasets/{KEYS[name]}/file.parquet", token).content)

    *settings, query = duckdb.extract_statements(sql)

    assert [statement.type.name for statement in settings] == ["LOAD", "LOAD", "CREATE"]
    assert f"SCOPE '{hub.url}/'" in sql
    assert f"'{address}'" in query.query
    found = duckdb.connect().execute(query.query.replace(address, str(tmp_path / "file.parquet")))
    names = [column[0] for column in found.description]
    assert texts([dict(zip(names, row, strict=True)) for row in found.fetchall()]) == wanted(name)


@ROWS
def test_r_says_the_same_as_curl(page_of: Callable[[str], str], token: str, name: str) -> None:
    """There is no R to run it: its strings are taken apart by R's own rules, and its brackets close."""
    page = page_of(name)
    code = example(page, "r")
    string = r'"(?:[^"\\\n]|\\["\\])*"'

    params = {key: json.loads(text) for key, text in re.findall(rf"(\w+) = ({string})", code)}
    bare = re.sub(string, "s", code)

    asked = httpx.URL(json.loads(re.findall(string, code)[0]), params=params)
    answer = httpx.get(asked, headers={"Authorization": f"Bearer {token}"})
    assert texts(answer.json()["data"]) == wanted(name)
    assert re.fullmatch(
        r"library\(httr2\)\s+answer <- request\(s\) \|>\s+req_auth_bearer_token\(Sys\.getenv\(s\)\) \|>\s+"
        r"req_url_query\(filter = s, properties = s, limit = s\) \|>\s+req_perform\(\)\s+"
        r"print\(resp_body_json\(answer, simplifyVector = TRUE\)\$data\)",
        bare,
    )


@ROWS
def test_what_is_hidden_is_in_no_example(page_of: Callable[[str], str], name: str) -> None:
    page = page_of(name)

    told = "".join(example(page, id) for id in ("curl", "python", "r", "duckdb"))
    assert "driver" not in told
    assert SECRET not in page
    assert "hub_" not in told, "the token is the reader's to put in"


def test_compressed_answers_of_a_running_hub(hub: WholeHub, token: str) -> None:
    """By curl and by requests, which both undo what they asked for."""
    address = f"{hub.url}/api/v1/openapi.json"
    plain = run(["curl", "-sS", address], token)
    argv = ["curl", "-sS", "--compressed", "-w", "\n%{size_download} %header{content-encoding}", address]
    body, _, told = run(argv, token).rpartition("\n")
    fetch = "import requests; r = requests.get({!r}); print(r.headers['Content-Encoding'], len(r.text))"
    said = run([sys.executable, "-c", fetch.format(address)], token)

    size, coding = told.split()
    assert (body, coding) == (plain, "zstd")
    assert int(size) < len(plain) / 4
    assert said.split() == ["gzip", str(len(plain))]
