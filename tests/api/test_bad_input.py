"""What cannot be answered is refused with a code and its place, at once, and no log holds what was asked."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from hub.catalog.models import Dataset
from hub.local import postgres
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
MARK = "asked4711"
"""In whatever is asked; no log may hold it."""
SECONDS = 0.02
FLIGHTS = "datasets/dot.flights"


@dataclass(frozen=True)
class Wrong:
    """A question that nobody can answer; ``place`` is the parameter at fault, ``says`` what its message has in it."""

    name: str
    params: Mapping[str, str]
    place: str = ""
    says: str = ""
    code: str = "parameter-invalid"
    seconds: float = SECONDS


def _filter(name: str, text: str, says: str, code: str = "filter-invalid", seconds: float = SECONDS) -> Wrong:
    return Wrong(name, {"filter": text}, "filter", says, code, seconds)


FILTERS = (
    _filter("no filter", " ", "empty", "parameter-invalid"),
    _filter("filter that ends", f"名字 = '{MARK}' AND", "(character 20)"),
    _filter("filter on what is hidden", f"ssn = '{MARK}'", "'ssn' (character 0)", "unknown-field"),
    _filter("filter on what is not there", f"nosuch = '{MARK}'", "'nosuch' (character 0)", "unknown-field"),
    _filter("text that does not end", f"名字 = '{MARK}", "(character 5)"),
    _filter("statement", f"id = 1; DROP TABLE {MARK}", "(character 6)"),
    _filter("8 KB and more", f"名字 = '{MARK}' OR " + "id = 1 OR " * 1000 + "id = 2", "8,192"),
    _filter("8 KB of filter", f"名字 = '{MARK}' OR " + "id = 1 OR " * 815 + "id =", "too early"),
    _filter(
        "8 KB of values", f"名字 = '{MARK}' AND id IN (" + "1234," * 1620 + ")", "Unexpected ')'; expected a value"
    ),
    _filter("33 deep", "(" * 33 + f"名字 = '{MARK}'" + ")" * 33, "32 deep (character 32)"),
    _filter("33 times not", "NOT " * 33 + f"名字 = '{MARK}'", "32 deep (character 128)"),
    _filter("10,000 values", f"名字 IN ('{MARK}'" + ",'x'" * 9_999 + ")", "8,192"),
    _filter("5,000 digits", f"delay < {'9' * 5000} OR 名字 = '{MARK}'", "400 digits"),
    _filter("exponent without end", f"delay < 1e400000 OR 名字 = '{MARK}'", "400 (character 8)"),
    _filter("no number", "delay = NaN", "'NaN' (character 8)", "unknown-field"),
    _filter("infinite moment", "at < TIMESTAMP('-infinity')", "(character 15)"),
    _filter("infinite date", "at < DATE('infinity')", "(character 10)"),
    _filter("30 February", "at < DATE('2024-02-30')", "(character 10)"),
    _filter("NUL in a text", f"名字 = '{MARK}\0'", "NUL (character 15)"),
    _filter("pattern that ends in \\", f"名字 LIKE '{MARK}\\'", "backslash (character 8)"),
)
LIMITS = tuple(
    Wrong(f"limit {text[:6]}", {"limit": text}, "limit", "from 1 to 10000")
    for text in ("0", "-1", "10001", "1e3", "9" * 5000, MARK)
)
CURSORS = tuple(
    Wrong(f"cursor {text[:6]!r}", {"cursor": text}, "", "cursor", "cursor-invalid")
    for text in (MARK, "A" * 5000, "中\0", "cur_", "cur_AAAA==", "cur_" + "A" * 80)
)
UNKNOWN = tuple(
    Wrong(f"{parameter} {name}", {parameter: f"{wish}{name}"}, parameter, name, "unknown-field")
    for parameter, wish in (("properties", ""), ("sortby", "-"))
    for name in ("ssn", "nosuch")
)
QUESTIONS: Mapping[str, tuple[Wrong, ...]] = {
    "rows": (
        *(*FILTERS, *LIMITS, *CURSORS, *UNKNOWN),
        Wrong("hidden field", {"ssn": MARK}, "ssn", code="unknown-field"),
        Wrong("unknown parameter", {"nosuch": MARK}, "nosuch", code="unknown-field"),
        Wrong("infinite value", {"at": "infinity"}, "at", "point in time", "filter-invalid"),
        *(
            Wrong(f"value {text[:6]}", {"id": text}, "id", "equals no such value", "filter-invalid")
            for text in (str(2**63), str(-(2**63) - 1), "1e19", "1e400", "NaN")
        ),
        Wrong("exponent of a value", {"id": "1e999999"}, "id", "400", "filter-invalid"),
        Wrong("format", {"f": f"doc{MARK}"}, "f", "json, ndjson, csv"),
        Wrong("count", {"count": MARK}, "count", "none, estimate, exact"),
        Wrong("field twice", {"sortby": "id,-id"}, "sortby", "twice"),
    ),
    "aggregate": (
        *(*FILTERS, *LIMITS, *CURSORS),
        Wrong("hidden group", {"groupby": "ssn"}, "groupby", "ssn", "unknown-field"),
        Wrong("hidden measure", {"agg": "max:ssn"}, "agg", "ssn", "unknown-field"),
        Wrong("unknown measure", {"agg": f"median:{MARK}"}, "agg", "is no aggregate"),
    ),
    "changes": (
        *LIMITS,
        Wrong("unknown parameter", {"filter": MARK}, "filter", "no parameter"),
        *(Wrong(w.name, {"since": w.params["cursor"]}, "", "cursor", "cursor-invalid") for w in CURSORS),
    ),
    "file.csv": (
        Wrong("filter of a file", {"filter": MARK}, "", "no parameter filter"),
        Wrong("hidden parameter", {"ssn": MARK}, "", "no parameter ssn"),
    ),
}
CASES = [pytest.param(route, wrong, id=f"{route} {wrong.name}") for route, ws in QUESTIONS.items() for wrong in ws]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that the hub and its database have written down since the test began; others share the server."""
    before = {log: log.stat().st_size for log in _database_logs()}
    caplog.set_level(logging.INFO)

    def text() -> str:
        written = "".join(log.read_bytes()[before.get(log, 0) :].decode(errors="replace") for log in _database_logs())
        entries = re.split(r"(?m)^(?=\d{4}-\d{2}-\d{2} )", written)
        own = f"] {connection.settings_dict['NAME']} "
        return "".join((*(record.getMessage() for record in caplog.records), *(one for one in entries if own in one)))

    return text


