"""Files of a running hub, as programs that know nothing of it read them."""

import io
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.whole.conftest import WholeHub

ROWS = 20_000
_MANIFEST = """
[[agency]]
code = "dot"
name = "Transport"
[[client]]
agency = "dot"
name = "app"
[[agency]]
code = "ops"
name = "Operations"
[[client]]
agency = "ops"
name = "reader"
[[source]]
key = "files"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/" }}
[[dataset]]
key = "dot.rides"
title = "Rides"
primary_key = ["id"]
publish = true
[[dataset.field]]
name = "id"
type = "integer"
sensitivity = "public"
[[dataset.field]]
name = "名字"
type = "string"
sensitivity = "public"
[[dataset.field]]
name = "driver"
type = "string"
sensitivity = "personal"
[[stream]]
key = "rides"
source = "files"
dataset = "dot.rides"
select = {{ path = "rides.csv" }}
"""


@pytest.fixture(scope="module")
def token(hub: WholeHub) -> str:
    """Of a reader who does not see the drivers, on a hub that has the rides."""
    files = hub.folder.parent / "files"
    lines = (f"{number},名{number},secret-{number}" for number in range(1, ROWS + 1))
    (files / "rides.csv").write_text("\n".join(("id,名字,driver", *lines)) + "\n")
    manifest = files.parent / "hub.toml"
    manifest.write_text(_MANIFEST.format(folder=files))
    hub.manage("apply", str(manifest))
    hub.manage("sync", "rides", "--wait")
    return hub.token("ops", "reader")


def test_curl_goes_on_where_it_broke_off(hub: WholeHub, token: str, tmp_path: Path) -> None:
    whole = hub.get("/datasets/dot.rides/file.csv", token).content

    _curl(hub, token, "file.csv", "--range", "0-99999", "--output", str(tmp_path / "got"))
    assert (tmp_path / "got").stat().st_size == 100_000
    _curl(hub, token, "file.csv", "--continue-at", "-", "--output", str(tmp_path / "got"))

    assert (tmp_path / "got").read_bytes() == whole
    assert whole.count(b"\r\n") == ROWS + 1
    assert b"secret" not in whole


def test_head_says_what_get_gives(hub: WholeHub, token: str) -> None:
    head = _curl(hub, token, "file.parquet", "--head")
    got = hub.get("/datasets/dot.rides/file.parquet", token)

    said = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
    assert said["content-length"] == str(len(got.content))
    assert said["etag"] == got.headers["ETag"]
    assert said["accept-ranges"] == "bytes"
    assert said["hub-receipt"] != got.headers["Hub-Receipt"]


def test_pandas_reads_the_address_as_it_stands(hub: WholeHub, token: str) -> None:
    address = f"{hub.url}/api/v1/datasets/dot.rides/file.parquet"

    frame = pandas.read_parquet(address, storage_options={"Authorization": f"Bearer {token}"})

    assert list(frame.columns) == ["id", "名字"]
    assert list(frame["id"]) == list(range(1, ROWS + 1))


def test_parquet_is_read_by_its_parts(hub: WholeHub, token: str) -> None:
    """As DuckDB does it over HTTP: its length by HEAD, its footer, then the columns that are wanted."""
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        file = _Remote(client, f"{hub.url}/api/v1/datasets/dot.rides/file.parquet")

        table = parquet.read_table(pa.PythonFile(file, "r"), columns=["id"])

    assert table["id"].to_pylist() == list(range(1, ROWS + 1))
    assert file.parts > 1


def test_export_is_made_by_the_worker(hub: WholeHub, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    wish = {"format": "parquet", "filter": "id <= 10", "properties": ["id"]}
    asked = httpx.post(f"{hub.url}/api/v1/datasets/dot.rides/exports", json=wish, headers=headers)
    assert asked.status_code == 202

    shown = _until(lambda: httpx.get(hub.url + asked.headers["Location"], headers=headers).json())

    content = httpx.get(hub.url + shown["file"], headers=headers).content
    assert (shown["status"], shown["manifest"]["rows"], shown["error"]) == ("ready", 10, None)
    assert parquet.read_table(io.BytesIO(content))["id"].to_pylist() == list(range(1, 11))


class _Remote(io.RawIOBase):
    """A file behind an address, read by ranges."""

    def __init__(self, client: httpx.Client, address: str) -> None:
        self._client, self._address = client, address
        self.size = int(client.head(address).headers["Content-Length"])
        self.parts, self._at = 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def read(self, count: int = -1) -> bytes:
        last = self.size - 1 if count < 0 else min(self.size, self._at + count) - 1
        if last < self._at:
            return b""
        response = self._client.get(self._address, headers={"Range": f"bytes={self._at}-{last}"})
        assert response.status_code == 206
        self._at += len(response.content)
        self.parts += 1
        return response.content


def _curl(hub: WholeHub, token: str, file: str, *arguments: str) -> str:
    address = f"{hub.url}/api/v1/datasets/dot.rides/{file}"
    argv = ["curl", "--silent", "--fail", "--header", f"Authorization: Bearer {token}", *arguments, address]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def _until(asked: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is told of an export once it has ended."""
    until = time.monotonic() + 60
    while (shown := asked())["status"] in ("queued", "running"):
        assert time.monotonic() < until, shown
        time.sleep(0.2)
    return shown
