"""Files as sources: in every form, and in every place."""

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import xlsxwriter

from connectors.testing import Asked, Reply, serving
from tests.connectors.peers import PASSWORD, SftpPeer, s3_serving, sftp_serving
from tests.connectors.sources.content import Content, Peer

Form = Callable[[Content], bytes]


def as_csv(content: Content) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([list(content.columns), *(["" if cell is None else cell for cell in row] for row in content.rows)])
    return text.getvalue().encode()


def as_gz(content: Content) -> bytes:
    return gzip.compress(as_csv(content))


def as_zip(content: Content) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("things.csv", as_csv(content))
    return packed.getvalue()


def as_json(content: Content) -> bytes:
    return json.dumps(content.records()).encode()


def as_ndjson(content: Content) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in content.records()).encode()


def as_xlsx(content: Content) -> bytes:
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([tuple(content.columns), *content.rows]):
            sheet.write_row(number, 0, row)
    return packed.getvalue()


def as_parquet(content: Content) -> bytes:
    packed = io.BytesIO()
    types = {"text": pa.string(), "time": pa.timestamp("us", "UTC")}
    arrays = {
        name: pa.array([_typed(record[name], type_) for record in content.records()], types[type_])
        for name, type_ in content.columns.items()
    }
    parquet.write_table(pa.table(arrays), packed, row_group_size=10)
    return packed.getvalue()


def _typed(cell: str | None, type_: str) -> Any:
    return datetime.fromisoformat(cell) if cell is not None and type_ == "time" else cell


class Files(Peer):
    """One file of ``form`` in a folder of the hub's machine; a new one takes its place."""

    kind: ClassVar[str] = "file"
    cut_as: ClassVar[frozenset[str]] = frozenset({"source-truncated", "source-down", "source-not-json"})

    def __init__(self, request: pytest.FixtureRequest, name: str, form: Form) -> None:
        super().__init__(request)
        self.name, self.form = name, form
        self.folder: Path = request.getfixturevalue("folder")
        self.config["url"] = f"file://{self.folder}/"
        self.select = {"path": name, "missing": [""]}

    def put(self, content: Content) -> None:
        self.write(self.form(content))

    def cut(self) -> None:
        whole = self.read()
        self.write(whole[: len(whole) // 2])

    def write(self, body: bytes) -> None:
        (self.folder / ".new").write_bytes(body)
        os.replace(self.folder / ".new", self.folder / self.name)

    def read(self) -> bytes:
        return (self.folder / self.name).read_bytes()


class WebFiles(Files):
    """Over HTTP, where an answer says how long it will be."""

    def __init__(self, request: pytest.FixtureRequest, name: str, form: Form) -> None:
        super().__init__(request, name, form)
        stack = ExitStack()
        request.addfinalizer(stack.close)
        self.config["url"] = stack.enter_context(serving(self._answer)).url
        self._length: int | None = None

    def write(self, body: bytes) -> None:
        super().write(body)
        self._length = None

    def cut(self) -> None:
        length = len(self.read())
        super().cut()
        self._length = length

    def _answer(self, asked: Asked) -> Reply:
        return Reply((self.folder / unquote(asked.path).strip("/")).read_bytes(), type="", length=self._length)


class CkanFiles(WebFiles):
    """Put into a CKAN site that keeps no tables."""

    kind: ClassVar[str] = "ckan"

    def __init__(self, request: pytest.FixtureRequest, name: str, form: Form) -> None:
        super().__init__(request, name, form)
        self.select = {"resource": "things", "missing": [""]}

    def _answer(self, asked: Asked) -> Reply:
        if not asked.path.endswith("/resource_show"):
            return super()._answer(asked)
        resource = {"id": "things", "url": self.config["url"] + self.name}
        return Reply(json.dumps({"success": True, "result": resource}).encode())


class SftpFiles(Files):
    """On a server that pins its key."""

    def __init__(self, request: pytest.FixtureRequest, name: str, form: Form) -> None:
        super().__init__(request, name, form)
        stack = ExitStack()
        request.addfinalizer(stack.close)
        peer = stack.enter_context(sftp_serving(SftpPeer(self.folder)))
        self.config, self.secrets = peer.config(), {"password": PASSWORD}


class S3Files(Files):
    """Objects of a store that checks signatures."""

    def __init__(self, request: pytest.FixtureRequest, name: str, form: Form) -> None:
        super().__init__(request, name, form)
        stack = ExitStack()
        request.addfinalizer(stack.close)
        self._peer = stack.enter_context(s3_serving())
        self.config, self.secrets = self._peer.config(), self._peer.secrets

    def write(self, body: bytes) -> None:
        super().write(body)
        self._peer.put(self.name, body)