def test_each_is_refused_at_once_and_nowhere_written_down(
    flights: Dataset, reader: Api, logged: Callable[[], str]
) -> None:
    browser = Browser(headers={"Authorization": f"Bearer {reader.token}"})
    for case in CASES:
        route, wrong = case.values

        response = reader.get(f"{FLIGHTS}/{route}", dict(wrong.params))

        problem = response.json()
        assert (response.status_code, problem.get("code")) == (400, wrong.code), (case.id, problem)
        assert wrong.says in problem["detail"], (case.id, problem)
        assert [error["field"] for error in problem.get("errors", ())] == [wrong.place] * bool(wrong.place), case.id
        assert _is_quick(browser, route, wrong), case.id
    assert MARK not in logged()
    assert "ERROR" not in logged()


@pytest.mark.parametrize("route", ["rows", "aggregate"])
def test_what_is_hidden_is_answered_as_what_is_not_there(flights: Dataset, reader: Api, route: str) -> None:
    shapes = ({"filter": "{} = 'x'"}, {"{}": "x"}, {"sortby": "{}"})
    more = {"rows": ({"properties": "id,{}"},), "aggregate": ({"groupby": "{}"}, {"agg": "count,max:{}"})}
    for shape in (*shapes, *more[route]):
        hidden, unknown = (
            reader.get(f"{FLIGHTS}/{route}", {k.format(name): v.format(name) for k, v in shape.items()}).content
            for name in ("ssn", "zzz")
        )
        assert hidden.replace(b"ssn", b"zzz") == unknown, shape


def test_foreign_cursors_are_refused(flights: Dataset, reader: Api, as_agency: Callable[..., Api]) -> None:
    cursor = reader.get(f"{FLIGHTS}/rows", {"limit": "3"}).json()["page"]["next"]
    since = reader.get(f"{FLIGHTS}/changes", {"limit": "3"}).json()["page"]["next"]
    asked = [
        (as_agency("spy"), "rows", {"limit": "3", "cursor": cursor}),
        (reader, "rows", {"limit": "3", "cursor": cursor, "sortby": "at"}),
        (reader, "rows", {"limit": "3", "cursor": cursor, "filter": "id > 0"}),
        (reader, "rows", {"limit": "3", "cursor": since}),
        (reader, "aggregate", {"limit": "3", "cursor": cursor}),
        (reader, "changes", {"since": cursor}),
        (as_agency("spy"), "changes", {"since": since}),
    ]
    for api, route, params in asked:
        response = api.get(f"{FLIGHTS}/{route}", params)
        assert (response.status_code, response.json()["code"]) == (400, "cursor-invalid"), (route, params)


@pytest.mark.parametrize("row", [MARK, f"{MARK},2", "9" * 3000, f"{MARK}%5C", "%00", "9223372036854775808", "%FF"])
def test_keys_of_no_row_are_written_nowhere(flights: Dataset, reader: Api, logged: Callable[[], str], row: str) -> None:
    response = reader.get(f"{FLIGHTS}/rows/{row}")

    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert row[:9] not in logged()


def test_formats_and_parts_that_are_not_there(flights: Dataset, reader: Api, settings: Any, tmp_path: Path) -> None:
    settings.HUB_DATA = tmp_path
    unknown = reader.get(f"{FLIGHTS}/file.doc")
    beyond = reader.get(f"{FLIGHTS}/file.csv", Range="bytes=999999-")
    export = reader.post(f"{FLIGHTS}/exports", {"format": "doc"})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range-not-satisfiable")
    assert (export.status_code, export.json()["errors"][0]["field"]) == (400, "format")


def _is_quick(browser: Browser, route: str, wrong: Wrong) -> bool:
    """Whether some try works no longer than it may; the clock has more patience, as others take the processor away."""
    tries = (_taken(browser, route, wrong.params) for _ in range(50))
    return any(work < wrong.seconds and waited < 10 * wrong.seconds for work, waited in tries)


def _taken(browser: Browser, route: str, params: Mapping[str, str]) -> tuple[float, float]:
    """Seconds of the processor, and of the clock, from question to answer."""
    work, began = time.thread_time(), time.perf_counter()
    browser.get(f"/api/v1/{FLIGHTS}/{route}", dict(params))
    return time.thread_time() - work, time.perf_counter() - began


def _database_logs() -> list[Path]:
    return sorted((postgres.data() / "log").glob("*.log"))
