"""Reading JSON APIs: every way of paging ends, every digit stays, every refusal is explained."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.base import Extract
from connectors.kinds.rest import Rest
from connectors.registry import faults
from connectors.testing import Answering, Asked, ConnectorContract, Reply, Served, rows_of
from hub.errors import SourceDown, SourceMalformed, SourceMissing, SourceRefused

Serve = Callable[[Answering | bytes], Served]
SIXTY = "数据共享交换平台" * 7 + "字段名称"
ROWS = [{"id": number, "name": f"n{number}"} for number in range(1, 8)]
CELLS = [[str(row["id"]), row["name"]] for row in ROWS]


def rest(served: Served, secrets: Mapping[str, str] | None = None, **config: Any) -> Rest:
    source = Rest({"url": served.url, "allow_loopback": True, **config}, secrets or {})
    assert faults(source.config_schema, source.config) == ()
    return source


def read(source: Rest, *columns: str, **select: Any) -> list[list[str]]:
    return rows_of(source.read(Extract(select, columns)))


def reply(document: Any, **headers: str) -> Reply:
    return Reply(json.dumps(document).encode(), headers=headers)


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, serve: Serve) -> Rest:
        return rest(serve(lambda asked: reply({"data": ROWS})))

    @pytest.fixture
    def unreachable(self) -> Rest:
        config = {"url": "http://127.0.0.1:1/", "allow_loopback": True, "auth": {"kind": "bearer"}}
        return Rest(config, {"token": "very-secret"})

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"path": "weather", "records": "data"}


def by_number(asked: Asked) -> Reply:
    """Seven records, three a page."""
    page = int(asked.params["page"])
    return reply({"data": ROWS[3 * page - 3 : 3 * page]})


def by_offset(asked: Asked) -> Reply:
    """At most two records, however many are asked for."""
    start = int(asked.params["skip"])
    return reply({"data": ROWS[start : start + min(2, int(asked.params["limit"]))]})


def by_link(asked: Asked) -> Reply:
    page = int(asked.params.get("p", "1"))
    following = {"Link": f'<?p={page + 1}>; rel="next", </>; rel="first"'} if page < 3 else {}
    return reply({"data": ROWS[3 * page - 3 : 3 * page]}, **following)


def by_next(asked: Asked) -> Reply:
    page = int(asked.params.get("p", "1"))
    following = f"/weather?p={page + 1}" if page < 3 else None
    return reply({"data": ROWS[3 * page - 3 : 3 * page], "links": {"next": following}})


def by_cursor(asked: Asked) -> Reply:
    start = int(asked.params.get("after", "x0")[1:])
    following = f"x{start + 3}" if start + 3 < len(ROWS) else ""
    return reply({"data": ROWS[start : start + 3], "meta": {"after": following}})


@pytest.mark.parametrize(
    ("answer", "paging", "requests"),
    [
        (by_number, {"kind": "page", "size_param": "per_page", "size": 3}, 3),
        (by_number, {"kind": "page"}, 4),
        (by_offset, {"kind": "offset", "offset_param": "skip", "size_param": "limit", "size": 1000}, 5),
        (by_link, {"kind": "link"}, 3),
        (by_next, {"kind": "next", "field": "links.next"}, 3),
        (by_cursor, {"kind": "cursor", "field": "meta.after", "cursor_param": "after"}, 3),
    ],
)
def test_every_way_of_paging_gives_all_records(
    serve: Serve, answer: Answering, paging: dict[str, Any], requests: int
) -> None:
    served = serve(answer)

    assert read(rest(served, paging=paging), path="weather", records="data") == CELLS
    assert len(served.asked) == requests


def test_first_page_and_parameters_are_kept(serve: Serve) -> None:
    served = serve(lambda asked: reply(ROWS if asked.params["page"] == "0" else []))
    source = rest(served, paging={"kind": "page", "first": 0, "size_param": "n", "size": 100})

    assert len(read(source, params={"station": "北京", "raw": True, "limit": 5})) == 7
    assert [asked.params for asked in served.asked] == [
        {"station": "北京", "raw": "true", "limit": "5", "n": "100", "page": page} for page in ("0", "1")
    ]


def test_not_found_after_the_last_page_is_the_end(serve: Serve) -> None:
    served = serve(lambda asked: reply(ROWS) if asked.params["page"] == "1" else Reply(status=404))

    assert read(rest(served, paging={"kind": "page"})) == CELLS


@pytest.mark.parametrize(
    ("answer", "paging"),
    [
        (lambda asked: reply(ROWS), {"kind": "page"}),
        (lambda asked: reply(ROWS), {"kind": "offset"}),
        (lambda asked: reply(ROWS, Link='</weather>; rel="next"'), {"kind": "link"}),
        (lambda asked: reply({"next": "/x", "data": ROWS}), {"kind": "next"}),
        (lambda asked: reply({"cursor": "same", "data": ROWS}), {"kind": "cursor"}),
    ],
)
def test_paging_without_end_is_an_error(serve: Serve, answer: Answering, paging: dict[str, Any]) -> None:
    served = serve(answer)
    select = {"records": "data"} if paging["kind"] in ("next", "cursor") else {}

    with pytest.raises(SourceMalformed) as caught:
        read(rest(served, paging=paging), path="weather", **select)

    assert caught.value.code == "source-endless-pages"
    assert len(served.asked) <= 3


def test_values_keep_every_digit(serve: Serve) -> None:
    body = (
        '[{"i": 9007199254740993, "d": 1.10, "e": 1E400, "t": true, "f": false, "n": null, "s": "a\\tb\\\\\\n",'
        ' "o": {"x": [1.50, "é", null]}, "u": "\\u6c49"}]'
    )

    assert read(rest(serve(body.encode()))) == [
        ["9007199254740993", "1.10", "1E400", "true", "false", "\\N", "a\\tb\\\\\\n", '{"x":[1.50,"é",null]}', "汉"]
    ]


def test_differing_keys_make_one_table(serve: Serve) -> None:
    source = rest(serve(json.dumps([{"a": 1}, {"b": 2, SIXTY: 3}, 4, {"a": "x\0"}]).encode()))

    (batch,) = source.read(Extract({}))
    assert (batch.columns, batch.copy) == (("a", "b", SIXTY), b"1\t1\t\\N\t\\N\n2\t\\N\t2\t3\n")
    assert [(reject.position, reject.code) for reject in batch.rejects] == [(3, "not-an-object"), (4, "nul")]
    assert read(source, SIXTY, "later") == [["\\N", "\\N"], ["3", "\\N"], ["\\N", "\\N"]]


def test_incremental_read_passes_the_cursor_on(serve: Serve) -> None:
    served = serve(by_number)
    source = rest(served, paging={"kind": "page", "size_param": "n", "size": 3})
    select = {"records": "data", "since": "updated_since"}

    list(source.read(Extract(select, ("id",), cursor="at", since="2013-01-01T05:00:00Z")))

    assert source.is_incremental(select)
    assert not source.is_incremental({})
    assert {asked.params["updated_since"] for asked in served.asked} == {"2013-01-01T05:00:00Z"}


@pytest.mark.parametrize(
    ("auth", "secrets", "header", "value"),
    [
        ({"kind": "bearer"}, {"token": "t"}, "Authorization", "Bearer t"),
        ({"kind": "header", "name": "X-Api-Key"}, {"token": "t"}, "X-Api-Key", "t"),
        ({"kind": "basic"}, {"user": "用户", "password": "p"}, "Authorization", "Basic 55So5oi3OnA="),
    ],
)
def test_signs_in_each_way(
    serve: Serve, auth: dict[str, str], secrets: dict[str, str], header: str, value: str
) -> None:
    served = serve(lambda asked: Reply(status=200 if asked.headers.get(header) == value else 401, body=b'[{"a": 1}]'))

    assert read(rest(served, secrets, auth=auth)) == [["1"]]
    with pytest.raises(SourceRefused) as wrong:
        read(rest(served, dict.fromkeys(secrets, "wrong"), auth=auth))
    with pytest.raises(SourceRefused) as absent:
        read(rest(served, {}, auth=auth))
    assert (wrong.value.code, absent.value.code) == ("source-refused", "source-no-secret")
    assert "wrong" not in wrong.value.message + wrong.value.hint


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (
            Reply(b"<html>Sign in, Ms Example</html>", type="text/html; charset=utf-8"),
            SourceMalformed,
            "source-not-json",
        ),
        (Reply(b'[{"a": NaN}]'), SourceMalformed, "source-not-json"),
        (Reply(b"[" * 100_000), SourceMalformed, "source-not-json"),
        (Reply(b""), SourceMalformed, "source-not-json"),
        (Reply(b'[{"a": 1}', length=100), SourceMalformed, "source-truncated"),
        (Reply(b'{"rows": []}'), SourceMalformed, "source-no-records"),
        (Reply(b"[]"), SourceMalformed, "source-empty"),
        (Reply(status=403), SourceRefused, "source-refused"),
        (Reply(status=404), SourceMissing, "source-missing"),
        (Reply(status=400), SourceMalformed, "source-status"),
        (Reply(status=204), SourceMalformed, "source-status"),
        (Reply(status=503), SourceDown, "source-down"),
        (Reply(status=429, headers={"Retry-After": "3600"}), SourceDown, "source-busy"),
    ],
)
def test_what_is_no_data_is_explained(serve: Serve, answer: Reply, error: type[Exception], code: str) -> None:
    source = rest(serve(lambda asked: answer))
    source.sleep = lambda seconds: None  # type: ignore[method-assign]

    with pytest.raises(error) as caught:
        read(source, path="weather", params={"key": "very-secret"})

    assert caught.value.code == code  # type: ignore[attr-defined]
    assert caught.value.hint  # type: ignore[attr-defined]
    assert "Example" not in str(caught.value)
    assert "very-secret" not in str(caught.value)


def test_web_page_names_its_type(serve: Serve) -> None:
    with pytest.raises(SourceMalformed, match="did not give JSON but text/html"):
        read(rest(serve(lambda asked: Reply(b"<html>", type="text/html; charset=utf-8"))))


def test_busy_server_is_asked_again_when_it_said(serve: Serve) -> None:
    served = serve(
        lambda asked: reply(ROWS) if len(served.asked) > 2 else Reply(status=429, headers={"Retry-After": "7"})
    )
    source = rest(served)
    waits: list[float] = []
    source.sleep = waits.append  # type: ignore[method-assign,assignment]

    assert read(source) == CELLS
    assert waits == [7.0, 7.0]


def test_failing_server_is_asked_again_with_growing_pauses(serve: Serve) -> None:
    served = serve(lambda asked: reply(ROWS) if len(served.asked) > 3 else Reply(status=502))
    source = rest(served)
    waits: list[float] = []
    source.sleep = waits.append  # type: ignore[method-assign,assignment]

    assert read(source) == CELLS
    assert len(waits) == 3
    assert all(0.1 * 2**n / 2 <= wait <= 0.1 * 2**n for n, wait in enumerate(waits, start=1))


def test_discover_finds_where_the_records_are(serve: Serve) -> None:
    (found,) = rest(serve(lambda asked: reply({"meta": {"n": 7}, "data": {"items": ROWS}}))).discover()

    assert (found.select, [(column.name, column.type) for column in found.columns]) == (
        {"records": "data.items"},
        [("id", "integer"), ("name", "string")],
    )


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"url": "http://user:pw@host/"}, "config.url"),
        ({"url": "ftp://host/"}, "config.url"),
        ({"url": "http://host/", "auth": {"kind": "header"}}, "config.auth"),
        ({"url": "http://host/", "paging": {"kind": "pages"}}, "config.paging.kind"),
        ({"url": "http://host/", "paging": {"kind": "page", "size": 10}}, "config.paging"),
        ({"url": "http://host/", "verify": False}, "config"),
    ],
)
def test_bad_configuration_is_named(config: dict[str, Any], field: str) -> None:
    assert [fault.field for fault in faults(Rest.config_schema, config, "config")] == [field]
