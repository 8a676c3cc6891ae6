"""Servers of JSON as sources: an API that gives pages, and a CKAN site."""

import json
from abc import abstractmethod
from contextlib import ExitStack
from typing import Any, ClassVar, Literal

import pytest

from connectors.kinds.ckan import tables
from connectors.testing import Asked, Reply, serving
from tests.connectors.sources.content import Content, Peer

PAGE = 10


class Web(Peer):
    """Answers with what it holds by then."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.content, self.is_cut = Content(()), False
        stack = ExitStack()
        request.addfinalizer(stack.close)
        self.config["url"] = stack.enter_context(serving(self.answer)).url

    def put(self, content: Content) -> None:
        self.content, self.is_cut = content, False

    def cut(self) -> None:
        self.is_cut = True

    @abstractmethod
    def answer(self, asked: Asked) -> Reply: ...

    def cut_behind(self, start: int, body: bytes) -> Reply:
        """An answer that ends in its middle, but for the first."""
        return Reply(body[: len(body) // 2], length=len(body)) if self.is_cut and start else Reply(body)


class Rest(Web):
    """Pages by number, from a time on where one is asked for."""

    kind: ClassVar[str] = "rest"
    is_incremental: ClassVar[bool] = True
    while_read: ClassVar[Literal["as it was", "told", "by page"]] = "by page"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.config["paging"] = {"kind": "page"}
        self.select = {"path": "things", "since": "since"}

    def answer(self, asked: Asked) -> Reply:
        since = asked.params.get("since", "")
        records = [record for record in self.content.records() if not since or (record["at"] or "") >= since]
        start = (int(asked.params.get("page", "1")) - 1) * PAGE
        return self.cut_behind(start, json.dumps(records[start : start + PAGE]).encode())


class Ckan(Web):
    """A table of the DataStore, in the order of the numbers that it gives the rows."""

    kind: ClassVar[str] = "ckan"
    while_read: ClassVar[Literal["as it was", "told", "by page"]] = "told"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        request.getfixturevalue("monkeypatch").setattr(tables, "_PAGE", PAGE)
        self.select = {"resource": "things"}

    def answer(self, asked: Asked) -> Reply:
        types = {"text": "text", "time": "timestamptz"}
        if asked.path.endswith("/resource_show"):
            return Reply(json.dumps({"success": True, "result": {"id": "things", "datastore_active": True}}).encode())
        start, size = int(asked.params["offset"]), int(asked.params["limit"])
        records = [{"_id": number, **record} for number, record in enumerate(self.content.records(), start=1)]
        columns = {"_id": "int", **{name: types[type_] for name, type_ in self.content.columns.items()}}
        result: dict[str, Any] = {
            "fields": [{"id": name, "type": type_} for name, type_ in columns.items()],
            "total": len(records),
            "records": records[start : start + size],
        }
        return self.cut_behind(start, json.dumps({"success": True, "result": result}).encode())
